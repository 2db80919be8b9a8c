//! Declares the functions of the C interface from its description, for the target `c_calls`. A function that the target
//! does not call is an error there.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use serde_json::Value;

const INTERFACE: &str = "../include/tango_token.json";
/// The ends of the types of callbacks, which abi.rs of the target declares.
const CALLBACKS: [&str; 8] = ["_load", "_save", "_lock", "_unlock", "_release", "_sign", "_callback", "_done"];

fn main() {
    println!("cargo::rerun-if-changed={INTERFACE}");
    let interface = fs::read(INTERFACE).expect("the description of the C interface");
    let interface: Value = serde_json::from_slice(&interface).expect("it is JSON");
    let (mut objects, mut functions) = (BTreeSet::new(), String::new());
    for function in array(&interface, "functions") {
        let parameters = array(function, "parameters").iter().map(|parameter| string(parameter, "type"));
        let parameters: Vec<_> = parameters.map(|of| format!("_: {}", rust_type(of, &mut objects))).collect();
        let returned = match string(function, "returns") {
            "void" => String::new(),
            of => format!(" -> {}", rust_type(of, &mut objects)),
        };
        let name = string(function, "name");
        writeln!(functions, "    pub fn {name}({}){returned};", parameters.join(", ")).expect("a string");
    }
    let mut code = String::new();
    for object in objects {
        writeln!(code, "#[repr(C)]\npub struct {object}([u8; 0]);").expect("a string");
    }
    write!(code, "unsafe extern \"C\" {{\n{functions}}}\n").expect("a string");
    let file = Path::new(&env::var_os("OUT_DIR").expect("set by cargo")).join("functions.rs");
    fs::write(file, code).expect("the directory can be written");
}

fn array<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().expect(name)
}

fn string<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect(name)
}

fn rust_type(of: &str, objects: &mut BTreeSet<String>) -> String {
    if let Some(pointed) = of.strip_suffix('*') {
        let pointed = pointed.trim();
        return match pointed.strip_prefix("const ").filter(|pointed| !pointed.ends_with('*')) {
            Some(constant) => format!("*const {}", rust_type(constant, objects)),
            None => format!("*mut {}", rust_type(pointed, objects)),
        };
    }
    match of {
        "int32_t" | "tango_status" => "i32".into(),
        "uint32_t" => "u32".into(),
        "int64_t" => "i64".into(),
        "uint64_t" => "u64".into(),
        "size_t" => "usize".into(),
        "double" => "f64".into(),
        "char" => "c_char".into(),
        "void" => "c_void".into(),
        callback if CALLBACKS.iter().any(|end| callback.ends_with(end)) => format!("Option<{}>", camel(callback)),
        object if object.starts_with("tango_") => {
            objects.insert(camel(object));
            camel(object)
        }
        other => panic!("{INTERFACE} has the type {other}, which this does not know"),
    }
}

/// `tango_dpop_key` is `DpopKey` here.
fn camel(name: &str) -> String {
    let words = name.split('_').skip(1);
    words.map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..])).collect()
}

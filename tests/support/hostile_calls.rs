//! Writes C that calls every function of the header with every wrong argument.

use std::fmt::Write;

use serde_json::Value;

/// The pointers that may be NULL, by what the header says. Anything else has to be refused by its name.
const MAY_BE_NULL: [(&str, &[&str]); 8] = [
    ("tango_client_observe", &["dpop_nonce", "www_authenticate", "date"]),
    ("tango_config_set_cache_callbacks", &["release", "user_data"]),
    ("tango_dpop_key_from_signer", &["release", "user_data"]),
    ("tango_dpop_proof_new", &["access_token", "nonce"]),
    ("tango_log_set_callback", &["callback", "user_data"]),
    ("tango_log_set_record_callback", &["callback", "user_data"]),
    ("tango_token_acquire_start", &["user_data", "request"]),
    ("tango_callback_fail", &["reason"]),
];

struct Parameter {
    kind: String,
    name: String,
}

struct Function {
    name: String,
    returns: String,
    doc: String,
    parameters: Vec<Parameter>,
}

/// Returns the functions as one header, whose `call_all` calls them and returns how many there are.
pub fn source(interface: &Value) -> String {
    let functions: Vec<_> = interface["functions"].as_array().unwrap().iter().map(Function::read).collect();
    let mut source = String::from("static int call_all(void)\n{\n");
    for function in &functions {
        function.write(&mut source);
    }
    for status in interface["enums"][0]["members"].as_array().unwrap() {
        writeln!(source, "    CHECK(tango_status_name({}) != NULL);", status["value"]).unwrap();
    }
    writeln!(source, "    return {};\n}}", functions.len()).unwrap();
    source
}

impl Function {
    fn read(function: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let parameters = function["parameters"].as_array().unwrap().iter();
        Self {
            name: text(&function["name"]),
            returns: text(&function["returns"]),
            doc: text(&function["doc"]),
            parameters: parameters
                .map(|parameter| Parameter { kind: text(&parameter["type"]), name: text(&parameter["name"]) })
                .collect(),
        }
    }

    fn write(&self, source: &mut String) {
        let can_fail = self.parameters.last().is_some_and(|last| last.kind == "tango_error **");
        if can_fail { self.write_fallible(source) } else { self.write_getter(source) }
    }

    fn write_fallible(&self, source: &mut String) {
        for (index, parameter) in self.arguments() {
            for (value, expected) in self.wrong_values(parameter) {
                let mut arguments = self.right_arguments();
                arguments[index] = value;
                self.call(source, &arguments, &parameter.name, expected);
            }
        }
        let may_all_be_null =
            self.arguments().all(|(_, parameter)| !parameter.is_pointer() || self.allows_null(parameter));
        let nothing = |(_, parameter): (usize, &Parameter)| {
            if parameter.is_pointer() { "NULL".to_owned() } else { parameter.right_value(self) }
        };
        let all: Vec<_> = self.arguments().map(nothing).collect();
        self.call(source, &all, "", if may_all_be_null { "FINE" } else { "INVALID" });
    }

    /// All parameters but the last, which is the error's.
    fn arguments(&self) -> impl Iterator<Item = (usize, &Parameter)> {
        self.parameters[..self.parameters.len() - 1].iter().enumerate()
    }

    fn right_arguments(&self) -> Vec<String> {
        self.arguments().map(|(_, parameter)| parameter.right_value(self)).collect()
    }

    fn call(&self, source: &mut String, arguments: &[String], wrong: &str, expected: &str) {
        let out = self.parameters.iter().rev().skip(1).find_map(Parameter::made_object);
        for (error, has_error) in [("&error", 1), ("NULL", 0)] {
            let mut arguments = arguments.to_vec();
            arguments.push(error.into());
            let call = format!("{}({})", self.name, arguments.join(", "));
            writeln!(source, "    CALL(\"{wrong}\", {expected}, {call}, {has_error});").unwrap();
            if arguments.iter().any(|argument| argument == "released") {
                writeln!(source, "    releases_due++;").unwrap();
            }
            if self.name == "tango_token_acquire_start" && expected == "FINE" {
                writeln!(source, "    starts++;").unwrap();
            }
            if let Some(object) = out.as_ref().filter(|_| expected != "INVALID") {
                writeln!(source, "    FREE({object});").unwrap();
            }
        }
    }

    /// Functions without an error take NULL, any number and any string. All arguments but one are right.
    fn write_getter(&self, source: &mut String) {
        let wrong = |parameter: &Parameter| match (parameter.is_pointer(), parameter.kind.as_str()) {
            (true, "const char *") => ["NULL", "NOT_UTF8", "longest", "EMPTY", "CONTROL"].map(str::to_owned).to_vec(),
            (true, _) => vec!["NULL".to_owned()],
            (false, "int32_t") => ["-1", "INT32_MIN", "INT32_MAX", "1000"].map(str::to_owned).to_vec(),
            (false, "size_t") => ["SIZE_MAX", "1000"].map(str::to_owned).to_vec(),
            (false, kind) => panic!("{}: no wrong values of {kind} are known", self.name),
        };
        if self.parameters.is_empty() {
            let call = format!("{}()", self.name);
            match self.returns.strip_suffix(" *").filter(|object| object.starts_with("tango_")) {
                Some(object) => writeln!(source, "    calls++, {object}_free({call});").unwrap(),
                None => writeln!(source, "    calls += {call} != 0;").unwrap(),
            }
        }
        let with = |index: usize, value: &str| {
            let argument = |(at, parameter): (usize, &Parameter)| {
                if at == index { value.to_owned() } else { parameter.right_value(self) }
            };
            let arguments: Vec<_> = self.parameters.iter().enumerate().map(argument).collect();
            format!("{}({})", self.name, arguments.join(", "))
        };
        let parameters = self.parameters.iter().enumerate();
        for call in parameters.flat_map(|(index, one)| wrong(one).into_iter().map(move |value| with(index, &value))) {
            let nothing = match self.returns.as_str() {
                "void" => {
                    writeln!(source, "    calls++, {call};").unwrap();
                    continue;
                }
                pointer if pointer.ends_with('*') => "NULL",
                "double" => {
                    writeln!(source, "    calls++;\n    CHECK(isnan({call}));").unwrap();
                    continue;
                }
                _ if self.doc.contains("-1 ") => "-1",
                _ => "0",
            };
            writeln!(source, "    GETTER({nothing}, {call});").unwrap();
        }
    }

    fn allows_null(&self, parameter: &Parameter) -> bool {
        MAY_BE_NULL.iter().any(|(name, parameters)| *name == self.name && parameters.contains(&&*parameter.name))
    }

    /// Returns wrong values, each with what the call has to do.
    fn wrong_values(&self, parameter: &Parameter) -> Vec<(String, &'static str)> {
        let mut values = Vec::new();
        if parameter.is_pointer() {
            // The stub that signs fails, so such a key is never made.
            let fine = if self.name == "tango_dpop_key_from_signer" { "ANY" } else { "FINE" };
            values.push(("NULL".into(), if self.allows_null(parameter) { fine } else { "INVALID" }));
        }
        if parameter.kind == "const char *" {
            let from_a_server = self.name == "tango_client_observe";
            let refused = if from_a_server { "FINE" } else { "INVALID" };
            values.extend([("NOT_UTF8".into(), refused), ("longest".into(), refused)]);
            values.extend([("EMPTY".into(), "ANY"), ("CONTROL".into(), "ANY")]);
        }
        if let Some(known) = parameter.known_numbers(self) {
            for number in ["-1", "0", "3", "6", "INT32_MIN", "INT32_MAX"] {
                let is_known = number.parse().is_ok_and(|number: i32| known.contains(&number));
                values.push((number.into(), if is_known { "ANY" } else { "INVALID" }));
            }
        }
        if parameter.kind == "uint32_t" {
            values.extend([("0".into(), "FINE"), ("UINT32_MAX".into(), "FINE")]);
        }
        values
    }
}

impl Parameter {
    fn is_pointer(&self) -> bool {
        self.kind.ends_with('*') || self.is_callback()
    }

    fn is_callback(&self) -> bool {
        self.kind.starts_with("tango_") && !self.kind.contains('*')
    }

    /// Returns the type of the object that the function makes through this parameter.
    fn made_object(&self) -> Option<String> {
        self.kind.strip_suffix(" **").filter(|object| *object != "const char").map(str::to_owned)
    }

    /// Returns the numbers of the enum, or `None` if every number is right.
    fn known_numbers(&self, function: &Function) -> Option<Vec<i32>> {
        if self.kind != "int32_t" {
            return None;
        }
        Some(match self.name.as_str() {
            "environment" | "format" => vec![1, 2],
            "mode" => vec![0, 1, 2],
            "allowed" => vec![0, 1],
            "algorithm" if function.name == "tango_dpop_key_from_pem" => (0..=5).collect(),
            "algorithm" | "max_level" => (1..=5).collect(),
            "level" => (0..=5).collect(),
            "http_status" => return None,
            name => panic!("{}: the numbers of {name} are not known", function.name),
        })
    }

    fn right_value(&self, function: &Function) -> String {
        let value = match (self.kind.as_str(), self.name.as_str()) {
            ("tango_config *" | "const tango_config *", _) if function.name == "tango_client_new" => "loaded",
            ("tango_config *" | "const tango_config *", _) => "config",
            ("const tango_client *", _) => "client",
            ("const tango_token *", _) => "token",
            ("const tango_dpop_key *", _) => "key",
            ("const tango_authorization *", _) => "authorization",
            ("const tango_stats *", _) => "stats",
            ("const char *", "url") => "url",
            ("const char *", "method") => "\"GET\"",
            ("const char *", "pem") => "pem",
            ("const char *", "jwk" | "public_jwk") => "jwk",
            ("const char *", _) => "\"string\"",
            ("int32_t" | "uint32_t", _) => "1",
            ("size_t", _) => "0",
            ("void *", _) => "&calls",
            ("tango_acquire_done", _) => "done",
            ("tango_log_callback", _) => "logged",
            ("tango_log_record_callback", _) => "record_logged",
            ("tango_cache_load", _) => "cache_load",
            ("tango_cache_save", _) => "cache_save",
            ("tango_cache_lock", _) => "cache_lock",
            ("tango_cache_unlock", _) => "cache_unlock",
            ("tango_dpop_sign", _) => "sign",
            ("tango_cache_release" | "tango_dpop_release", _) => "released",
            (kind, _) if kind.ends_with(" **") || kind == "int32_t *" => return format!("({kind})&place"),
            (kind, name) => panic!("{}: no value of the type {kind} of {name} is known", function.name),
        };
        value.into()
    }
}

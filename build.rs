//! Sets the library's SONAME or install name, and with the feature `header` writes the C header from the source.

#[path = "src/ffi/abi.rs"]
mod abi;

fn main() {
    println!("cargo:rerun-if-changed=src/ffi/abi.rs");
    link_options();
    #[cfg(feature = "header")]
    header();
}

fn link_options() {
    let version = abi::TANGO_ABI_VERSION;
    let options = match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        // The library's thread runs its code: unloading it under that thread would crash, so dlclose keeps it. On other
        // systems src/unloading.rs does that.
        Ok("linux") => vec![format!("-soname,libtango_token.so.{version}"), "-z,nodelete".into()],
        Ok("macos") => vec![format!("-install_name,@rpath/libtango_token.{version}.dylib")],
        _ => Vec::new(),
    };
    for option in options {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{option}");
    }
}

#[cfg(feature = "header")]
fn header() {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    let crate_directory = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    cbindgen::generate(crate_directory)
        .expect("cbindgen reads src and cbindgen.toml")
        .write_to_file("include/tango_token.h");
}

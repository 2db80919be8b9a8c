//! Sets the library's SONAME, and with the feature `header` writes the C header from the source.

#[path = "src/ffi/abi.rs"]
mod abi;

fn main() {
    println!("cargo:rerun-if-changed=src/ffi/abi.rs");
    link_options();
    #[cfg(feature = "header")]
    header();
}

fn link_options() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libtango_token.so.{}", abi::TANGO_ABI_VERSION);
        // The library's thread runs its code: unloading it under that thread would crash, so dlclose keeps it.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
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

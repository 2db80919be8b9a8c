//! Builds a program with the files that `make install` writes, as its author would: with pkg-config and with CMake,
//! linked dynamically and statically. Then runs it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::geteuid;
use support::programs::command_of;
use support::sandbox::Sandbox;
use support::{fresh_directory, functions_of_the_header, installed_prefix, root, scratch, succeed};

const SOURCE: &str = "examples/c/acquire.c";

/// Copies the installed tree to another place, as packagers do.
fn moved_prefix(name: &str) -> PathBuf {
    let moved = fresh_directory(name);
    succeed(Command::new("cp").arg("-a").arg(installed_prefix().join(".")).arg(&moved));
    moved
}

fn pkg_config(libdir: &Path, options: &[&str]) -> Vec<String> {
    let mut query = Command::new("pkg-config");
    query.args(options).arg("tango-token").env("PKG_CONFIG_PATH", libdir.join("pkgconfig"));
    String::from_utf8(succeed(&mut query).stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

/// Compiles the example, and links it with what pkg-config prints for these options.
fn compile(libdir: &Path, name: &str, link: &[&str]) -> PathBuf {
    let executable = scratch().join(name);
    let mut compiler = Command::new("cc");
    compiler.arg("-D_POSIX_C_SOURCE=200809L").arg(root().join(SOURCE)).args(pkg_config(libdir, &["--cflags"]));
    succeed(compiler.args(pkg_config(libdir, link)).arg("-o").arg(&executable));
    executable
}

/// Runs a program, which must get a token.
fn assert_gets_token(program: &mut Command) {
    let sandbox = Sandbox::start(&[]);
    sandbox.configure(program);
    let printed = String::from_utf8(succeed(program).stderr).unwrap();
    assert!(printed.starts_with("1. Bearer token for raas.all"), "{printed}");
}

fn needs_shared_library(executable: &Path) -> bool {
    let dynamic = succeed(Command::new("readelf").arg("--dynamic").arg(executable));
    String::from_utf8_lossy(&dynamic.stdout).contains("[libtango_token.so.1]")
}

#[test]
fn pkg_config_links_dynamically() {
    let libdir = moved_prefix("moved-for-pkg-config").join("lib");
    for (name, link) in [("pkg-config-dynamic", &["--libs"][..]), ("pkg-config-private", &["--static", "--libs"])] {
        let executable = compile(&libdir, name, link);
        assert_gets_token(command_of(&executable).env("LD_LIBRARY_PATH", &libdir));
        assert!(needs_shared_library(&executable));
    }
}

#[test]
fn pkg_config_links_statically_by_its_variable() {
    let libdir = moved_prefix("moved-for-static").join("lib");
    let executable = compile(&libdir, "pkg-config-static", &["--variable=static_libs"]);
    assert_gets_token(&mut command_of(&executable));
    assert!(!needs_shared_library(&executable));
}

#[test]
fn pkg_config_links_statically_where_the_shared_library_is_missing() {
    let libdir = moved_prefix("moved-without-shared").join("lib");
    fs::remove_file(libdir.join("libtango_token.so")).unwrap();
    let executable = compile(&libdir, "pkg-config-archive", &["--static", "--libs"]);
    assert_gets_token(&mut command_of(&executable));
    assert!(!needs_shared_library(&executable));
}

/// Compiles the second Rust library, and a program that is linked statically with it, with this one and with libcrypto.
fn link_with_second_library() -> PathBuf {
    let directory = fresh_directory("two-rust-libraries");
    let (second, executable) = (directory.join("libsecond.a"), directory.join("program"));
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2021", "-O", "--crate-type=staticlib", "-o"]).arg(&second);
    succeed(rustc.arg(root().join("tests/c/second_library.rs")));
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-Wall", "-Wextra", "-Werror"]).arg(root().join("tests/c/two_rust_libraries.c"));
    let libdir = installed_prefix().join("lib");
    compiler.args(pkg_config(&libdir, &["--cflags"])).arg(&second).arg("-l:libcrypto.a");
    succeed(compiler.args(pkg_config(&libdir, &["--variable=static_libs"])).arg("-o").arg(&executable));
    executable
}

#[test]
fn static_library_works_beside_another_one_in_rust_and_openssl() {
    let executable = link_with_second_library();
    let sandbox = Sandbox::start(&[]);
    let mut program = command_of(&executable);
    sandbox.configure(&mut program);
    assert_eq!(String::from_utf8(succeed(&mut program).stdout).unwrap(), "Bearer\n");
    assert!(!needs_shared_library(&executable));
}

#[test]
fn global_symbols_of_the_static_library_are_the_functions_of_the_header() {
    let mut nm = Command::new("nm");
    nm.args(["--extern-only", "--defined-only", "--format=posix"]).arg(installed_prefix().join("lib/libtango_token.a"));
    let table = String::from_utf8(succeed(&mut nm).stdout).unwrap();
    let symbols = table.lines().filter_map(|line| line.split_once(' ')).map(|(symbol, _)| symbol.to_owned());
    let mut defined: Vec<_> = symbols.collect();
    let mut declared = functions_of_the_header();
    defined.sort();
    declared.sort();
    assert_eq!(defined, declared);
}

/// Configures a project that asks for this version; says whether CMake found it.
fn cmake_finds(version: &str, prefix: &Path, build: &Path) -> bool {
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(root().join("tests/cmake")).arg("-B").arg(build).arg(format!("-DVERSION={version}"));
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    let output = configure.arg(format!("-DSOURCE={}", root().join(SOURCE).display())).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || errors.contains("compatible with requested version"), "{errors}");
    output.status.success()
}

#[test]
fn cmake_links_dynamically_and_statically() {
    let prefix = moved_prefix("moved-for-cmake");
    let build = fresh_directory("cmake-build");
    assert!(cmake_finds("0.1", &prefix, &build));
    succeed(Command::new("cmake").arg("--build").arg(&build));
    let (dynamic, linked_statically) = (build.join("dynamic"), build.join("static"));
    // CMake writes the directory of the library into the program.
    assert_gets_token(&mut command_of(&dynamic));
    assert!(needs_shared_library(&dynamic));
    assert_gets_token(&mut command_of(&linked_statically));
    assert!(!needs_shared_library(&linked_statically));
}

#[test]
fn cmake_finds_compatible_versions_only() {
    let installed = env!("CARGO_PKG_VERSION");
    let versions =
        [("", true), ("0", true), ("0.1", true), (installed, true), ("0.0", false), ("0.2", false), ("1", false)];
    for (version, is_compatible) in versions {
        let build = fresh_directory("cmake-version");
        assert_eq!(cmake_finds(version, installed_prefix(), &build), is_compatible, "version {version:?}");
    }
}

#[test]
fn static_libraries_are_those_that_rustc_names() {
    let mut ask = Command::new(env!("CARGO"));
    // In the profile of the tests: the list does not depend on it, and the installed build stays as it is.
    ask.args(["rustc", "--package", "tango-token", "--lib", "--crate-type", "staticlib", "--quiet"]);
    ask.args(["--", "--print", "native-static-libs"]).current_dir(root());
    let printed = String::from_utf8(succeed(&mut ask).stderr).unwrap();
    let named = printed.lines().find_map(|line| line.strip_prefix("note: native-static-libs: ")).unwrap();
    let mut documented = pkg_config(&installed_prefix().join("lib"), &["--static", "--libs-only-l"]);
    documented.retain(|option| option != "-ltango_token");
    assert_eq!(documented.join(" "), named.trim());
}

/// The files below a directory, and the symbolic links.
fn files(directory: &Path) -> Vec<PathBuf> {
    let list = succeed(Command::new("find").arg(directory).args(["-not", "-type", "d"]));
    String::from_utf8(list.stdout).unwrap().lines().map(PathBuf::from).collect()
}

#[test]
fn libraries_are_installed_into_libdir_and_uninstall_removes_every_file() {
    let prefix = fresh_directory("libdir-prefix");
    let libdir = prefix.join("lib/some-architecture");
    let make = |target: &str| {
        let mut make = Command::new("make");
        make.args([target, &format!("PREFIX={}", prefix.display()), &format!("LIBDIR={}", libdir.display())]);
        succeed(make.current_dir(root()));
    };
    make("install");
    assert!(prefix.join("bin/tango-sandbox").exists() && prefix.join("share/man/man1/tango-token-exec.1").exists());
    succeed(Command::new(prefix.join("bin/tango-token")).arg("--version"));
    let executable = compile(&libdir, "pkg-config-libdir", &["--libs"]);
    assert_gets_token(command_of(&executable).env("LD_LIBRARY_PATH", &libdir));
    let build = fresh_directory("cmake-libdir");
    assert!(cmake_finds("0", &libdir.join("cmake"), &build));
    succeed(Command::new("cmake").arg("--build").arg(&build));
    assert_gets_token(&mut command_of(&build.join("dynamic")));

    make("uninstall");
    assert_eq!(files(&prefix), Vec::<PathBuf>::new());
}

/// In a mount namespace of its own, this sees an empty /usr/local and a copy of /etc, and ends with the program.
#[test]
fn program_starts_after_root_installs_into_the_default_prefix() {
    installed_prefix();
    let (etc, executable) = (fresh_directory("etc"), scratch().join("default-prefix"));
    let script = format!(
        r#"mount -t tmpfs tmpfs /usr/local
        cp -a /etc/. "$1" 2>/dev/null || true
        mount --bind "$1" /etc
        # What it installs was built before: a toolchain in /usr/local is out of sight.
        make --silent --old-file=lib --old-file=sandbox --old-file=cli install
        export PKG_CONFIG_PATH=/usr/local/lib/pkgconfig
        cc -D_POSIX_C_SOURCE=200809L {SOURCE} -o "$2" $(pkg-config --cflags --libs tango-token)
        exec "$2""#
    );
    let mut shell = Command::new("unshare");
    if !geteuid().is_root() {
        shell.args(["--user", "--map-root-user"]);
    }
    shell.args(["--mount", "sh", "-ec", &script, "sh"]).arg(etc).arg(&executable).env_remove("LD_LIBRARY_PATH");
    assert_gets_token(shell.current_dir(root()));
    assert!(needs_shared_library(&executable));
}

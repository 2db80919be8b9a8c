//! Builds a program with an installed prefix as its author would, with pkg-config and with CMake, linked dynamically
//! and statically, and runs it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::sandbox::Sandbox;
use support::{installed_prefix, root, scratch, succeed};

const SOURCE: &str = "examples/c/acquire.c";

/// Copies the installed tree to another place, as packagers do.
fn moved_prefix(name: &str) -> PathBuf {
    let moved = fresh(name);
    succeed(Command::new("cp").arg("-a").arg(installed_prefix().join(".")).arg(&moved));
    moved
}

fn fresh(name: &str) -> PathBuf {
    let directory = scratch().join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn pkg_config(prefix: &Path, options: &[&str]) -> Vec<String> {
    let mut query = Command::new("pkg-config");
    query.args(options).arg("tango-token").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    String::from_utf8(succeed(&mut query).stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

fn compile(prefix: &Path, executable: &Path, link: &[String]) {
    let mut compiler = Command::new("cc");
    compiler.arg("-D_POSIX_C_SOURCE=200809L").arg(root().join(SOURCE)).args(pkg_config(prefix, &["--cflags"]));
    succeed(compiler.args(link).arg("-o").arg(executable));
}

/// Runs the program, which gets a token, and returns whether it needs the shared library.
fn run(executable: &Path, library_path: Option<&Path>) -> bool {
    let sandbox = Sandbox::start(&[]);
    let mut program = Command::new(executable);
    sandbox.configure(&mut program);
    if let Some(path) = library_path {
        program.env("LD_LIBRARY_PATH", path);
    }
    let said = String::from_utf8(succeed(&mut program).stderr).unwrap();
    assert!(said.starts_with("1. Bearer token for raas.all"), "{said}");
    let needed = succeed(Command::new("readelf").arg("--dynamic").arg(executable));
    String::from_utf8_lossy(&needed.stdout).contains("[libtango_token.so.1]")
}

#[test]
fn program_builds_with_pkg_config() {
    let prefix = moved_prefix("moved-for-pkg-config");
    let executable = scratch().join("pkg-config-dynamic");
    compile(&prefix, &executable, &pkg_config(&prefix, &["--libs"]));
    assert!(run(&executable, Some(&prefix.join("lib"))));

    let executable = scratch().join("pkg-config-static");
    let archive = pkg_config(&prefix, &["--variable=static_library"]);
    let system = pkg_config(&prefix, &["--static", "--libs-only-l"]);
    let system = system.into_iter().filter(|option| option != "-ltango_token");
    compile(&prefix, &executable, &archive.into_iter().chain(system).collect::<Vec<_>>());
    assert!(!run(&executable, None));
}

#[test]
fn program_builds_with_cmake() {
    let prefix = moved_prefix("moved-for-cmake");
    let project = root().join("tests/cmake");
    let build = fresh("cmake-build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(project).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    succeed(configure.arg(format!("-DSOURCE={}", root().join(SOURCE).display())));
    succeed(Command::new("cmake").arg("--build").arg(&build));
    assert!(run(&build.join("dynamic"), None), "CMake writes the library's path into the program");
    assert!(!run(&build.join("static"), None));
}

/// The libraries in the .pc file, for static linking, are those that rustc reports.
#[test]
fn static_link_line_of_pkg_config_is_that_of_the_compiler() {
    let mut ask = Command::new(env!("CARGO"));
    // In the profile of the tests: the list does not depend on it, and the installed build stays as it is.
    ask.args(["rustc", "--package", "tango-token", "--lib", "--crate-type", "staticlib", "--quiet"]);
    ask.args(["--", "--print", "native-static-libs"]).current_dir(root());
    let said = String::from_utf8(succeed(&mut ask).stderr).unwrap();
    let compilers = said.lines().find_map(|line| line.strip_prefix("note: native-static-libs: ")).unwrap();
    let mut documented = pkg_config(installed_prefix(), &["--static", "--libs-only-l"]);
    documented.retain(|option| option != "-ltango_token");
    assert_eq!(documented.join(" "), compilers.trim());
}

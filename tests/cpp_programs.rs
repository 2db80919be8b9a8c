//! The C++ header, and the C++ programs of tests/cpp and examples/cpp against a sandbox: alone, under valgrind, and
//! under the sanitizers.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use support::programs::{EVERY_TOOL, Under};
use support::sandbox::Sandbox;
use support::{fresh_folder, installed_prefix, root, scratch, succeed};

const COMPILERS: [&str; 2] = ["g++", "clang++"];
const WITHOUT_EXCEPTIONS: [&str; 2] = ["-fno-exceptions", "-fno-rtti"];
const STRICT: [&str; 7] = ["-g", "-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Wconversion", "-Werror"];
const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover"];

/// A program of one file in tests/cpp, to be compiled as it needs.
struct Source {
    name: &'static str,
    compiler: &'static str,
    standard: &'static str,
    options: &'static [&'static str],
}

impl Source {
    fn new(name: &'static str) -> Self {
        Self { name, compiler: "g++", standard: "c++17", options: &[] }
    }

    fn options(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }

    fn standard(self, standard: &'static str) -> Self {
        Self { standard, ..self }
    }

    fn compiler(self, compiler: &'static str) -> Self {
        Self { compiler, ..self }
    }

    /// A file of its own for each way to compile it: tests run at the same time.
    fn build(&self, under: Under) -> Program {
        let way = format!("{}-{}-{under:?}", self.compiler, self.standard);
        let executable = scratch().join(format!("cpp-{}-{way}{}", self.name, self.options.concat()));
        let mut compiler = self.compile(under);
        compiler.arg(root().join("tests/cpp").join(self.name).with_extension("cpp")).arg("-o").arg(&executable);
        succeed(compiler.args(linked()).args(self.options));
        Program { executable, under }
    }

    fn compile(&self, under: Under) -> Command {
        let mut compiler = Command::new(self.compiler);
        compiler.arg(format!("-std={}", self.standard)).args(STRICT).args(self.options);
        if matches!(under, Under::Sanitizers) {
            compiler.args(SANITIZERS);
        }
        compiler.arg("-I").arg(installed_prefix().join("include"));
        compiler
    }
}

fn linked() -> Vec<String> {
    let library = installed_prefix().join("lib").display().to_string();
    vec![format!("-L{library}"), format!("-Wl,-rpath,{library}"), "-ltango_token".into(), "-pthread".into()]
}

struct Program {
    executable: PathBuf,
    under: Under,
}

impl Program {
    /// Ready to run in the sandbox's environment and no other.
    fn command(&self, sandbox: &Sandbox) -> Command {
        let mut command = match self.under {
            Under::Nothing | Under::Sanitizers => Command::new(&self.executable),
            Under::Valgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--num-callers=30"]);
                // Without "possibly lost", for the reason that tests/support/programs.rs gives.
                valgrind.args(["--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect"]);
                valgrind.arg(&self.executable);
                valgrind
            }
        };
        in_its_environment(&mut command, sandbox);
        command
    }

    fn prints(&self, sandbox: &Sandbox, expected: &str) {
        let output = succeed(&mut self.command(sandbox));
        assert_eq!(printed(&output), format!("{expected}\n"), "{:?} {:?}", self.executable, self.under);
    }
}

fn in_its_environment(command: &mut Command, sandbox: &Sandbox) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TANGO_")) {
        command.env_remove(name);
    }
    command.envs(&sandbox.variables).env("TANGO_PROXY", "none");
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn without_quota() -> Sandbox {
    Sandbox::start(&["--quota-window-seconds", "0"])
}

fn header(name: &str) -> PathBuf {
    installed_prefix().join("include").join(name)
}

fn compiles_alone(compiler: &str, language: &str, standard: &str, options: &[&str], header: &Path) {
    let mut check = Command::new(compiler);
    check.args(["-x", language, &format!("-std={standard}")]).args(STRICT).args(options);
    succeed(check.arg("-fsyntax-only").arg(header));
}

#[test]
fn the_header_compiles_alone_in_every_standard_and_mode() {
    for compiler in COMPILERS {
        for standard in ["c++17", "c++20", "c++2b"] {
            for options in
                [&["-Wold-style-cast", "-Wnon-virtual-dtor"][..], &WITHOUT_EXCEPTIONS[..1], &WITHOUT_EXCEPTIONS]
            {
                compiles_alone(compiler, "c++", standard, options, &header("tango_token.hpp"));
            }
        }
    }
}

#[test]
fn the_c_header_compiles_alone_with_both_compilers() {
    for (compilers, language, standards) in
        [(["gcc", "clang"], "c", ["c99", "c11", "c2x"]), (COMPILERS, "c++", ["c++11", "c++17", "c++20"])]
    {
        for compiler in compilers {
            for standard in standards {
                compiles_alone(compiler, language, standard, &[], &header("tango_token.h"));
            }
        }
    }
}

#[test]
fn every_function_of_the_c_interface_can_be_reached() {
    let header = std::fs::read_to_string(header("tango_token.hpp")).unwrap();
    let names: Vec<_> = header.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    let symbols = std::fs::read_to_string(root().join("tests/c/exported_symbols.txt")).unwrap();
    let lacking: Vec<_> = symbols.lines().filter(|symbol| !names.contains(symbol)).collect();
    assert_eq!(lacking, Vec::<&str>::new());
}

#[test]
fn no_macro_stays_behind() {
    for compiler in COMPILERS {
        let mut list = Command::new(compiler);
        list.args(["-x", "c++", "-std=c++20", "-dM", "-E"]).arg(header("tango_token.hpp"));
        let macros = printed(&succeed(&mut list));
        let mut ours: Vec<_> = macros.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        ours.retain(|name| name.to_ascii_lowercase().contains("tango"));
        ours.sort_unstable();
        assert_eq!(ours, ["TANGO_ABI_VERSION", "TANGO_TOKEN_H", "TANGO_TOKEN_HPP"], "{compiler}");
    }
}

#[test]
fn handles_are_moved_cloned_and_freed_once() {
    let sandbox = without_quota();
    for under in EVERY_TOOL {
        Source::new("objects").build(under).prints(&sandbox, "every handle was freed once");
    }
    let clang = Source::new("objects").compiler("clang++").standard("c++20");
    clang.build(Under::Nothing).prints(&sandbox, "every handle was freed once");
}

#[test]
fn an_error_has_every_field_however_it_arrives() {
    let sandbox = Sandbox::start(&[]);
    let body = json!({"error": "invalid_grant", "error_description": "wrong", "i18nKey": "a.key", "message": "words"});
    let headers = json!({"content-type": "application/json", "x-request-id": "r-1"});
    let answer = json!({"status": 400, "headers": headers, "body": body.to_string()});
    for under in EVERY_TOOL {
        sandbox.script(&json!([answer, answer]));
        let output = succeed(&mut Source::new("errors").build(under).command(&sandbox));
        let lines = printed(&output);
        let count = |line: &str| lines.lines().filter(|seen| *seen == line).count();
        for line in [
            "status=TANGO_STATUS_CREDENTIALS_REFUSED",
            "http_status=400",
            "oauth_error=invalid_grant",
            "oauth_error_description=wrong",
            "i18n_key=a.key",
            "server_message=words",
            "request_id=r-1",
        ] {
            assert_eq!(count(line), 2, "{under:?}: {line}\n{lines}");
        }
        assert_eq!(
            lines.matches("message=the server does not accept the credentials").count(),
            2,
            "{under:?}: {lines}"
        );
        let seconds: Vec<u32> =
            lines.lines().filter_map(|line| line.strip_prefix("retry_after=")?.parse().ok()).collect();
        assert!(seconds.len() == 2 && seconds.iter().all(|seconds| (1..=60).contains(seconds)), "{under:?}: {lines}");
    }
}

#[test]
fn an_error_lacks_what_nobody_said() {
    let sandbox = Sandbox::start(&[]);
    let mut command = Source::new("errors").build(Under::Nothing).command(&sandbox);
    let lines = printed(&succeed(command.env("TANGO_TOKEN_URL", "https://127.0.0.1:1/oauth/token")));
    assert_eq!(lines.matches("status=TANGO_STATUS_CONNECT_FAILED").count(), 2, "{lines}");
    for field in ["http_status", "oauth_error", "oauth_error_description", "i18n_key", "server_message", "request_id"] {
        assert_eq!(lines.matches(&format!("\n{field}=(none)")).count(), 2, "{field}: {lines}");
    }
}

#[test]
fn ten_thousand_asynchronous_acquires_end_once_each() {
    for under in EVERY_TOOL {
        let sandbox = Sandbox::start(&["--latency-ms", "6000", "--quota-window-seconds", "0"]);
        Source::new("async").build(under).prints(&sandbox, "each acquire ended once");
        assert_eq!(sandbox.token_requests(), 2, "{under:?}: one for all, one after the invalidation");
    }
}

#[test]
fn what_a_callback_throws_does_not_reach_c() {
    let sandbox = Sandbox::start(&[]);
    let output = Source::new("throwing_callback").build(Under::Nothing).command(&sandbox).output().unwrap();
    assert_eq!((output.status.code(), printed(&output).as_str()), (Some(3), "terminated\n"));
}

#[test]
fn who_is_asked_to_stop_waits_no_longer() {
    for under in EVERY_TOOL {
        let sandbox = Sandbox::start(&["--latency-ms", "3000"]);
        Source::new("stop_token").standard("c++20").build(under).prints(&sandbox, "stopped");
    }
}

#[test]
fn without_exceptions_every_call_gives_a_result() {
    let sandbox = without_quota();
    for under in EVERY_TOOL {
        // The undefined-behaviour sanitizer looks into run-time type information.
        let options = if matches!(under, Under::Sanitizers) { &WITHOUT_EXCEPTIONS[..1] } else { &WITHOUT_EXCEPTIONS };
        let source = Source { options, ..Source::new("no_exceptions") };
        source.build(under).prints(&sandbox, "every call gave a result");
    }
    let clang = Source::new("no_exceptions").options(&WITHOUT_EXCEPTIONS).compiler("clang++");
    clang.build(Under::Nothing).prints(&sandbox, "every call gave a result");
}

/// Whichever comes first when they are linked: the linker takes the first of two functions with one name.
#[test]
fn parts_with_and_without_exceptions_are_one_program() {
    let sandbox = without_quota();
    let folder = fresh_folder("cpp-two-modes");
    let with = Source::new("two_modes");
    let without = Source::new("two_modes_without").options(&WITHOUT_EXCEPTIONS);
    let objects = [with, without].map(|source| {
        let object = folder.join(source.name).with_extension("o");
        let file = root().join("tests/cpp").join(source.name).with_extension("cpp");
        succeed(source.compile(Under::Nothing).arg("-c").arg(file).arg("-o").arg(&object));
        object
    });
    for order in [[0, 1], [1, 0]] {
        let executable = folder.join(format!("program-{order:?}"));
        let mut link = Command::new("g++");
        link.args(order.map(|index| &objects[index])).args(linked()).arg("-o").arg(&executable);
        succeed(&mut link);
        Program { executable, under: Under::Nothing }.prints(&sandbox, "each in its own way");
    }
}

#[test]
fn keys_proofs_and_headers() {
    let sandbox = without_quota();
    for under in EVERY_TOOL {
        Source::new("dpop").options(&["-lcrypto"]).build(under).prints(&sandbox, "keys, proofs and headers");
    }
}

#[test]
fn a_class_of_the_programs_own_shares_the_token() {
    for under in EVERY_TOOL {
        let sandbox = Sandbox::start(&[]);
        Source::new("shared_cache").build(under).prints(&sandbox, "one token through the program's own cache");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}");
    }
}

#[test]
fn the_log_goes_where_it_belongs() {
    let sandbox = without_quota();
    for under in EVERY_TOOL {
        Source::new("log").build(under).prints(&sandbox, "each line went where it belongs");
    }
}

/// The figures are for people; what is checked is that the header takes no memory.
#[test]
fn a_cached_acquire_takes_no_memory_of_the_headers_own() {
    let sandbox = Sandbox::start(&[]);
    let program = Source::new("cached_acquire").options(&["-O2"]).build(Under::Nothing);
    let figures = printed(&succeed(&mut program.command(&sandbox)));
    println!("cached acquire and free, ns\n{figures}");
    assert_eq!(figures.lines().count(), 3);
}

fn run_example(build: &Path, program: &str, sandbox: &Sandbox, variables: &[(&str, &str)], paths: &[&str]) -> Output {
    let mut command = Command::new(build.join(program));
    in_its_environment(&mut command, sandbox);
    command.envs(variables.iter().copied());
    let api = sandbox.variable("TANGO_API_URL");
    command.args(paths.iter().map(|path| format!("{api}{path}"))).output().unwrap()
}

#[test]
fn the_examples_call_the_api() {
    let build = fresh_folder("cpp-examples");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(root().join("examples/cpp")).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", installed_prefix().display()));
    succeed(configure.arg(format!("-DCMAKE_CXX_FLAGS={}", STRICT.join(" "))));
    succeed(Command::new("cmake").arg("--build").arg(&build));

    let sandbox = Sandbox::start(&[]);
    let output = run_example(&build, "bearer", &sandbox, &[], &["/accounts"]);
    assert!(output.status.success() && printed(&output).contains("sandbox-account"), "{output:?}");
    assert_eq!((sandbox.token_requests(), sandbox.statistic("api_requests")), (1, 1));

    let sandbox = Sandbox::start(&["--dpop", "strict", "--dpop-nonce", "required"]);
    let output = run_example(&build, "dpop", &sandbox, &[], &["/accounts", "/catalogs"]);
    assert!(output.status.success(), "{output:?}");
    assert!(printed(&output).contains("sandbox-account") && printed(&output).contains("Sandbox Catalog"));
    // One nonce challenge by each server, and a good proof for the token and for each call.
    assert_eq!((sandbox.statistic("nonce_challenges"), sandbox.statistic("dpop_proofs_accepted")), (2, 3));
    assert_eq!((sandbox.statistic("api_requests"), sandbox.statistic("dpop_proofs_refused")), (3, 0));

    let sandbox = Sandbox::start(&[]);
    let output = run_example(&build, "dpop", &sandbox, &[("TANGO_DPOP", "off")], &["/accounts"]);
    assert!(output.status.success() && sandbox.statistic("dpop_proofs_accepted") == 0, "{output:?}");

    let sandbox = Sandbox::start(&[]);
    let output = run_example(&build, "dpop", &sandbox, &[("TANGO_PASSWORD", "not-this-one")], &["/accounts"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("TANGO_STATUS_CREDENTIALS_REFUSED") && said.contains("request id"), "{said}");
    assert!(!said.contains("not-this-one"), "{said}");
}

//! The C++ header, and the C++ programs of tests/cpp and examples/cpp against a sandbox: alone, under valgrind, and
//! under the sanitizers.

mod support;

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use support::programs::{EVERY_TOOL, Program, Source, Under, linked};
use support::sandbox::Sandbox;
use support::{fresh_folder, installed_prefix, root, succeed};

const COMPILERS: [&str; 2] = ["g++", "clang++"];
const WITHOUT_EXCEPTIONS: [&str; 2] = ["-fno-exceptions", "-fno-rtti"];
const STRICT: [&str; 6] = ["-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Wconversion", "-Werror"];

/// A program of one file in tests/cpp.
fn source(name: &str) -> Source {
    Source::new(&format!("tests/cpp/{name}.cpp"))
}

fn prints(program: &Program, sandbox: &Sandbox, expected: &str) {
    assert_eq!(printed(&program.run(sandbox)), format!("{expected}\n"), "{:?}", program.executable());
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Under each tool at the same time: most of what they do is to wait.
fn under_every_tool(check: impl Fn(Under) + Sync) {
    std::thread::scope(|scope| {
        for under in EVERY_TOOL {
            let check = &check;
            scope.spawn(move || check(under));
        }
    });
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

/// What a compiler says of a text.
fn compile(compiler: &str, options: &[&str], folder: &Path, text: &str) -> Output {
    let file = folder.join("text.cpp");
    std::fs::write(&file, text).unwrap();
    let mut check = Command::new(compiler);
    check.args(["-std=c++20", "-fsyntax-only"]).args(options);
    check.arg("-I").arg(installed_prefix().join("include")).arg(file).output().unwrap()
}

#[test]
fn the_header_compiles_alone_with_both_compilers_in_both_modes() {
    for compiler in COMPILERS {
        for standard in ["c++17", "c++2b"] {
            for options in [["-Wold-style-cast", "-Wnon-virtual-dtor"], WITHOUT_EXCEPTIONS] {
                compiles_alone(compiler, "c++", standard, &options, &header("tango_token.hpp"));
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
    let mut lacking = support::functions_of_the_header();
    lacking.retain(|function| !names.contains(&function.as_str()));
    assert_eq!(lacking, Vec::<String>::new());
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
    under_every_tool(|under| {
        prints(&source("objects").build(under), &sandbox, "every handle was freed once");
    });
    let clang = source("objects").compiler("clang++").standard("c++20").build(Under::Nothing);
    prints(&clang, &sandbox, "every handle was freed once");
}

#[test]
fn an_error_has_every_field_however_it_arrives() {
    let body = json!({"error": "invalid_grant", "error_description": "wrong", "i18nKey": "a.key", "message": "words"});
    let headers = json!({"content-type": "application/json", "x-request-id": "r-1"});
    let answer = json!({"status": 400, "headers": headers, "body": body.to_string()});
    under_every_tool(|under| {
        let sandbox = Sandbox::start(&[]);
        sandbox.script(&json!([answer, answer]));
        let output = source("errors").build(under).run(&sandbox);
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
    });
}

#[test]
fn an_error_lacks_what_nobody_said() {
    let sandbox = Sandbox::start(&[]);
    let mut command = source("errors").build(Under::Nothing).command(&sandbox);
    command.env("TANGO_TOKEN_URL", "https://127.0.0.1:1/oauth/token").env("TANGO_TOTAL_TIMEOUT_MS", "1000");
    let lines = printed(&succeed(&mut command));
    assert_eq!(lines.matches("status=TANGO_STATUS_CONNECT_FAILED").count(), 2, "{lines}");
    for field in ["http_status", "oauth_error", "oauth_error_description", "i18n_key", "server_message", "request_id"] {
        assert_eq!(lines.matches(&format!("\n{field}=(none)")).count(), 2, "{field}: {lines}");
    }
}

/// The server takes its time, so that all are under way before the first token comes; valgrind needs more of it.
#[test]
fn ten_thousand_asynchronous_acquires_end_once_each() {
    under_every_tool(|under| {
        let latency_ms = if matches!(under, Under::Valgrind) { "8000" } else { "3000" };
        let sandbox = Sandbox::start(&["--latency-ms", latency_ms]);
        let mut command = source("async").build(under).command(&sandbox);
        for timeout in ["TANGO_CONNECT_TIMEOUT_MS", "TANGO_ATTEMPT_TIMEOUT_MS", "TANGO_TOTAL_TIMEOUT_MS"] {
            command.env(timeout, "120000");
        }
        assert_eq!(printed(&succeed(&mut command)), "each acquire ended once\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}: one for all");
    });
}

#[test]
fn a_callback_ends_once_wherever_the_objects_around_it_end() {
    under_every_tool(|under| {
        let sandbox = Sandbox::start(&["--latency-ms", "300", "--quota-window-seconds", "0"]);
        prints(&source("callbacks").build(under), &sandbox, "each callback ended once");
    });
}

/// It ends the program, with the reason.
#[test]
fn what_a_callback_throws_does_not_reach_c() {
    let sandbox = Sandbox::start(&[]);
    let program = source("throwing_callback").build(Under::Nothing);
    for (kind, reason) in [("acquire", "from a callback"), ("log", "from a log")] {
        let output = program.command(&sandbox).arg(kind).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{kind}: {said}");
        assert!(said.contains("std::logic_error") && said.contains(reason), "{kind}: {said}");
    }
}

#[test]
fn copies_of_secrets_are_wiped() {
    let sandbox = Sandbox::start(&[]);
    prints(&source("wiped").build(Under::Nothing), &sandbox, "nothing was left");
}

#[test]
fn who_is_asked_to_stop_waits_no_longer() {
    under_every_tool(|under| {
        let sandbox = Sandbox::start(&["--latency-ms", "1500"]);
        prints(&source("stop_token").standard("c++20").build(under), &sandbox, "stopped");
    });
}

#[test]
fn without_exceptions_every_call_gives_a_result() {
    let sandbox = without_quota();
    under_every_tool(|under| {
        // The undefined-behaviour sanitizer looks into run-time type information.
        let options = if matches!(under, Under::Sanitizers) { &WITHOUT_EXCEPTIONS[..1] } else { &WITHOUT_EXCEPTIONS };
        prints(&source("no_exceptions").options(options).build(under), &sandbox, "every call gave a result");
    });
    let clang = source("no_exceptions").options(&WITHOUT_EXCEPTIONS).compiler("clang++").build(Under::Nothing);
    prints(&clang, &sandbox, "every call gave a result");
}

/// The functions that an object file has of the header, and offers to the linker for the whole program.
fn functions_of_the_header(object: &Path) -> BTreeSet<String> {
    let symbols = printed(&succeed(Command::new("nm").arg("--defined-only").arg(object)));
    // As they are mangled: `tango` with the five letters of its name.
    let names = symbols.lines().filter_map(|line| line.rsplit(' ').next()).filter(|name| name.contains("5tango"));
    names.map(str::to_owned).collect()
}

/// Whichever comes first when they are linked: the linker takes the first of two functions with one name.
#[test]
fn parts_with_and_without_exceptions_are_one_program() {
    let sandbox = without_quota();
    let folder = fresh_folder("cpp-two-modes");
    let with = source("two_modes").standard("c++20");
    let without = source("two_modes_without").options(&WITHOUT_EXCEPTIONS);
    let objects = [(with, "with.o"), (without, "without.o")].map(|(source, name)| {
        let object = folder.join(name);
        succeed(source.compile(Under::Nothing).arg("-c").arg("-o").arg(&object));
        object
    });
    let [with, without] = objects.each_ref().map(|object| functions_of_the_header(object));
    assert!(!with.is_empty() && !without.is_empty());
    assert_eq!(with.intersection(&without).collect::<Vec<_>>(), Vec::<&String>::new(), "taken for each other");

    for order in [[0, 1], [1, 0]] {
        let executable = folder.join(format!("program-{order:?}"));
        let mut link = Command::new("g++");
        link.args(order.map(|index| &objects[index])).args(linked()).arg("-o").arg(&executable);
        succeed(&mut link);
        prints(&Program::of(executable), &sandbox, "each in its own way");
    }
}

/// So that a program may hold two versions of the header, in two of its libraries.
#[test]
fn the_namespace_names_the_version() {
    let text = std::fs::read_to_string(header("tango_token.hpp")).unwrap();
    let version = format!("v{}_{}", env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    for mode in ["with_exceptions", "without_exceptions"] {
        assert!(text.contains(&format!("inline namespace {version}_{mode} {{")), "{version}_{mode}");
    }
}

/// An exception is recognised by its type, which a library that hides everything else must show.
#[test]
fn an_error_can_be_caught_across_libraries() {
    let folder = fresh_folder("cpp-hidden");
    let library = folder.join("libhidden.so");
    let mut build = source("two_modes").options(&["-shared", "-fPIC", "-fvisibility=hidden"]).compile(Under::Nothing);
    succeed(build.arg("-o").arg(&library));
    let exported = printed(&succeed(Command::new("nm").args(["-DC", "--defined-only"]).arg(&library)));
    let types: Vec<_> = exported.lines().filter(|line| line.contains("typeinfo for tango::")).collect();
    assert!(types.len() == 1 && types[0].ends_with("_exceptions::error"), "{exported}");
    assert!(!exported.contains("::client::"), "the rest is hidden\n{exported}");
}

/// What nobody can have meant is told when it is compiled.
#[test]
fn a_result_that_nobody_looks_at_is_a_warning() {
    let text = "#include <tango_token.hpp>
void ignored(const tango::client &client, const tango::authorization &sent, const tango::answer &answer)
{
    client.try_acquire();
    client.try_set_credentials({});
    client.try_invalidate(tango::token());
    client.observe(sent, answer);
    client.authorize(\"GET\", \"https://h/\");
    client.acquire_async();
    client.try_acquire_async();
    client.clone();
    tango::config().load_env();
}
";
    let folder = fresh_folder("cpp-ignored");
    for compiler in COMPILERS {
        let said = String::from_utf8(compile(compiler, &[], &folder, text).stderr).unwrap();
        assert_eq!(said.matches("warning: ignoring re").count(), 9, "{compiler}: {said}");
    }
}

/// clang knows which texts are borrowed.
#[test]
fn a_text_that_outlives_its_object_is_a_warning() {
    let folder = fresh_folder("cpp-borrowed");
    for (mistake, kind) in [
        ("std::string_view f() { tango::token t; return t.value(); }", "-Wreturn-stack-address"),
        ("auto f() { tango::authorization a; return a.dpop(); }", "-Wreturn-stack-address"),
        ("void f() { tango_client *c = tango::client().native(); tango_client_free(c); }", "-Wdangling"),
    ] {
        let text = format!("#include <tango_token.hpp>\n{mistake}\n");
        let said = String::from_utf8(compile("clang++", &[], &folder, &text).stderr).unwrap();
        assert!(said.contains(kind), "{mistake}: {said}");
    }
}

/// The programs of docs/cpp.md, each a function of its own, with the names that it takes from around it.
#[test]
fn the_documentation_compiles() {
    let documentation = std::fs::read_to_string(root().join("docs/cpp.md")).unwrap();
    let around = "struct { int status; std::vector<std::pair<std::string, std::string>> headers; } response;
        struct { std::vector<std::uint8_t> ecdsa_sha256(std::string_view) { return {}; } } hsm;
        struct { void post(tango::result<tango::token>) {} } loop;
        const auto report = [](const tango::error &) {};
        std::string_view id, secret, username, password, public_jwk;
        std::string url;
        tango::config config;
        tango::client client;
        tango::token token;";
    let blocks: Vec<_> =
        documentation.split("```cpp\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 7, "{}", blocks.len());
    let functions = blocks.iter().enumerate().map(|(number, block)| {
        let lines: Vec<_> = block.lines().filter(|line| !line.starts_with("#include <tango_token.hpp>")).collect();
        format!("void block_{number}()\n{{\n{around}\n{{\n{}\n}}\n}}\n", lines.join("\n"))
    });
    let text = format!("#include <tango_token.hpp>\n{}", functions.collect::<String>());
    let output = compile("g++", &["-std=c++17"], &fresh_folder("cpp-documentation"), &text);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn keys_proofs_and_headers() {
    let sandbox = without_quota();
    under_every_tool(|under| {
        let mut command = source("dpop").libraries(&["-lcrypto"]).build(under).command(&sandbox);
        if !matches!(under, Under::Valgrind) {
            command.arg("rsa");
        }
        assert_eq!(printed(&succeed(&mut command)), "keys, proofs and headers\n", "{under:?}");
    });
}

#[test]
fn a_class_of_the_programs_own_shares_the_token() {
    under_every_tool(|under| {
        let sandbox = Sandbox::start(&[]);
        prints(&source("shared_cache").build(under), &sandbox, "one token through the program's own cache");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}");
    });
}

#[test]
fn the_log_goes_where_it_belongs() {
    let sandbox = without_quota();
    under_every_tool(|under| {
        prints(&source("log").build(under), &sandbox, "each line went where it belongs");
    });
}

/// The figures are for people; what is checked is that the header takes no memory.
#[test]
fn a_cached_acquire_takes_no_memory_of_the_headers_own() {
    let sandbox = Sandbox::start(&[]);
    let figures = printed(&Program::build_optimised("tests/cpp/cached_acquire.cpp").run(&sandbox));
    println!("cached acquire and free, ns\n{figures}");
    assert_eq!(figures.lines().count(), 3);
}

fn run_example(build: &Path, program: &str, sandbox: &Sandbox, variables: &[(&str, &str)], paths: &[&str]) -> Output {
    let mut command = Program::of(build.join(program)).command(sandbox);
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

//! The C++ header, and the C++ programs of tests/cpp and examples/cpp against a sandbox: alone, under valgrind, and
//! under the sanitizers.

mod support;

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use support::programs::{Program, Source, Under, every_tool, linked, runtime};
use support::sandbox::Sandbox;
use support::{fresh_directory, installed_prefix, root, succeed};

const COMPILERS: [&str; 2] = ["g++", "clang++"];
const WITHOUT_EXCEPTIONS: [&str; 2] = ["-fno-exceptions", "-fno-rtti"];
const STRICT: [&str; 6] = ["-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Wconversion", "-Werror"];

/// Returns the program of one file in tests/cpp.
fn source(name: &str) -> Source {
    Source::new(&format!("tests/cpp/{name}.cpp"))
}

fn prints(program: &Program, sandbox: &Sandbox, expected: &str) {
    assert_eq!(printed(&program.run(sandbox)), format!("{expected}\n"), "{:?}", program.executable());
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs the check under all tools at the same time, because it mostly waits.
fn under_every_tool(check: impl Fn(Under) + Sync) {
    std::thread::scope(|scope| {
        for &under in every_tool() {
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

/// Compiles C++ code and returns the compiler's output.
fn compile(compiler: &str, options: &[&str], directory: &Path, code: &str) -> Output {
    let file = directory.join("code.cpp");
    std::fs::write(&file, code).unwrap();
    let mut check = Command::new(compiler);
    check.args(["-std=c++20", "-fsyntax-only"]).args(options);
    check.arg("-I").arg(installed_prefix().join("include")).arg(file).output().unwrap()
}

#[test]
fn cpp_header_compiles_alone_with_and_without_exceptions() {
    for compiler in COMPILERS {
        for standard in ["c++17", "c++2b"] {
            for options in [["-Wold-style-cast", "-Wnon-virtual-dtor"], WITHOUT_EXCEPTIONS] {
                compiles_alone(compiler, "c++", standard, &options, &header("tango_token.hpp"));
            }
        }
    }
}

#[test]
fn c_header_compiles_alone_in_c_and_cpp() {
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
fn cpp_header_uses_every_exported_function() {
    let header = std::fs::read_to_string(header("tango_token.hpp")).unwrap();
    let names: Vec<_> = header.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    let mut lacking = support::functions_of_the_header();
    lacking.retain(|function| !names.contains(&function.as_str()));
    assert_eq!(lacking, Vec::<String>::new());
}

#[test]
fn cpp_header_defines_no_macro_but_its_include_guard() {
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
fn metrics_have_names_attributes_and_buckets() {
    under_every_tool(|under| {
        prints(&source("stats").build(under), &Sandbox::start(&[]), "the metrics of a client");
    });
}

#[test]
fn thrown_and_returned_errors_have_every_field() {
    let body = json!({"error": "invalid_grant", "error_description": "wrong", "i18nKey": "a.key", "message": "words"});
    let headers = json!({"content-type": "application/json", "x-request-id": "r-1"});
    let response = json!({"status": 400, "headers": headers, "body": body.to_string()});
    under_every_tool(|under| {
        let sandbox = Sandbox::start(&[]);
        sandbox.script(&json!([response, response]));
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
            // Waiting does not correct a credential.
            "retry_after=(none)",
        ] {
            assert_eq!(count(line), 2, "{under:?}: {line}\n{lines}");
        }
        assert_eq!(lines.matches(" does not accept the credentials (HTTP ").count(), 2, "{under:?}: {lines}");
    });
}

#[test]
fn error_without_a_response_has_no_field_of_the_server() {
    let sandbox = Sandbox::start(&[]);
    let mut command = source("errors").build(Under::Nothing).command(&sandbox);
    command.env("TANGO_TOKEN_URL", "https://127.0.0.1:1/oauth/token").env("TANGO_TOTAL_TIMEOUT_MS", "1000");
    let lines = printed(&succeed(&mut command));
    assert_eq!(lines.matches("status=TANGO_STATUS_CONNECT_FAILED").count(), 2, "{lines}");
    for field in ["http_status", "oauth_error", "oauth_error_description", "i18n_key", "server_message", "request_id"] {
        assert_eq!(lines.matches(&format!("\n{field}=(none)")).count(), 2, "{field}: {lines}");
    }
}

#[test]
fn ten_thousand_asynchronous_acquires_complete_once_each() {
    under_every_tool(|under| {
        let sandbox = Sandbox::start(&[]);
        let printed = source("async").build(under).run_at_gate(&sandbox);
        assert_eq!(printed, "each acquire completed once\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}: one for all");
    });
}

#[test]
fn callback_is_destroyed_once_whatever_is_destroyed_before_it() {
    let sandbox = without_quota();
    under_every_tool(|under| {
        let printed = source("callbacks").build(under).run_at_gate(&sandbox);
        assert_eq!(printed, "each callback was destroyed once\n", "{under:?}");
    });
}

#[test]
fn exception_that_leaves_a_callback_ends_the_program_with_its_message() {
    let program = source("throwing_callback").build(Under::Nothing);
    for (kind, reason) in [("acquire", "thrown by the callback"), ("log", "thrown by the log")] {
        // A sandbox for each: the first program ends with a token that nobody gets back.
        let sandbox = Sandbox::start(&[]);
        let output = program.command(&sandbox).arg(kind).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{kind}: {said}");
        assert!(said.contains("std::logic_error") && said.contains(reason), "{kind}: {said}");
    }
}

#[test]
fn copies_of_secrets_are_wiped() {
    let sandbox = Sandbox::start(&[]);
    prints(&source("wiped").build(Under::Nothing), &sandbox, "every copy was wiped");
}

#[test]
fn thread_stops_waiting_when_a_stop_is_requested() {
    under_every_tool(|under| {
        let sandbox = Sandbox::start(&[]);
        let printed = source("stop_token").standard("c++20").build(under).run_at_gate(&sandbox);
        assert_eq!(printed, "stopped\n", "{under:?}");
    });
}

#[test]
fn program_without_exceptions_gets_every_outcome_as_a_result() {
    let sandbox = without_quota();
    under_every_tool(|under| {
        // The undefined-behaviour sanitizer needs run-time type information.
        let options = if matches!(under, Under::Sanitizers) { &WITHOUT_EXCEPTIONS[..1] } else { &WITHOUT_EXCEPTIONS };
        prints(&source("no_exceptions").options(options).build(under), &sandbox, "every call returned a result");
    });
    let clang = source("no_exceptions").options(&WITHOUT_EXCEPTIONS).compiler("clang++").build(Under::Nothing);
    prints(&clang, &sandbox, "every call returned a result");
}

/// Returns the functions of the header that an object file offers to the linker.
fn functions_of_the_header(object: &Path) -> BTreeSet<String> {
    let symbols = printed(&succeed(Command::new("nm").arg("--defined-only").arg(object)));
    // Mangled names contain `tango` with its length.
    let names = symbols.lines().filter_map(|line| line.rsplit(' ').next()).filter(|name| name.contains("5tango"));
    names.map(str::to_owned).collect()
}

/// In both link orders, because the linker takes the first of two functions with one name.
#[test]
fn objects_with_and_without_exceptions_link_into_one_program() {
    let sandbox = without_quota();
    let directory = fresh_directory("cpp-two-modes");
    let with = source("two_modes").standard("c++20");
    let without = source("two_modes_without").options(&WITHOUT_EXCEPTIONS);
    let objects = [(with, "with.o"), (without, "without.o")].map(|(source, name)| {
        let object = directory.join(name);
        succeed(source.compile(Under::Nothing).arg("-c").arg("-o").arg(&object));
        object
    });
    let [with, without] = objects.each_ref().map(|object| functions_of_the_header(object));
    assert!(!with.is_empty() && !without.is_empty());
    assert_eq!(with.intersection(&without).collect::<Vec<_>>(), Vec::<&String>::new(), "same names");

    for order in [[0, 1], [1, 0]] {
        let executable = directory.join(format!("program-{order:?}"));
        let mut link = Command::new("g++");
        link.args(order.map(|index| &objects[index])).args(linked()).arg("-o").arg(&executable);
        succeed(&mut link);
        prints(&Program::of(executable), &sandbox, "each in its own way");
    }
}

/// Two libraries of one program can then use two versions of the header.
#[test]
fn namespace_contains_the_version_and_the_mode() {
    let header = std::fs::read_to_string(header("tango_token.hpp")).unwrap();
    let version = format!("v{}_{}", env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    for mode in ["with_exceptions", "without_exceptions"] {
        assert!(header.contains(&format!("inline namespace {version}_{mode} {{")), "{version}_{mode}");
    }
}

/// An exception is recognised by its type, which has to be exported even if a library hides everything else.
#[test]
fn error_type_is_exported_from_a_library_with_hidden_symbols() {
    let directory = fresh_directory("cpp-hidden");
    let library = directory.join("libhidden.so");
    let mut build = source("two_modes").options(&["-shared", "-fPIC", "-fvisibility=hidden"]).compile(Under::Nothing);
    succeed(build.arg("-o").arg(&library));
    let exported = printed(&succeed(Command::new("nm").args(["-DC", "--defined-only"]).arg(&library)));
    let types: Vec<_> = exported.lines().filter(|line| line.contains("typeinfo for tango::")).collect();
    assert!(types.len() == 1 && types[0].ends_with("_exceptions::error"), "{exported}");
    assert!(!exported.contains("::client::"), "the rest is hidden\n{exported}");
}

#[test]
fn ignored_result_is_a_compiler_warning() {
    let code = "#include <tango_token.hpp>
void ignored(const tango::client &client, const tango::authorization &sent, const tango::response &received)
{
    client.try_acquire();
    client.try_set_credentials({});
    client.try_invalidate(tango::token());
    client.observe(sent, received);
    client.authorize(\"GET\", \"https://h/\");
    client.acquire_async();
    client.try_acquire_async();
    client.clone();
    tango::config().load_env();
}
";
    let directory = fresh_directory("cpp-ignored");
    for compiler in COMPILERS {
        let said = String::from_utf8(compile(compiler, &[], &directory, code).stderr).unwrap();
        assert_eq!(said.matches("warning: ignoring re").count(), 9, "{compiler}: {said}");
    }
}

#[test]
fn string_that_outlives_its_object_is_a_clang_warning() {
    let directory = fresh_directory("cpp-borrowed");
    for (mistake, kind) in [
        ("std::string_view f() { tango::token t; return t.value(); }", "-Wreturn-stack-address"),
        ("auto f() { tango::authorization a; return a.dpop(); }", "-Wreturn-stack-address"),
        ("void f() { tango_client *c = tango::client().native(); tango_client_free(c); }", "-Wdangling"),
    ] {
        let code = format!("#include <tango_token.hpp>\n{mistake}\n");
        let said = String::from_utf8(compile("clang++", &[], &directory, &code).stderr).unwrap();
        assert!(said.contains(kind), "{mistake}: {said}");
    }
}

/// Each code block of docs/cpp.md becomes the body of a function, after declarations of the names that it uses.
#[test]
fn documented_cpp_code_compiles() {
    let documentation = std::fs::read_to_string(root().join("docs/cpp.md")).unwrap();
    let around = "struct { int status; std::vector<std::pair<std::string, std::string>> headers; } response;
        struct { std::vector<std::uint8_t> ecdsa_sha256(std::string_view) { return {}; } } hsm;
        struct { void post(tango::result<tango::token>) {} } loop;
        const auto report = [](const tango::error &) {};
        std::string_view id, secret, username, password, public_jwk;
        std::string url;
        CURL *curl = nullptr;
        tango::config config;
        tango::client client;
        tango::token token;";
    let blocks: Vec<_> =
        documentation.split("```cpp\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 8, "{}", blocks.len());
    let functions = blocks.iter().enumerate().map(|(number, block)| {
        let lines: Vec<_> = block.lines().filter(|line| !line.starts_with("#include <tango_token.hpp>")).collect();
        format!("void block_{number}()\n{{\n{around}\n{{\n{}\n}}\n}}\n", lines.join("\n"))
    });
    let includes = "#include <cstdlib>\n#include <curl/curl.h>\n#include <tango_token.hpp>\n";
    let code = format!("{includes}{}", functions.collect::<String>());
    let output = compile("g++", &["-std=c++17"], &fresh_directory("cpp-documentation"), &code);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn keys_sign_and_headers_follow_the_responses() {
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
fn clients_with_one_custom_cache_send_one_token_request() {
    under_every_tool(|under| {
        let sandbox = Sandbox::start(&[]);
        prints(&source("shared_cache").build(under), &sandbox, "one token through the custom cache");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}");
    });
}

#[test]
fn log_goes_to_the_function_that_was_set_last() {
    let sandbox = without_quota();
    under_every_tool(|under| {
        prints(&source("log").build(under), &sandbox, "each line went to the current function");
    });
}

/// Prints the times for people, and only checks that the header allocates nothing.
#[test]
fn cached_acquire_allocates_nothing_in_the_header() {
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
fn examples_call_the_api() {
    let build = fresh_directory("cpp-examples");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(root().join("examples/cpp")).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", installed_prefix().display()));
    configure.arg(format!("-DCMAKE_EXE_LINKER_FLAGS={}", runtime().join(" ")));
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
    // One nonce challenge by each server, and an accepted proof for the token and for each request.
    assert_eq!((sandbox.statistic("nonce_challenges"), sandbox.statistic("dpop_proofs_accepted")), (2, 3));
    assert_eq!((sandbox.statistic("api_requests"), sandbox.statistic("dpop_proofs_refused")), (3, 0));

    let sandbox = Sandbox::start(&[]);
    let output = run_example(&build, "dpop", &sandbox, &[("TANGO_DPOP", "off")], &["/accounts"]);
    assert!(output.status.success() && sandbox.statistic("dpop_proofs_accepted") == 0, "{output:?}");

    let sandbox = Sandbox::start(&[]);
    let output = run_example(&build, "dpop", &sandbox, &[("TANGO_PASSWORD", "not-this-one")], &["/accounts"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("TANGO_STATUS_CREDENTIALS_REFUSED") && said.contains("request ID"), "{said}");
    assert!(!said.contains("not-this-one"), "{said}");
}

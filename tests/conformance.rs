//! Runs the cases of tests/conformance/cases.json in every language. See tests/conformance/README.md.

#[path = "conformance/case.rs"]
mod case;
#[path = "conformance/expectation.rs"]
mod expectation;
mod support;
#[path = "conformance/table.rs"]
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use case::Case;
use serde_json::json;
use support::programs::{Program, Under};
use support::sandbox::Sandbox;
use support::{fresh_directory, installed_prefix, root, scratch, succeed};

static C: Language = Language::new("C", "plain, and under gcc's sanitizers", c);
static CPP: Language = Language::new("C++", "plain, and under gcc's sanitizers", cpp);
static PYTHON: Language = Language::new("Python", "with blocking calls, and on asyncio", python);
static GO: Language = Language::new("Go", "without cgo", go);
static DOTNET: Language =
    Language::new(".NET", "on .NET 10, and on .NET 8 where `scripts/test-dotnet.sh` has put it", dotnet);

struct Language {
    name: &'static str,
    how: &'static str,
    ways: fn() -> Vec<Way>,
    failures: OnceLock<Vec<Vec<String>>>,
}

/// One way to run a language's runner.
struct Way {
    name: &'static str,
    command: Box<dyn Fn(&Sandbox) -> Command>,
}

impl Language {
    const fn new(name: &'static str, how: &'static str, ways: fn() -> Vec<Way>) -> Self {
        Self { name, how, ways, failures: OnceLock::new() }
    }

    /// Returns the failures of each case, in the order of the cases. The cases run once, for the test that asks first.
    fn failures(&self) -> &[Vec<String>] {
        self.failures.get_or_init(|| {
            let (sandbox, ways) = (Sandbox::start(&[]), (self.ways)());
            let run = |case: &Case| ways.iter().filter_map(|way| self.failure(case, way, &sandbox)).collect();
            case::all().iter().map(run).collect()
        })
    }

    fn failure(&self, case: &Case, way: &Way, sandbox: &Sandbox) -> Option<String> {
        let failure = case.run((way.command)(sandbox), sandbox).err()?;
        Some(format!("  {}, {}, «{}»: {failure}\n", self.name, way.name, case.name))
    }

    fn passes_every_case(&self) {
        let failures = self.failures().concat();
        assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.concat());
    }
}

impl Way {
    fn new(name: &'static str, command: impl Fn(&Sandbox) -> Command + 'static) -> Self {
        Self { name, command: Box::new(command) }
    }

    /// Runs a program and its arguments with the sandbox's TANGO_* variables and these, and no others.
    fn program<const N: usize>(name: &'static str, program: &[&Path], variables: [(&'static str, PathBuf); N]) -> Self {
        let program: Vec<_> = program.iter().map(|&part| part.to_owned()).collect();
        Self::new(name, move |sandbox| {
            let mut command = Command::new(&program[0]);
            sandbox.configure(&mut command);
            command.args(&program[1..]).envs(variables.clone());
            command
        })
    }
}

fn c() -> Vec<Way> {
    compiled("tests/conformance/runner.c")
}

fn cpp() -> Vec<Way> {
    compiled("tests/conformance/runner.cpp")
}

fn compiled(source: &str) -> Vec<Way> {
    let way = |name, tool| {
        let program = Program::build(source, tool);
        Way::new(name, move |sandbox| program.command(sandbox))
    };
    vec![way("plain", Under::Nothing), way("sanitizers", Under::Sanitizers)]
}

fn python() -> Vec<Way> {
    // The real interpreter: `python3` may be a script that searches for one at each start.
    let output = succeed(Command::new("python3").args(["-c", "import sys; print(sys.executable, end='')"]));
    let python = PathBuf::from(String::from_utf8(output.stdout).unwrap());
    let runner = root().join("tests/conformance/runner.py");
    let path = [("PYTHONPATH", python_package())];
    vec![
        Way::program("blocking", &[&python, &runner], path.clone()),
        Way::program("asyncio", &[&python, &runner, Path::new("--asyncio")], path),
    ]
}

/// Makes a directory with the contents of a wheel, with the native module as cargo builds it for tests. The variable,
/// which maturin sets too, asks for a module that is not linked to the interpreter.
fn python_package() -> PathBuf {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--package", "tango-token-python"]).env("PYO3_BUILD_EXTENSION_MODULE", "1");
    succeed(build.current_dir(root()));
    let directory = fresh_directory("conformance-python");
    let package = directory.join("tango_token");
    succeed(Command::new("cp").arg("-r").arg(root().join("bindings/python/python/tango_token")).arg(&package));
    let native = target().join("debug/lib_native.so");
    std::fs::copy(native, package.join("_native.abi3.so")).unwrap();
    directory
}

fn go() -> Vec<Way> {
    let program = scratch().join("conformance-go");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg("./internal/conformance").env("CGO_ENABLED", "0");
    succeed(build.current_dir(root().join("bindings/go")));
    let library = installed_prefix().join("lib/libtango_token.so.1");
    vec![Way::program("without cgo", &[&program], [("TANGO_TOKEN_LIBRARY", library)])]
}

fn dotnet() -> Vec<Way> {
    if !has_dotnet() {
        return Vec::new();
    }
    let library = [("TANGO_TOKEN_LIBRARY", installed_prefix().join("lib/libtango_token.so"))];
    let mut ways = vec![Way::program(".NET 10", &[Path::new("dotnet"), &build_dotnet("net10.0")], library.clone())];
    let runtime = target().join("toolchains/coreclr/dnv/net/runtime/.net/dotnet");
    if runtime.exists() {
        ways.push(Way::program(".NET 8", &[&runtime, &build_dotnet("net8.0")], library));
    }
    ways
}

/// Whether there is an SDK. CI sets `REQUIRE_DOTNET`, because without one this test would check nothing of .NET.
fn has_dotnet() -> bool {
    let is_there = Command::new("dotnet").arg("--version").output().is_ok_and(|output| output.status.success());
    let is_required = ["REQUIRE_DOTNET", "CONFORMANCE_TABLE"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(is_there || !is_required, ".NET was not tested: there is no .NET SDK on the PATH");
    if !is_there {
        println!(".NET WAS NOT TESTED: there is no .NET SDK on the PATH");
    }
    is_there
}

fn build_dotnet(framework: &str) -> PathBuf {
    let directory = root().join("bindings/dotnet/tests/Conformance");
    let mut build = Command::new("dotnet");
    build.args(["build", "--nologo", "--verbosity", "quiet", "--framework", framework]);
    // A server of the compiler that stays would keep the output of this process open.
    build.args(["-property:UseSharedCompilation=false", "-nodeReuse:false"]);
    succeed(build.current_dir(&directory));
    directory.join(format!("bin/Debug/{framework}/Conformance.dll"))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

#[test]
fn c_passes_every_case() {
    C.passes_every_case();
}

#[test]
fn cpp_passes_every_case() {
    CPP.passes_every_case();
}

#[test]
fn python_passes_every_case() {
    PYTHON.passes_every_case();
}

#[test]
fn go_passes_every_case() {
    GO.passes_every_case();
}

#[test]
fn dotnet_passes_every_case() {
    DOTNET.passes_every_case();
}

#[test]
fn deviations_from_a_case_are_reported() {
    let (sandbox, ways) = (Sandbox::start(&[]), c());
    let token = json!({"json": {"access_token": "token-1", "token_type": "Bearer"}});
    let acquires = |value| json!([{"call": "acquire", "expect": {"token": {"value": value}}}]);
    let rows = [
        ("the client", json!({"client": {"error": {"status": "TANGO_STATUS_INTERNAL"}}})),
        ("acquire", json!({"responses": [token], "calls": acquires("token-2")})),
        ("1 requests instead of 0", json!({"responses": [token], "calls": acquires("token-1"), "requests": []})),
        ("a request", json!({"responses": [token], "calls": acquires("token-1"), "requests": [{"method": "GET"}]})),
        ("unknown call", json!({"calls": [{"call": "no call", "expect": {}}]})),
    ];
    for (reason, mut case) in rows {
        case["name"] = reason.into();
        let failure = C.failure(&Case::new("", &case), &ways[0], &sandbox).unwrap();
        assert!(
            failure.starts_with(&format!("  C, plain, «{reason}»: ")) && failure.matches(reason).count() == 2,
            "{failure}"
        );
    }
}

#[test]
fn documented_table_is_that_of_this_run() {
    let (cases, languages) = (case::all(), [&C, &CPP, &PYTHON, &GO, &DOTNET]);
    println!("Figure: {}", table::summary(&cases, &languages));
    let table = table::compose(&cases, &languages);
    let file = root().join("docs/conformance.md");
    if std::env::var_os("CONFORMANCE_TABLE").is_some_and(|what| what == "write") {
        std::fs::write(&file, &table).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == table,
        "docs/conformance.md is not what this run makes; `make conformance` writes it:\n{table}"
    );
}

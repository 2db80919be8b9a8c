//! Builds C and C++ programs with the installed headers and library, and runs them alone and under tools that find
//! memory errors.
//!
//! `scripts/sanitize.sh` runs the same tests with a library that rustc has instrumented for a sanitizer. Programs are
//! then compiled for that sanitizer, and run under nothing else. `scripts/test-platforms.sh` runs them with the library
//! of another platform, with its compilers on the `PATH`: programs then run under nothing, or by an emulator.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::fleet::wait_until;
use super::proxy::ConnectProxy;
use super::sandbox::Sandbox;
use super::{installed_prefix, root, scratch, succeed, wine};

#[derive(Clone, Copy, Debug)]
pub enum Under {
    Nothing,
    Valgrind,
    /// gcc's address, leak and undefined-behaviour sanitizers. They see the program, not the library.
    Sanitizers,
    /// Programs for Windows, which `wine::build` makes.
    Wine,
}

/// Returns the tools that a program is tested under.
pub fn every_tool() -> &'static [Under] {
    if runs_alone() { &[Under::Nothing] } else { &[Under::Nothing, Under::Valgrind, Under::Sanitizers] }
}

/// Returns whether the library is one that programs can use under none of these tools.
fn runs_alone() -> bool {
    instrumentation().is_some() || platform().is_some()
}

/// Returns the name of the platform that the installed library is built for, if `TEST_PLATFORM` names one.
pub fn platform() -> Option<String> {
    std::env::var("TEST_PLATFORM").ok()
}

/// Returns the command that runs a program: itself, or the emulator that `TEST_PLATFORM_RUNNER` names, with its options.
pub fn command_of(executable: &Path) -> Command {
    let runner = std::env::var("TEST_PLATFORM_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace().map(OsString::from).chain([executable.into()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// The sanitizer that the installed library is built for.
pub struct Instrumentation {
    /// The option that compiles a program for it.
    option: &'static str,
    /// rustc's static library of the sanitizer's run-time functions, which the executable has to contain.
    runtime: String,
}

/// Returns the sanitizer that the installed library is built for, which `SANITIZER` names; usually none.
pub fn instrumentation() -> Option<&'static Instrumentation> {
    static INSTRUMENTATION: OnceLock<Option<Instrumentation>> = OnceLock::new();
    let read = || {
        let option = match std::env::var("SANITIZER").ok()?.as_str() {
            "address" => "-fsanitize=address",
            "thread" => "-fsanitize=thread",
            other => panic!("SANITIZER is {other}"),
        };
        Some(Instrumentation { option, runtime: std::env::var("SANITIZER_RUNTIME").expect("it belongs to SANITIZER") })
    };
    INSTRUMENTATION.get_or_init(read).as_ref()
}

/// All warnings are errors.
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-pedantic", "-Werror"];
const STRICT_CPP: [&str; 2] = ["-Wshadow", "-Wconversion"];

/// A source file and how it is compiled: by default as C11 or C++17, by its extension.
#[derive(Clone)]
pub struct Source {
    file: String,
    compiler: &'static str,
    standard: &'static str,
    options: Vec<&'static str>,
    libraries: Vec<&'static str>,
}

impl Source {
    /// `file` is relative to the repository, or absolute.
    pub fn new(file: &str) -> Self {
        let is_cpp = Path::new(file).extension().is_some_and(|extension| extension == "cpp");
        let (compiler, standard) = if is_cpp { ("g++", "c++17") } else { ("cc", "c11") };
        let mut options = STRICT.to_vec();
        options.extend(if is_cpp { &STRICT_CPP[..] } else { &["-D_POSIX_C_SOURCE=200809L"] });
        Self { file: file.to_owned(), compiler, standard, options, libraries: Vec::new() }
    }

    pub fn compiler(self, compiler: &'static str) -> Self {
        Self { compiler, ..self }
    }

    pub fn standard(self, standard: &'static str) -> Self {
        Self { standard, ..self }
    }

    pub fn options(mut self, options: &[&'static str]) -> Self {
        self.options.extend(options);
        self
    }

    /// Adds libraries, as options of the linker.
    pub fn libraries(mut self, libraries: &[&'static str]) -> Self {
        self.libraries.extend(libraries);
        self
    }

    /// Returns the compiler's command without its output file.
    pub fn compile(&self, under: Under) -> Command {
        let mut compiler = Command::new(self.compiler);
        compiler.arg(format!("-std={}", self.standard)).args(&self.options).args(debugging(under));
        compiler.arg("-I").arg(installed_prefix().join("include")).arg(root().join(&self.file));
        compiler
    }

    /// Builds the program, once in each test process for each set of options: a file that another test runs cannot be
    /// written.
    pub fn build(&self, under: Under) -> Program {
        let under = if runs_alone() { Under::Nothing } else { under };
        let ways = [&self.options[..], &self.libraries, &debugging(under)].concat().concat();
        let name = format!("{}-{}-{}{ways}", self.file, self.compiler, self.standard);
        let executable = scratch().join(name.replace(['/', '.', ',', '='], "-"));
        once(&executable, || {
            let object = executable.with_extension("o");
            succeed(self.compile(under).arg("-c").arg("-o").arg(&object));
            let mut link = Command::new(self.compiler);
            link.args(if instrumentation().is_some() { Vec::new() } else { debugging(under) });
            succeed(link.arg("-o").arg(&executable).arg(&object).args(linked()).args(&self.libraries));
        });
        Program { executable, under, leaves_memory: false }
    }
}

/// Options that let a tool report line numbers. Valgrind runs the same executable that runs alone.
fn debugging(under: Under) -> Vec<&'static str> {
    match (instrumentation(), under) {
        (Some(sanitizer), _) => vec!["-g", sanitizer.option],
        (None, Under::Sanitizers) => vec!["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"],
        (None, Under::Nothing | Under::Valgrind | Under::Wine) => vec!["-g"],
    }
}

/// Linker options, which come after all objects.
pub fn linked() -> Vec<String> {
    let library = installed_prefix().join("lib").display().to_string();
    let mut options = vec![format!("-L{library}"), "-ltango_token".into(), "-pthread".into()];
    options.push(format!("-Wl,-rpath,{library}"));
    options.extend(runtime());
    options
}

/// Linker options that put the run-time functions of rustc's sanitizer into a program, and let its libraries find them.
/// The compiler's own are for its own libraries: a program can have one set only.
pub fn runtime() -> Vec<String> {
    let Some(Instrumentation { runtime, .. }) = instrumentation() else { return Vec::new() };
    vec![format!("-Wl,--export-dynamic,--whole-archive,{runtime},--no-whole-archive"), "-lm".into(), "-ldl".into()]
}

/// Does the work for a file once. Other threads that need the file wait until it is done.
fn once(file: &Path, work: impl FnOnce()) {
    static DONE: Mutex<BTreeMap<PathBuf, Arc<OnceLock<()>>>> = Mutex::new(BTreeMap::new());
    let done = Arc::clone(DONE.lock().unwrap_or_else(PoisonError::into_inner).entry(file.to_owned()).or_default());
    done.get_or_init(work);
}

pub struct Program {
    executable: PathBuf,
    under: Under,
    leaves_memory: bool,
}

impl Program {
    /// Builds a source file in C or C++, with all warnings as errors.
    pub fn build(source: &str, under: Under) -> Self {
        Source::new(source).build(under)
    }

    /// Builds an optimised program, for a benchmark.
    pub fn build_optimised(source: &str) -> Self {
        Source::new(source).options(&["-O2"]).build(Under::Nothing)
    }

    /// A program that the test built itself.
    pub fn of(executable: PathBuf) -> Self {
        Self { executable, under: Under::Nothing, leaves_memory: false }
    }

    /// The same for Windows.
    pub fn of_windows(executable: PathBuf) -> Self {
        Self { executable, under: Under::Wine, leaves_memory: false }
    }

    /// Allows that memory is left behind, as a forked child leaves what belongs to threads of its parent.
    pub fn leaving_memory(self) -> Self {
        Self { leaves_memory: true, ..self }
    }

    /// Returns the command that runs the program, with the sandbox's TANGO_* variables and no others.
    pub fn command(&self, sandbox: &Sandbox) -> Command {
        let mut command = match self.under {
            Under::Nothing | Under::Sanitizers => command_of(&self.executable),
            Under::Valgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(["--quiet", "--error-exitcode=99", "--num-callers=30"]);
                valgrind.arg(if self.leaves_memory { "--leak-check=no" } else { "--leak-check=full" });
                // Without "possibly lost": valgrind counts memory as that if all pointers to it lead to its middle, as
                // to the reference-counted objects of the library's thread, which runs until the process ends.
                valgrind.args(["--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect"]);
                valgrind.arg(&self.executable);
                valgrind
            }
            Under::Wine => wine::command(&self.executable),
        };
        if self.leaves_memory {
            let options = std::env::var("LSAN_OPTIONS").unwrap_or_default();
            command.env("LSAN_OPTIONS", format!("{options}:detect_leaks=0"));
        }
        sandbox.configure(&mut command);
        if matches!(self.under, Under::Wine) {
            command.env("TANGO_CA_FILE", wine::path(sandbox.variable("TANGO_CA_FILE").as_ref()));
        }
        command
    }

    pub fn executable(&self) -> &Path {
        &self.executable
    }

    pub fn run(&self, sandbox: &Sandbox) -> Output {
        succeed(&mut self.command(sandbox))
    }

    /// Runs the program with a gate before the sandbox, which the program controls: it prints `gate hold`, `gate
    /// release` or `gate wait for a connection`, and reads a line once that is done. Returns what else it printed.
    pub fn run_at_gate(&self, sandbox: &Sandbox) -> String {
        let gate = ConnectProxy::start();
        let mut command = self.command(sandbox);
        command.env("TANGO_PROXY", gate.url("user", "password"));
        for timeout in ["TANGO_CONNECT_TIMEOUT_MS", "TANGO_ATTEMPT_TIMEOUT_MS", "TANGO_TOTAL_TIMEOUT_MS"] {
            command.env(timeout, "120000");
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = process.stdin.take().unwrap();
        let mut printed = String::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap) {
            match line.strip_prefix("gate ") {
                Some("hold") => gate.hold(),
                Some("release") => gate.release(),
                Some("wait for a connection") => wait_until("the program connects", || !gate.heads().is_empty()),
                _ => {
                    printed.extend([&line, "\n"]);
                    continue;
                }
            }
            writeln!(input, "done").unwrap();
        }
        let status = process.wait().unwrap();
        assert!(status.success(), "{}: {status}\n{printed}", self.executable.display());
        printed
    }
}

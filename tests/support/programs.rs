//! Builds C and C++ programs with the installed headers and library, and runs them alone and under tools that find
//! memory errors.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::fleet::wait_until;
use super::proxy::ConnectProxy;
use super::sandbox::Sandbox;
use super::{installed_prefix, root, scratch, succeed};

#[derive(Clone, Copy, Debug)]
pub enum Under {
    Nothing,
    Valgrind,
    /// gcc's address, leak and undefined-behaviour sanitizers.
    Sanitizers,
}

pub const EVERY_TOOL: [Under; 3] = [Under::Nothing, Under::Valgrind, Under::Sanitizers];

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
        let ways = [&self.options[..], &self.libraries, debugging(under)].concat().concat();
        let name = format!("{}-{}-{}{ways}", self.file, self.compiler, self.standard);
        let executable = scratch().join(name.replace(['/', '.', ',', '='], "-"));
        once(&executable, || {
            succeed(self.compile(under).arg("-o").arg(&executable).args(linked()).args(&self.libraries));
        });
        Program { executable, under }
    }
}

/// Options that let a tool report line numbers. Valgrind runs the same executable that runs alone.
fn debugging(under: Under) -> &'static [&'static str] {
    match under {
        Under::Sanitizers => &["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"],
        Under::Nothing | Under::Valgrind => &["-g"],
    }
}

/// Linker options, which come after all objects.
pub fn linked() -> Vec<String> {
    let library = installed_prefix().join("lib").display().to_string();
    vec![format!("-L{library}"), "-ltango_token".into(), "-pthread".into(), format!("-Wl,-rpath,{library}")]
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
        Self { executable, under: Under::Nothing }
    }

    /// Returns the command that runs the program, with the sandbox's TANGO_* variables and no others.
    pub fn command(&self, sandbox: &Sandbox) -> Command {
        let mut command = match self.under {
            Under::Nothing | Under::Sanitizers => Command::new(&self.executable),
            Under::Valgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--num-callers=30"]);
                // Without "possibly lost": valgrind counts memory as that if all pointers to it lead to its middle, as
                // to the reference-counted objects of the library's thread, which runs until the process ends.
                valgrind.args(["--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect"]);
                valgrind.arg(&self.executable);
                valgrind
            }
        };
        sandbox.configure(&mut command);
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

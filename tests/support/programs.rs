//! C and C++ programs against the installed headers and library, alone and under the tools that find memory errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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

/// A source file of this repository, and how it is compiled: as its name says, C11 or C++17, unless told otherwise.
#[derive(Clone)]
pub struct Source {
    file: String,
    compiler: &'static str,
    standard: &'static str,
    options: Vec<&'static str>,
    libraries: Vec<&'static str>,
}

impl Source {
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

    /// Further libraries, as options of the linker.
    pub fn libraries(mut self, libraries: &[&'static str]) -> Self {
        self.libraries.extend(libraries);
        self
    }

    /// The compiler's command, without what it writes.
    pub fn compile(&self, under: Under) -> Command {
        let mut compiler = Command::new(self.compiler);
        compiler.arg(format!("-std={}", self.standard)).args(&self.options).args(debugging(under));
        compiler.arg("-I").arg(installed_prefix().join("include")).arg(root().join(&self.file));
        compiler
    }

    /// Built once in each test process for each way to compile it: a file that another test runs cannot be written.
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

/// What a tool needs to name the line. Valgrind runs the same file that runs alone.
fn debugging(under: Under) -> &'static [&'static str] {
    match under {
        Under::Sanitizers => &["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"],
        Under::Nothing | Under::Valgrind => &["-g"],
    }
}

/// Options that come after all objects.
pub fn linked() -> Vec<String> {
    let library = installed_prefix().join("lib").display().to_string();
    vec![format!("-L{library}"), "-ltango_token".into(), "-pthread".into(), format!("-Wl,-rpath,{library}")]
}

/// Does the work for a file once; others who need the file wait for that, and for no other.
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
    /// Builds a source file of this repository, in C or C++, with all warnings as errors.
    pub fn build(source: &str, under: Under) -> Self {
        Source::new(source).build(under)
    }

    /// Builds it for a benchmark.
    pub fn build_optimised(source: &str) -> Self {
        Source::new(source).options(&["-O2"]).build(Under::Nothing)
    }

    /// One that was built elsewhere.
    pub fn of(executable: PathBuf) -> Self {
        Self { executable, under: Under::Nothing }
    }

    /// Ready to run in the sandbox's environment and no other.
    pub fn command(&self, sandbox: &Sandbox) -> Command {
        let mut command = match self.under {
            Under::Nothing | Under::Sanitizers => Command::new(&self.executable),
            Under::Valgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--num-callers=30"]);
                // "Possibly lost" is what valgrind calls memory that only a pointer to its middle leads to, as all
                // reference-counted objects of the library's thread are, which runs until the process ends.
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
}

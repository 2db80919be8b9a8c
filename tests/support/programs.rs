//! C programs against the installed header and library, alone and under the tools that find memory errors.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

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

/// Each is built once in each test process: a file that another test runs cannot be written.
static BUILT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

pub struct Program {
    executable: PathBuf,
    under: Under,
}

impl Program {
    /// Builds a source file of this repository with all warnings as errors.
    pub fn build(source: &str, under: Under) -> Self {
        let options: &[&str] = match under {
            Under::Sanitizers => &["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"],
            Under::Nothing | Under::Valgrind => &["-g"],
        };
        Self::build_with(source, under, options)
    }

    /// Builds it for a benchmark.
    pub fn build_optimised(source: &str) -> Self {
        Self::build_with(source, Under::Nothing, &["-O2"])
    }

    fn build_with(source: &str, under: Under, options: &[&str]) -> Self {
        let name = source.replace(['/', '.'], "-");
        let executable = scratch().join(format!("{name}-{under:?}{}", options.concat()));
        let mut built = BUILT.lock().unwrap();
        if built.contains(&executable) {
            return Self { executable, under };
        }
        let prefix = installed_prefix();
        let mut compiler = Command::new("cc");
        compiler
            .args(["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-pedantic", "-Werror"])
            .args(options);
        compiler.arg("-I").arg(prefix.join("include")).arg(root().join(source)).arg("-o").arg(&executable);
        compiler.arg("-L").arg(prefix.join("lib")).args(["-ltango_token", "-pthread"]);
        compiler.arg(format!("-Wl,-rpath,{}", prefix.join("lib").display()));
        succeed(&mut compiler);
        built.insert(executable.clone());
        Self { executable, under }
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
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TANGO_")) {
            command.env_remove(name);
        }
        command.envs(&sandbox.variables).env("TANGO_PROXY", "none");
        command
    }

    pub fn executable(&self) -> &Path {
        &self.executable
    }

    pub fn run(&self, sandbox: &Sandbox) -> Output {
        succeed(&mut self.command(sandbox))
    }
}

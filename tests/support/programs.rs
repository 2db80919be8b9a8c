//! C programs against the installed header and library, alone and under the tools that find memory errors.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::sandbox::Sandbox;
use super::{installed_prefix, root, scratch, succeed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    Nothing,
    Valgrind,
    /// gcc's address, leak and undefined-behaviour sanitizers.
    Sanitizers,
}

pub const EVERY_TOOL: [Under; 3] = [Under::Nothing, Under::Valgrind, Under::Sanitizers];

pub struct Program {
    executable: PathBuf,
    under: Under,
}

impl Program {
    /// Builds a source file of this repository with all warnings as errors.
    pub fn build(source: &str, under: Under) -> Self {
        let name = source.replace(['/', '.'], "-");
        let executable = scratch().join(format!("{name}-{under:?}"));
        let prefix = installed_prefix();
        let mut compiler = Command::new("cc");
        compiler.args(["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-pedantic", "-Werror", "-g"]);
        if under == Under::Sanitizers {
            compiler.arg("-fsanitize=address,undefined").arg("-fno-sanitize-recover");
        }
        compiler.arg("-I").arg(prefix.join("include")).arg(root().join(source)).arg("-o").arg(&executable);
        compiler.arg("-L").arg(prefix.join("lib")).args(["-ltango_token", "-pthread"]);
        compiler.arg(format!("-Wl,-rpath,{}", prefix.join("lib").display()));
        succeed(&mut compiler);
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

    pub fn run(&self, sandbox: &Sandbox) -> Output {
        succeed(&mut self.command(sandbox))
    }
}

//! Programs for Windows, which Wine runs. `scripts/test-windows.sh` sets Wine up and names the library.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::programs::Program;
use super::{root, scratch, succeed};

/// A compiler and the C library that its programs use.
#[derive(Clone, Copy, Debug)]
pub enum Compiler {
    /// MinGW's gcc with `msvcrt.dll`, and the import library for MinGW.
    MinGw,
    /// MinGW's g++ in C++17.
    MinGwCpp,
    /// clang with `ucrtbase.dll`, which programs of MSVC use as well, and the import library for MSVC.
    Clang,
}

/// Returns the directory of the DLL and its import libraries.
pub fn library() -> PathBuf {
    std::env::var_os("TANGO_WINDOWS").expect("scripts/test-windows.sh sets TANGO_WINDOWS").into()
}

/// Returns a path as Windows has it: Wine shows the root of this machine as a drive.
pub fn path(path: &Path) -> String {
    format!("Z:{}", path.to_str().unwrap().replace('/', r"\"))
}

/// Returns the command that runs a program, which finds the DLL.
pub fn command(executable: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "300", "wine"]).arg(executable);
    command.env("WINEDEBUG", "-all").env("WINEPATH", path(&library()));
    command
}

/// Builds a program, with all warnings as errors.
pub fn build(source: &str, compiler: Compiler) -> Program {
    let executable = scratch().join(format!("{}-{compiler:?}.exe", source.replace(['/', '.'], "-")));
    let mut command = match compiler {
        Compiler::MinGw => Command::new("x86_64-w64-mingw32-gcc-posix"),
        Compiler::MinGwCpp => Command::new("x86_64-w64-mingw32-g++-posix"),
        Compiler::Clang => Command::new("python-zig"),
    };
    match compiler {
        Compiler::MinGw => command.args(["-std=c11", "-D__USE_MINGW_ANSI_STDIO=1"]),
        Compiler::MinGwCpp => command.arg("-std=c++17"),
        Compiler::Clang => command.args(["cc", "-target", "x86_64-windows-gnu", "-std=c11"]),
    };
    command.args(["-Wall", "-Wextra", "-Werror"]).arg("-I").arg(root().join("include")).arg(root().join(source));
    match compiler {
        Compiler::Clang => command.arg(library().join("tango_token.lib")),
        Compiler::MinGw | Compiler::MinGwCpp => command.arg(library().join("libtango_token.dll.a")).arg("-static"),
    };
    succeed(command.args(["-lcrypt32", "-o"]).arg(&executable));
    Program::of_windows(executable)
}

//! Helpers of the integration tests: a running sandbox, an installed library, and programs built with it.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod api;
pub mod disk;
pub mod fleet;
pub mod fleet_member;
pub mod hostile_calls;
pub mod memory;
pub mod private_key;
pub mod programs;
pub mod proxy;
pub mod python;
pub mod redis;
pub mod request;
pub mod sandbox;
pub mod socks;
pub mod tls;
pub mod token_server;
pub mod wine;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Installs this checkout once, with the command that users call, and returns the prefix. `INSTALLED_PREFIX` names
/// another installation, such as that of an instrumented library.
pub fn installed_prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        if let Some(prefix) = std::env::var_os("INSTALLED_PREFIX") {
            return prefix.into();
        }
        let prefix = scratch().join("prefix");
        // Without the command, whose build takes minutes.
        let options = ["install", "COMMAND=", &format!("PREFIX={}", prefix.display())];
        succeed(Command::new("make").args(options).current_dir(root()));
        prefix
    })
}

/// Installs the packages of a directory's lock file, and again after the lock file has changed.
pub fn npm_ci(directory: &Path) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let lock = std::fs::read(directory.join("package-lock.json")).unwrap();
    let installed = directory.join("node_modules/.installed");
    if std::fs::read(&installed).ok().as_deref() != Some(&lock) {
        succeed(Command::new("npm").arg("ci").current_dir(directory));
        std::fs::write(installed, lock).unwrap();
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory for all files that tests make, which is another one for each platform.
pub fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<PathBuf> = OnceLock::new();
    SCRATCH.get_or_init(|| {
        let mut directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        directory.extend(programs::platform());
        std::fs::create_dir_all(&directory).unwrap();
        directory
    })
}

/// Makes an empty directory for one test.
pub fn fresh_directory(name: &str) -> PathBuf {
    let directory = scratch().join(name);
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// Finds the file with this extension in a directory.
pub fn entry(directory: &Path, kind: &str) -> Option<PathBuf> {
    let files = std::fs::read_dir(directory).ok()?.map(|file| file.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == kind))
}

/// Returns the names of the functions in the header, in its order.
pub fn functions_of_the_header() -> Vec<String> {
    let json = std::fs::read_to_string(root().join("include/tango_token.json")).unwrap();
    let interface: serde_json::Value = serde_json::from_str(&json).unwrap();
    let functions = interface["functions"].as_array().unwrap().iter();
    functions.map(|function| function["name"].as_str().unwrap().to_owned()).collect()
}

/// Runs a command that must succeed. Panics with its output otherwise.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

//! What the tests of the whole share: a running sandbox, an installed library, and programs built against it.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod api;
pub mod disk;
pub mod fleet;
pub mod programs;
pub mod proxy;
pub mod python;
pub mod redis;
pub mod sandbox;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Where the library was installed, by the same command that users call, from what is in this checkout.
pub fn installed_prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let prefix = scratch().join("prefix");
        succeed(Command::new("make").arg("install").arg(format!("PREFIX={}", prefix.display())).current_dir(root()));
        prefix
    })
}

/// Installs the packages of a folder as its lock file says, again when that has changed.
pub fn npm_ci(folder: &Path) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let lock = std::fs::read(folder.join("package-lock.json")).unwrap();
    let installed = folder.join("node_modules/.installed");
    if std::fs::read(&installed).ok().as_deref() != Some(&lock) {
        succeed(Command::new("npm").arg("ci").current_dir(folder));
        std::fs::write(installed, lock).unwrap();
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder for what tests make.
pub fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// A folder of a test's own, empty.
pub fn fresh_folder(name: &str) -> PathBuf {
    let folder = scratch().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The file in a folder whose name ends like this.
pub fn entry(folder: &Path, kind: &str) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.map(|file| file.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == kind))
}

/// The names of the functions in the header, in its order.
pub fn functions_of_the_header() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("include/tango_token.json")).unwrap();
    let interface: serde_json::Value = serde_json::from_str(&text).unwrap();
    let functions = interface["functions"].as_array().unwrap().iter();
    functions.map(|function| function["name"].as_str().unwrap().to_owned()).collect()
}

/// Runs a command that must succeed, and says what it printed if it does not.
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

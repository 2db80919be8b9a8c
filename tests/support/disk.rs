//! A small disk for one test, which can be filled and made read-only.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::unistd::geteuid;

use super::fresh_directory;

/// More blocks than the disk has, far fewer than any other one.
const MAX_BLOCKS: usize = 1000;

/// A tmpfs in the mount namespace of a shell. Other processes reach it through the shell's /proc entry, and it ends
/// with the shell.
pub struct Disk {
    shell: Child,
    output: BufReader<ChildStdout>,
    path: PathBuf,
}

impl Disk {
    pub fn new(name: &str) -> Self {
        // A symbolic link on the way, such as a `target` on another disk, leads out of the shell's namespace.
        let place = fresh_directory(name).canonicalize().unwrap();
        let mut command = Command::new("unshare");
        if !geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().unwrap();
        let output = BufReader::new(shell.stdout.take().unwrap());
        let path = Path::new("/proc").join(shell.id().to_string()).join("root").join(place.strip_prefix("/").unwrap());
        let mut disk = Self { shell, output, path };
        disk.run(&format!("mount -t tmpfs -o size=64k,mode=700 tmpfs '{}'", place.display()));
        disk.run(&format!("cd '{}'", place.display()));
        disk
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn fill(&self) {
        let mut file = File::create(self.path.join("full")).unwrap();
        let error = iter::repeat_with(|| file.write_all(&[0; 512])).take(MAX_BLOCKS).find_map(Result::err);
        let error = error.expect("this is not the small disk");
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }

    pub fn make_room(&self) {
        fs::remove_file(self.path.join("full")).unwrap();
    }

    pub fn make_read_only(&mut self) {
        self.run("mount -o remount,ro .");
    }

    fn run(&mut self, command: &str) {
        writeln!(self.shell.stdin.as_mut().unwrap(), "{command}; echo $?").unwrap();
        let mut exit_code = String::new();
        self.output.read_line(&mut exit_code).unwrap();
        assert_eq!(exit_code, "0\n", "{command}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The shell ends with its standard input, which `wait` closes.
        let _ = self.shell.wait();
    }
}

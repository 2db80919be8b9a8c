//! Reads the files that a configuration names. A name can be that of a pipe, a device or a file of any size, so reading
//! has a limit in length and in time.

#[cfg_attr(unix, path = "input_file/unix.rs")]
#[cfg_attr(windows, path = "input_file/windows.rs")]
mod system;

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::causes;
use crate::human;
use crate::threads::{self, Code, NoThread};

/// What is wrong with a pipe where [`Pipe::Refused`].
pub(crate) const SPECIAL: &str = "it is a pipe or a device, and it is read for each connection; name a regular file";
/// The time for a pipe. A person may have to type a password at its other end.
const PIPE_TIMEOUT: Duration = Duration::from_secs(60);

/// A secret of Docker or Kubernetes is short, and so is a key. A longer file is another one.
pub(crate) const MAX_SECRET_LENGTH: usize = 64 * 1024;

/// What a file may be.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    /// In bytes.
    pub max_length: usize,
    /// What is wrong with a longer file.
    pub too_long: &'static str,
    /// Inspects the file before it is read.
    pub check: fn(&Path, &File) -> Result<(), String>,
    pub pipe: Pipe,
}

/// Whether the file may be a pipe or a device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pipe {
    /// It is read once, and a shell makes pipes of secrets (`<(...)`, `/dev/stdin`).
    Allowed,
    /// It is read again and again, which a pipe permits once.
    Refused,
}

/// Reads a file. The error is the end of a message that begins with the path, and repeats no content.
pub(crate) fn read(path: &Path, expected: Expected) -> Result<Zeroizing<Vec<u8>>, String> {
    if expected.pipe == Pipe::Allowed && fs::metadata(path).is_ok_and(|metadata| system::can_wait(&metadata)) {
        return read_pipe(path, expected, PIPE_TIMEOUT);
    }
    let file = system::open_without_waiting(path).map_err(|error| causes::reason(&error))?;
    // A pipe of Windows may have no metadata.
    if expected.pipe == Pipe::Refused && file.metadata().map_or(true, |metadata| is_special(&metadata)) {
        return Err(SPECIAL.into());
    }
    read_opened(path, file, expected)
}

/// Returns whether this is a pipe or a device.
fn is_special(metadata: &Metadata) -> bool {
    !metadata.is_file() && !metadata.is_dir()
}

/// Reads a pipe or a device on a thread of its own, which goes on waiting if there is nothing to be read in time.
fn read_pipe(path: &Path, expected: Expected, timeout: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let (sender, content) = mpsc::channel();
    let owned = path.to_owned();
    let reading = move || {
        let opened = File::open(&owned).map_err(|error| causes::reason(&error));
        let _ = sender.send(opened.and_then(|file| read_opened(&owned, file, expected)));
    };
    threads::start("tango-file", Code::Library, reading).map_err(|error| NoThread::NotStarted(error).to_string())?;
    content.recv_timeout(timeout).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => {
            Err(format!("the pipe had no end within {}; check what writes to it", human::span(timeout)))
        }
        RecvTimeoutError::Disconnected => Err("it could not be read".into()),
    })
}

fn read_opened(path: &Path, file: File, expected: Expected) -> Result<Zeroizing<Vec<u8>>, String> {
    let Expected { max_length, too_long, check, .. } = expected;
    check(path, &file)?;
    // The whole capacity of a secret at once: a vector that grows leaves copies of it in freed memory.
    let mut content = Zeroizing::new(Vec::with_capacity(max_length.min(MAX_SECRET_LENGTH) + 1));
    file.take(max_length as u64 + 1).read_to_end(&mut content).map_err(|error| causes::reason(&error))?;
    if content.len() <= max_length { Ok(content) } else { Err(too_long.into()) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::path::PathBuf;
    use std::thread;

    use nix::sys::stat::Mode;

    use super::*;

    const EXPECTED: Expected =
        Expected { max_length: 100, too_long: "it is too long", check: |_, _| Ok(()), pipe: Pipe::Allowed };
    const REGULAR: Expected = Expected { pipe: Pipe::Refused, ..EXPECTED };

    /// A pipe that the test run removes.
    fn pipe(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tango-input-{}-{name}", std::process::id()));
        nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        path
    }

    #[test]
    fn pipe_or_device_that_may_be_none_is_refused_without_waiting() {
        let pipe = pipe("refused");
        for path in [pipe.as_path(), Path::new("/dev/zero"), Path::new("/dev/null")] {
            let problem = read(path, REGULAR).unwrap_err();
            assert!(problem.contains("a pipe or a device") && problem.contains("name a regular file"), "{problem}");
        }
        fs::remove_file(pipe).unwrap();
    }

    #[test]
    fn pipe_is_read_to_its_end_and_within_the_limit() {
        let pipe = pipe("allowed");
        for (length, outcome) in [(100, Ok(100)), (101, Err("it is too long".to_owned()))] {
            let to = pipe.clone();
            let writer = thread::spawn(move || {
                let mut file = OpenOptions::new().write(true).open(to).unwrap();
                file.write_all(b"s").unwrap();
                thread::sleep(Duration::from_millis(20));
                file.write_all(&vec![b's'; length - 1]).unwrap();
            });
            assert_eq!(read(&pipe, EXPECTED).map(|content| content.len()), outcome);
            writer.join().unwrap();
        }
        assert_eq!(read(Path::new("/dev/zero"), EXPECTED).map(|content| content.len()), Err("it is too long".into()));
        fs::remove_file(pipe).unwrap();
    }

    #[test]
    fn pipe_without_a_writer_is_given_up() {
        let pipe = pipe("silent");
        let problem = read_pipe(&pipe, EXPECTED, Duration::from_millis(50)).unwrap_err();
        assert!(problem.contains("no end within") && problem.contains("check what writes to it"), "{problem}");
        // Ends the thread.
        drop(OpenOptions::new().write(true).open(&pipe).unwrap());
        fs::remove_file(pipe).unwrap();
    }
}

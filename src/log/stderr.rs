//! The log on stderr: the level and the format that the program sets, or else the variables `TANGO_LOG` and
//! `TANGO_LOG_FORMAT`.

#[cfg_attr(unix, path = "stderr/unix.rs")]
#[cfg_attr(windows, path = "stderr/windows.rs")]
mod system;

use std::env;
use std::ffi::OsString;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use tracing::Level;

use super::format::format;
use super::level::{FORMATS, LEVELS, LogFormat, LogLevel};
use super::line::LogLine;
use crate::callbacks;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub level: LogLevel,
    pub format: LogFormat,
}

/// A setting, and what stderr was when it was set.
struct Active {
    setting: Setting,
    stderr: system::Stderr,
}

/// Nothing until the program or a variable sets it. An atomic pointer, because a forked child could inherit a lock.
static ACTIVE: ArcSwapOption<Active> = ArcSwapOption::const_empty();

/// Returns whether lines of this level are written.
pub(super) fn wants(level: Level) -> bool {
    ACTIVE.load().as_ref().is_some_and(|active| LogLevel::from(level) <= active.setting.level)
}

/// Returns whether lines of any level are written.
pub(super) fn is_on() -> bool {
    ACTIVE.load().as_ref().is_some_and(|active| active.setting.level != LogLevel::Off)
}

/// Writes a line, in one piece, and waits as long as stderr does. Runs on the log thread.
pub(super) fn write(line: &LogLine) {
    if let Some(active) = &*ACTIVE.load() {
        active.stderr.write(format(line, active.setting.format, process::id()).as_bytes());
    }
}

/// Sets what is written, for the program: the variables have no effect any more.
pub(super) fn set(setting: Setting) {
    ACTIVE.store(Some(Arc::new(Active { setting, stderr: system::Stderr::now() })));
}

/// Reads the variables, once in a process and its children. Returns the setting, unless the program has its own.
pub(super) fn read_variables() -> Option<Setting> {
    static IS_READ: AtomicBool = AtomicBool::new(false);
    if ACTIVE.load().is_some() || IS_READ.swap(true, Relaxed) {
        return None;
    }
    let Variables { setting, problems } = Variables::read(|name| env::var_os(name));
    for problem in problems {
        complain(problem);
    }
    setting
}

/// Sets what the variables say, unless the program was faster.
pub(super) fn set_from_variables(setting: Setting) {
    let active = Active { setting, stderr: system::Stderr::now() };
    ACTIVE.compare_and_swap(&None::<Arc<Active>>, Some(Arc::new(active)));
}

/// Writes a warning about a variable. On the log thread, because stderr can be slow.
fn complain(problem: String) {
    let line = LogLine {
        time: SystemTime::now(),
        level: Level::WARN,
        target: module_path!(),
        file: file!(),
        line: line!(),
        message: problem,
        fields: Vec::new(),
    };
    let stderr = system::Stderr::now();
    callbacks::log(move || stderr.write(format(&line, LogFormat::Text, process::id()).as_bytes()));
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Variables {
    setting: Option<Setting>,
    /// No problem repeats a value: a secret may have been put into the wrong variable.
    problems: Vec<String>,
}

impl Variables {
    fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let value = |name| lookup(name).filter(|value| !value.is_empty());
        let Some(level) = value("TANGO_LOG") else { return Self::default() };
        let Some(level) = level.to_str().and_then(LogLevel::named) else {
            let problem = format!("TANGO_LOG must be {LEVELS}; it has another value and counts as unset");
            return Self { setting: None, problems: vec![problem] };
        };
        let (mut format, mut problems) = (LogFormat::Text, Vec::new());
        if let Some(name) = value("TANGO_LOG_FORMAT") {
            match name.to_str().and_then(LogFormat::named) {
                Some(named) => format = named,
                None => {
                    problems.push(format!("TANGO_LOG_FORMAT must be {FORMATS}; it has another value, so text is used"));
                }
            }
        }
        Self { setting: Some(Setting { level, format }), problems }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Variables {
        Variables::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn variables_set_level_and_format() {
        let text = |level| Variables { setting: Some(Setting { level, format: LogFormat::Text }), problems: vec![] };
        assert_eq!(read(&[]), Variables::default());
        assert_eq!(read(&[("TANGO_LOG", ""), ("TANGO_LOG_FORMAT", "json")]), Variables::default());
        assert_eq!(read(&[("TANGO_LOG", "debug")]), text(LogLevel::Debug));
        assert_eq!(read(&[("TANGO_LOG", "OFF"), ("TANGO_LOG_FORMAT", "")]), text(LogLevel::Off));
        let json = read(&[("TANGO_LOG", "warn"), ("TANGO_LOG_FORMAT", "json")]);
        assert_eq!(json.setting, Some(Setting { level: LogLevel::Warn, format: LogFormat::Json }));
    }

    #[test]
    fn wrong_value_is_a_problem_that_names_the_right_ones() {
        let wrong = read(&[("TANGO_LOG", "s3cret")]);
        let expected =
            "TANGO_LOG must be error, warn, info, debug, trace or off; it has another value and counts as unset";
        assert_eq!(wrong, Variables { setting: None, problems: vec![expected.into()] });
        let wrong = read(&[("TANGO_LOG", "info"), ("TANGO_LOG_FORMAT", "s3cret")]);
        assert_eq!(wrong.setting, Some(Setting { level: LogLevel::Info, format: LogFormat::Text }));
        assert_eq!(wrong.problems, ["TANGO_LOG_FORMAT must be text or json; it has another value, so text is used"]);
    }
}

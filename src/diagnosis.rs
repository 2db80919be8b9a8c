//! A diagnosis: checks everything that a client needs, step by step, with the library's own code, and says what to do.
//!
//! No token request is sent, and nothing that belongs to a client is changed in the shared cache.

mod cache;
mod clock;
mod key;
mod ledger;
mod network;
mod redis;

use std::time::{Duration, SystemTime};

use crate::config::Config;
use crate::error::{Error, Status};
use crate::human;
use crate::runtime::{Reply, Runtime};

/// Longer than all time limits of its steps together, with the default timeouts.
const LIMIT: Duration = Duration::from_secs(180);
/// The names of the checks, in order.
const CHECKS: [&str; 11] = [
    CONFIGURATION,
    "proxy",
    "name resolution",
    "connection",
    "tls",
    "http",
    "clock",
    "cache",
    "redis",
    "key",
    "ledger",
];
const CONFIGURATION: &str = "configuration";

/// The checks of a [`Config`], in the order in which a client meets their subjects ([`Config::diagnose`]).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The checks, each of them once.
    pub checks: Vec<Check>,
}

/// A check of a [`Diagnosis`]. No field contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// What was checked: `configuration`, `proxy`, `name resolution`, `connection`, `tls`, `http`, `clock`, `cache`,
    /// `redis`, `key` or `ledger`.
    pub name: &'static str,
    /// The result.
    pub outcome: CheckOutcome,
    /// The result in a sentence.
    pub summary: String,
    /// Further facts: a name and a value each.
    pub details: Vec<(String, String)>,
    /// What to do, after a warning or a failure.
    pub advice: Vec<String>,
}

/// The result of a [`Check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckOutcome {
    /// Nothing has to be done.
    Ok,
    /// A client works, but something should be changed.
    Warning,
    /// A client does not work, or spends more tokens than it should.
    Failure,
    /// There was nothing to check, or an earlier failure prevented it.
    Skipped,
}

impl CheckOutcome {
    /// Returns the result in lower case, as JSON has it: `ok`, `warning`, `failure` or `skipped`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
        }
    }
}

impl Config {
    /// Checks everything that a client with this configuration needs: its values, the proxy, the name of the server, the
    /// connection, TLS, the clock, the shared cache, the key and the ledger.
    ///
    /// Connects to the token endpoint and sends it one GET request, which cannot issue a token. Writes and removes
    /// entries of its own in the shared cache, under names that no client uses. Blocks for some seconds, and for up to
    /// three minutes where nothing responds. Fails inside a callback of this library, where it would wait for itself.
    pub fn diagnose(&self) -> Result<Diagnosis, Error> {
        let runtime = Runtime::current()?;
        let (reply, checks) = Reply::channel();
        let config = self.clone();
        runtime.spawn(async move { reply.send(run(&config).await) });
        let Some(Ok(mut checks)) = runtime.block_within(LIMIT, checks)? else {
            let limit = human::span(LIMIT);
            return Err(Error::new(Status::TimedOut, format!("the diagnosis did not end within {limit}")));
        };
        // On this thread: the library's own reads the cache meanwhile.
        checks.push(ledger::check(self));
        Ok(Diagnosis { checks })
    }
}

impl Diagnosis {
    /// The diagnosis of a configuration that could not be read at all, such as one of a profile that does not exist.
    pub fn of_unreadable_configuration(error: &Error) -> Self {
        let first = Check::failure(CONFIGURATION, error.message());
        let others = CHECKS[1..].iter().map(|name| Check::skipped(name, "the configuration cannot be read"));
        Self { checks: [first].into_iter().chain(others).collect() }
    }

    /// Returns whether no check failed.
    pub fn has_no_failure(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != CheckOutcome::Failure)
    }

    /// Returns what to do, in order, failures first.
    pub fn advice(&self) -> Vec<&str> {
        let of = |outcome| self.checks.iter().filter(move |check| check.outcome == outcome);
        let checks = of(CheckOutcome::Failure).chain(of(CheckOutcome::Warning));
        let mut advice: Vec<&str> = Vec::new();
        for sentence in checks.flat_map(|check| &check.advice) {
            if !advice.contains(&sentence.as_str()) {
                advice.push(sentence);
            }
        }
        advice
    }
}

impl Check {
    fn new(name: &'static str, outcome: CheckOutcome, summary: impl Into<String>) -> Self {
        Self { name, outcome, summary: summary.into(), details: Vec::new(), advice: Vec::new() }
    }

    fn ok(name: &'static str, summary: impl Into<String>) -> Self {
        Self::new(name, CheckOutcome::Ok, summary)
    }

    fn skipped(name: &'static str, reason: impl Into<String>) -> Self {
        Self::new(name, CheckOutcome::Skipped, reason)
    }

    /// A failure that the library explains: its messages end with what to do, after the first semicolon.
    fn failure(name: &'static str, message: &str) -> Self {
        let (what, advice) = message.split_once("; ").unwrap_or((message, message));
        let advice = capitalized(advice);
        Self { advice: vec![advice], ..Self::new(name, CheckOutcome::Failure, what) }
    }

    fn detail(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.details.push((name.into(), value.into()));
        self
    }

    /// Makes it a warning, unless it failed, with one more advice.
    fn warn(mut self, advice: impl Into<String>) -> Self {
        if self.outcome != CheckOutcome::Failure {
            self.outcome = CheckOutcome::Warning;
        }
        self.advice.push(advice.into());
        self
    }
}

/// Runs all checks but that of the ledger.
async fn run(config: &Config) -> Vec<Check> {
    let mut checks = vec![configuration(config)];
    checks.extend(network::check(config).await);
    checks.extend(cache::check(config).await);
    checks.push(key::check(config));
    checks
}

fn configuration(config: &Config) -> Check {
    let mut check = match config.resolve() {
        Ok(_) => Check::ok(CONFIGURATION, "complete and consistent"),
        Err(error) => {
            let problems = error.message().trim_start_matches("the configuration cannot be used: ");
            // Each problem is something to do, unlike in other messages.
            let advice = problems.split("; ").map(|problem| match problem.strip_suffix(" is missing") {
                Some(name) => format!("Set {name}"),
                None if problem.starts_with("set ") => capitalized(problem),
                // It begins with the name of an option or a variable.
                None => problem.to_owned(),
            });
            let advice = advice.collect();
            Check { advice, ..Check::new(CONFIGURATION, CheckOutcome::Failure, "cannot be used") }
        }
    };
    for option in config.explain() {
        let value = match (option.value, option.source.is_set()) {
            (Some(value), _) => format!("{value} ({})", option.source),
            (None, true) => format!("[set] ({})", option.source),
            (None, false) => "not set".into(),
        };
        check = check.detail(option.name, value);
    }
    check
}

/// Makes a sentence of an error's advice.
fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    // A name in lower case, such as an option, stays as it is.
    let is_word = text.split([' ', ',']).next().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
    match characters.next() {
        Some(first) if is_word => first.to_uppercase().collect::<String>() + characters.as_str(),
        _ => text.into(),
    }
}

fn date(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    human::date(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_of_the_library_is_divided_into_what_is_wrong_and_what_to_do() {
        let check = Check::failure("tls", "a certificate expired; replace it; or wait");
        assert_eq!(
            (check.summary.as_str(), check.advice),
            ("a certificate expired", vec!["Replace it; or wait".into()])
        );
        assert_eq!(Check::failure("tls", "broken").advice, ["Broken"]);
        assert_eq!(
            [capitalized("ca_file has to"), capitalized("check it"), capitalized("")],
            ["ca_file has to", "Check it", ""]
        );
    }

    #[test]
    fn advice_is_in_order_without_repetitions_and_failures_come_first() {
        let checks = vec![
            Check::ok("a", "fine").warn("third"),
            Check::failure("b", "what; first"),
            Check::failure("c", "what; second").warn("First"),
        ];
        assert_eq!(Diagnosis { checks }.advice(), ["First", "Second", "third"]);
    }

    #[test]
    fn configuration_that_cannot_be_read_has_every_check() {
        let diagnosis = Diagnosis::of_unreadable_configuration(&Error::new(Status::InvalidConfiguration, "no; do it"));
        assert!(!diagnosis.has_no_failure());
        assert_eq!(diagnosis.checks.iter().map(|check| check.name).collect::<Vec<_>>(), CHECKS);
    }
}

//! What was found in one thing: its parts, and the checks with the sections of the RFCs that ask for them.

use std::fmt;

use anstyle::Style;
use serde_json::{Value, json};

use crate::output::{ERROR, GOOD, WARNING, visible};

/// The heading of parts of which there can be several: an array as JSON.
pub const LIST: &str = "identities";
/// The heading of each for a person.
const LIST_ITEM: &str = "identity";

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Fail,
    /// For a person to judge.
    Note,
}

pub struct Report {
    kind: &'static str,
    title: String,
    parts: Vec<(&'static str, Vec<(String, Value)>)>,
    checks: Vec<Check>,
}

struct Check {
    /// What is checked: the name of a member, for example.
    id: &'static str,
    outcome: Outcome,
    text: String,
    /// Where it is required.
    source: &'static str,
}

impl Report {
    pub fn new(kind: &'static str, title: impl Into<String>) -> Self {
        Self { kind, title: title.into(), parts: Vec::new(), checks: Vec::new() }
    }

    /// Adds members under a heading. Their values are shown.
    pub fn part(&mut self, heading: &'static str, members: impl IntoIterator<Item = (String, Value)>) -> &mut Self {
        self.parts.push((heading, members.into_iter().collect()));
        self
    }

    /// Adds a check that passes if `is_good`. The text says what is found.
    pub fn check(&mut self, id: &'static str, is_good: bool, text: impl Into<String>, source: &'static str) {
        let outcome = if is_good { Outcome::Pass } else { Outcome::Fail };
        self.add(id, outcome, text, source);
    }

    pub fn note(&mut self, id: &'static str, text: impl Into<String>, source: &'static str) {
        self.add(id, Outcome::Note, text, source);
    }

    pub fn add(&mut self, id: &'static str, outcome: Outcome, text: impl Into<String>, source: &'static str) {
        self.checks.push(Check { id, outcome, text: text.into(), source });
    }

    pub fn has_failed(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == Outcome::Fail)
    }

    pub fn to_json(&self) -> Value {
        let mut document = json!({ "kind": self.kind });
        for (heading, members) in &self.parts {
            let members = Value::Object(members.iter().cloned().collect());
            match document.get_mut(*heading) {
                None if *heading == LIST => document[*heading] = json!([members]),
                Some(Value::Array(list)) => list.push(members),
                _ => document[*heading] = members,
            }
        }
        let checks = self.checks.iter().map(|check| {
            let result = match check.outcome {
                Outcome::Pass => "pass",
                Outcome::Fail => "fail",
                Outcome::Note => "note",
            };
            json!({ "id": check.id, "result": result, "text": check.text, "source": check.source })
        });
        document["checks"] = checks.collect();
        document
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TITLE}{}{TITLE:#}", self.title)?;
        for (heading, members) in &self.parts {
            let members: Vec<_> = members.iter().filter(|(_, value)| !value.is_null()).collect();
            if members.is_empty() {
                continue;
            }
            write!(f, "\n\n{}", if *heading == LIST { LIST_ITEM } else { heading })?;
            let width = members.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
            for (name, value) in members {
                write!(f, "\n  {:width$}  {}", visible(name), shown(value))?;
            }
        }
        if !self.checks.is_empty() {
            f.write_str("\n\nchecks")?;
        }
        for Check { outcome, text, source, .. } in &self.checks {
            let (style, word) = match outcome {
                Outcome::Pass => (GOOD, "ok  "),
                Outcome::Fail => (ERROR, "FAIL"),
                Outcome::Note => (WARNING, "note"),
            };
            write!(f, "\n  {style}{word}{style:#}  {}", visible(text))?;
            if !source.is_empty() {
                write!(f, " {DIM}({source}){DIM:#}")?;
            }
        }
        Ok(())
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(string) => visible(string),
        other => visible(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_a_terminal_obeys_are_escaped() {
        let mut report = Report::new("test", "A test");
        report
            .part("claims", [("na\u{1b}me".into(), json!("\u{1b}[31mred\u{202e}")), ("list".into(), json!(["ü\"'"]))]);
        report.check("one", false, "a\rb", "RFC 1 section 2");
        let text = report.to_string();
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert!(plain.contains(r"na\u{1b}me") && plain.contains(r"\u{1b}[31mred\u{202e}"), "{plain}");
        assert!(plain.contains(r#"["ü\"'"]"#) && plain.contains(r"FAIL  a\rb (RFC 1 section 2)"), "{plain}");
    }
}

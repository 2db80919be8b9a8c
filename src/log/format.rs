//! Lines of the log as they are written to stderr.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::level::{LogFormat, LogLevel};
use super::line::{LogLine, LogValue};
use crate::human;
use crate::visible;

/// Returns a line with its line break.
pub(super) fn format(line: &LogLine, format: LogFormat, pid: u32) -> String {
    let mut formatted = match format {
        LogFormat::Text => text(line, pid),
        LogFormat::Json => json(line, pid),
    };
    formatted.push('\n');
    formatted
}

/// Control characters would break the line, or change what the terminal shows.
fn text(line: &LogLine, pid: u32) -> String {
    let time = human::rfc_3339(line.time);
    let level = LogLevel::from(line.level).name();
    let mut text = format!("{time} {level} tango-token[{pid}]: {}", visible::text(&line.message));
    line.write_fields(&mut text);
    text
}

fn json(line: &LogLine, pid: u32) -> String {
    serde_json::to_string(&Json { line, pid }).expect("maps with strings as keys can always be written")
}

struct Json<'a> {
    line: &'a LogLine,
    pid: u32,
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = self.line;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &human::rfc_3339(line.time))?;
        map.serialize_entry("level", LogLevel::from(line.level).name())?;
        map.serialize_entry("target", line.target)?;
        map.serialize_entry("pid", &self.pid)?;
        map.serialize_entry("message", &line.message)?;
        for field in &line.fields {
            match &field.value {
                LogValue::String(string) => map.serialize_entry(field.name, string)?,
                LogValue::Signed(number) => map.serialize_entry(field.name, number)?,
                LogValue::Unsigned(number) => map.serialize_entry(field.name, number)?,
                LogValue::Bool(value) => map.serialize_entry(field.name, value)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tracing::Level;

    use super::super::line::LogField;
    use super::*;

    fn line(message: &str, fields: Vec<LogField>) -> LogLine {
        let time = UNIX_EPOCH + Duration::from_millis(1_795_782_600_007);
        let (target, file) = ("tango_token::test", file!());
        LogLine { time, level: Level::WARN, target, file, line: 1, message: message.into(), fields }
    }

    fn field(name: &'static str, value: LogValue) -> LogField {
        LogField { name, value }
    }

    fn hostile() -> LogLine {
        let client = LogValue::String("a \"b\"\n\u{1b}[2J\u{2028}".into());
        line("one\ntwo\u{202e}", vec![field("client", client), field("ms", LogValue::Unsigned(12))])
    }

    #[test]
    fn line_of_text_has_time_level_process_message_and_fields() {
        assert_eq!(
            super::format(&hostile(), LogFormat::Text, 47),
            "2026-11-27T12:30:00.007Z WARN tango-token[47]: one two client=\"a \\\"b\\\"\\n\\u{1b}[2J\\u{2028}\" ms=12\n"
        );
    }

    #[test]
    fn line_of_json_has_a_member_for_each_field() {
        let formatted = super::format(&hostile(), LogFormat::Json, 47);
        assert!(formatted.starts_with(r#"{"time":"2026-11-27T12:30:00.007Z","level":"WARN","#), "{formatted}");
        assert_eq!(
            serde_json::from_str::<Value>(&formatted).unwrap(),
            json!({
                "time": "2026-11-27T12:30:00.007Z", "level": "WARN", "target": "tango_token::test", "pid": 47,
                "message": "one\ntwo\u{202e}", "client": "a \"b\"\n\u{1b}[2J\u{2028}", "ms": 12
            })
        );
        let types = vec![field("a", LogValue::Signed(-1)), field("b", LogValue::Bool(true))];
        let formatted: Value = serde_json::from_str(&super::format(&line("", types), LogFormat::Json, 1)).unwrap();
        assert_eq!((&formatted["a"], &formatted["b"]), (&json!(-1), &json!(true)));
    }

    proptest! {
        #[test]
        fn each_line_is_one_line_whatever_it_contains(message in any::<String>(), value in any::<String>()) {
            let line = line(&message, vec![field("client", LogValue::String(value.clone()))]);
            let text = super::format(&line, LogFormat::Text, 1);
            prop_assert!(text.ends_with('\n') && !text.trim_end_matches('\n').contains(char::is_control));
            let json = super::format(&line, LogFormat::Json, 1);
            prop_assert_eq!(json.matches('\n').count(), 1);
            let json: Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!((json["message"].as_str(), json["client"].as_str()), (Some(&*message), Some(&*value)));
        }
    }
}

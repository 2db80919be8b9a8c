//! The variables that tell a client where the sandbox is, and with which credentials to use it.

use std::borrow::Cow;
use std::path::Path;

use serde_json::{Map, Value};

use crate::options::Credentials;
use crate::paths;

/// Names and values, in the order in which they are written.
pub struct Environment(Vec<(&'static str, String)>);

impl Environment {
    /// `authority` is `host:port` of the TLS listener.
    pub fn new(
        authority: &str,
        control_port: u16,
        inspector_url: Option<String>,
        ca_file: &Path,
        credentials: &Credentials,
    ) -> Self {
        let mut variables = vec![
            ("TANGO_TOKEN_URL", format!("https://{authority}{}", paths::TOKEN)),
            ("TANGO_API_URL", format!("https://{authority}{}", paths::API)),
            ("TANGO_CA_FILE", ca_file.display().to_string()),
            ("TANGO_CLIENT_ID", credentials.client_id.clone()),
            ("TANGO_CLIENT_SECRET", credentials.client_secret.clone()),
            ("TANGO_USERNAME", credentials.username.clone()),
            ("TANGO_PASSWORD", credentials.password.clone()),
            // A proxy of the company cannot reach this machine.
            ("TANGO_PROXY", "none".into()),
            ("TANGO_SANDBOX_CONTROL_URL", format!("http://127.0.0.1:{control_port}")),
        ];
        variables.extend(inspector_url.map(|url| ("TANGO_INSPECTOR_URL", url)));
        Self(variables)
    }

    /// Returns names and values.
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.0
    }

    /// Returns `NAME=value` lines that a POSIX shell can source.
    pub fn to_shell(&self) -> String {
        self.0.iter().map(|(name, value)| [name, "=", &quoted(value), "\n"].concat()).collect()
    }

    /// Returns one JSON object on one line.
    pub fn to_json(&self) -> String {
        let object = self.0.iter().map(|(name, value)| ((*name).into(), value.as_str().into())).collect::<Map<_, _>>();
        format!("{}\n", Value::Object(object))
    }
}

/// Returns `host:port` as it stands in the URLs.
pub fn authority(host: &str, port: u16) -> String {
    match host {
        "127.0.0.1" => format!("localhost:{port}"),
        host if host.contains(':') => format!("[{host}]:{port}"),
        host => format!("{host}:{port}"),
    }
}

/// Returns one word of a POSIX shell, in single quotes where a character in it is special.
fn quoted(value: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        return value.into();
    }
    // Nothing is special inside single quotes, except the quote that ends them.
    format!("'{}'", value.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_word_is_not_quoted() {
        for word in ["abc", "https://localhost:1/oauth/token", "a@b.example", "100%"] {
            assert_eq!(quoted(word), word);
        }
    }

    #[test]
    fn word_with_a_special_character_is_quoted() {
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a b&c"), "'a b&c'");
        assert_eq!(quoted("ü"), "'ü'");
        assert_eq!(quoted("~"), "'~'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[cfg(unix)]
    #[test]
    fn shell_reads_back_a_quoted_word() {
        for word in ["s3cret+&=% ü", "'", "''a'", "$HOME `id` \\ \" # ; *"] {
            let script = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn both_formats_hold_every_variable() {
        let environment = Environment(vec![("A", "it's \"ü\"".into()), ("B", "b".into())]);
        assert_eq!(environment.to_shell(), "A='it'\\''s \"ü\"'\nB=b\n");
        assert_eq!(environment.to_json(), "{\"A\":\"it's \\\"ü\\\"\",\"B\":\"b\"}\n");
    }

    #[test]
    fn authority_is_written_as_urls_need_it() {
        assert_eq!(authority("127.0.0.1", 1), "localhost:1");
        assert_eq!(authority("::1", 1), "[::1]:1");
        assert_eq!(authority("10.0.0.7", 1), "10.0.0.7:1");
    }
}

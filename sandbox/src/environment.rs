//! The `NAME=value` lines that tell a client where the sandbox is and who it knows.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use crate::options::Credentials;

/// Displays as lines that a POSIX shell can source.
pub struct Environment<'a> {
    pub host: &'a str,
    pub port: u16,
    pub control_port: u16,
    pub ca_file: &'a Path,
    pub credentials: &'a Credentials,
}

impl Environment<'_> {
    /// `host:port` as it stands in the URLs.
    pub fn authority(&self) -> String {
        match self.host {
            "127.0.0.1" => format!("localhost:{}", self.port),
            host if host.contains(':') => format!("[{host}]:{}", self.port),
            host => format!("{host}:{}", self.port),
        }
    }
}

impl fmt::Display for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority();
        for (name, value) in [
            ("TANGO_TOKEN_URL", &format!("https://{authority}/oauth/token")),
            ("TANGO_API_URL", &format!("https://{authority}/raas/v2")),
            ("TANGO_CA_FILE", &self.ca_file.display().to_string()),
            ("TANGO_CLIENT_ID", &self.credentials.client_id),
            ("TANGO_CLIENT_SECRET", &self.credentials.client_secret),
            ("TANGO_USERNAME", &self.credentials.username),
            ("TANGO_PASSWORD", &self.credentials.password),
            ("TANGO_SANDBOX_CONTROL_URL", &format!("http://127.0.0.1:{}", self.control_port)),
        ] {
            writeln!(f, "{name}={}", quoted(value))?;
        }
        Ok(())
    }
}

/// One word of a POSIX shell: as it is where nothing in it is special, else in single quotes.
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
    fn plain_words_stay_bare() {
        for word in ["abc", "https://localhost:1/oauth/token", "a@b.example", "100%"] {
            assert_eq!(quoted(word), word);
        }
    }

    #[test]
    fn special_words_are_quoted() {
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a b&c"), "'a b&c'");
        assert_eq!(quoted("ü"), "'ü'");
        assert_eq!(quoted("~"), "'~'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in ["s3cret+&=% ü", "'", "''a'", "$HOME `id` \\ \" # ; *"] {
            let script = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn the_host_is_written_as_urls_want_it() {
        let options = <crate::options::Options as clap::Parser>::parse_from(["tango-sandbox"]);
        let authority = |host| {
            let ca_file = Path::new("ca.pem");
            Environment { host, port: 1, control_port: 2, ca_file, credentials: &options.credentials }.authority()
        };
        assert_eq!(authority("127.0.0.1"), "localhost:1");
        assert_eq!(authority("::1"), "[::1]:1");
        assert_eq!(authority("10.0.0.7"), "10.0.0.7:1");
    }
}

//! `tango-sandbox get`: one call of an API, for machines without an HTTP client at hand.

use std::error::Error;
use std::fs;
use std::io::{self, Write};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, redirect};

use crate::options::Get;

/// Prints the status and the body of the answer. Fails unless the answer is a success.
pub async fn run(get: &Get) -> Result<(), Box<dyn Error>> {
    let headers = headers(&io::read_to_string(io::stdin())?)?;
    let pem = fs::read(&get.ca_file).map_err(|error| format!("{}: {error}", get.ca_file.display()))?;
    let client = Client::builder()
        .tls_certs_only(Certificate::from_pem_bundle(&pem)?)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()?;
    let answer = client.get(&get.url).headers(headers).send().await?;
    let status = answer.status();
    writeln!(io::stdout(), "{status}\n{}", answer.text().await?)?;
    if status.is_success() { Ok(()) } else { Err(format!("the call was refused with {status}").into()) }
}

/// `Name: value`, a line each. What a line holds is not repeated in an error: it may be a token.
fn headers(lines: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (number, line) in lines.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let header = line.split_once(':').and_then(|(name, value)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
        });
        let (name, value) = header.ok_or_else(|| format!("line {} is no header", number + 1))?;
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_lines() {
        let headers = headers("Authorization: Bearer abc\n\nX-Note:  two words \n").unwrap();
        assert_eq!(headers["authorization"], "Bearer abc");
        assert_eq!(headers["x-note"], "two words");
    }

    #[test]
    fn what_is_no_header_is_named_by_its_line() {
        assert_eq!(headers("A: b\ntoken-without-a-name").unwrap_err(), "line 2 is no header");
        assert_eq!(headers("bad name: x").unwrap_err(), "line 1 is no header");
    }
}

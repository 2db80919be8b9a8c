//! `tango-sandbox get`: one API call, for machines that have no HTTP client.

use std::error::Error;
use std::fs;
use std::io::{self, Write};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, redirect};

use crate::options::GetOptions;

/// Prints status and body of the response. Fails unless the status is a success.
pub async fn get(options: &GetOptions) -> Result<(), Box<dyn Error>> {
    let headers = headers(&io::read_to_string(io::stdin())?)?;
    let pem = fs::read(&options.ca_file).map_err(|error| format!("{}: {error}", options.ca_file.display()))?;
    let client = Client::builder()
        .tls_certs_only(Certificate::from_pem_bundle(&pem)?)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()?;
    let response = client.get(&options.url).headers(headers).send().await?;
    let status = response.status();
    writeln!(io::stdout(), "{status}\n{}", response.text().await?)?;
    if status.is_success() { Ok(()) } else { Err(format!("the call was refused with {status}").into()) }
}

/// Reads `Name: value` lines. An error does not repeat a line, which may hold a token.
fn headers(lines: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (number, line) in lines.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let header = line.split_once(':').and_then(|(name, value)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
        });
        let (name, value) = header.ok_or_else(|| format!("line {} is not a header", number + 1))?;
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_header() {
        let headers = headers("Authorization: Bearer abc\n\nX-Note:  two words \n").unwrap();
        assert_eq!(headers["authorization"], "Bearer abc");
        assert_eq!(headers["x-note"], "two words");
    }

    #[test]
    fn invalid_header_is_reported_by_its_line() {
        assert_eq!(headers("A: b\ntoken-without-a-name").unwrap_err(), "line 2 is not a header");
        assert_eq!(headers("bad name: x").unwrap_err(), "line 1 is not a header");
    }
}

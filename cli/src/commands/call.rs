//! `tango-token call`: one API call, for trying.

mod http;

use std::io::{self, Write};

use clap::Args;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode};
use tango_token::{Authorization, Client, Error, Observation, Verdict};

use crate::failure::Failure;
use crate::input::{self, Input};
use crate::options::Options;
use crate::progress;
use crate::times;
use http::Http;

/// Exit statuses of `--fail`, for each kind of HTTP status.
const REDIRECTED: i32 = 3;
const CLIENT_ERROR: i32 = 4;
const SERVER_ERROR: i32 = 5;

#[derive(Args)]
#[command(after_help = "\
The request carries a token, and with DPoP a proof. It is repeated where the API asks for a nonce, for another proof or \
for another token. No redirect is followed. An origin that gets no token is allowed with --allow-origin.

With --fail the exit status is 3 after a redirect, 4 after a status of 4xx and 5 after 5xx. Without it, a response is \
a success, unless the API refuses the token.

Examples:
  tango-token call GET https://integration-api.tangocard.com/raas/v2/accounts
  tango-token call POST \"$URL\" --data @order.json --include --fail")]
pub struct Call {
    /// Method, such as GET
    method: String,
    /// URL to call
    url: String,
    /// Header to send, `NAME: VALUE`; or `@FILE` or `@-` for a file or standard input with one on each line
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    headers: Vec<String>,
    /// Body to send; `@FILE` or `@-` for that of a file or of standard input. It is JSON, unless --header says otherwise
    #[arg(long, short, value_name = "BODY", allow_hyphen_values = true)]
    data: Option<String>,
    /// Print status and headers of the response as well
    #[arg(long, short)]
    include: bool,
    /// End with the status 3, 4 or 5 unless the HTTP status is a success
    #[arg(long, short)]
    fail: bool,
    #[command(flatten)]
    options: Options,
}

impl Call {
    /// Returns the exit status.
    pub fn run(&self) -> Result<i32, Failure> {
        self.check_inputs()?;
        let headers = self.request_headers()?;
        let body = self.data.as_deref().map(body).transpose()?.unwrap_or_default();
        let client = self.options.client()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let http = Http::new(&self.options, client.total_timeout(), &self.method, &self.url, headers, body)?;
        // That of the token, and that of the response.
        let limit = client.total_timeout() * 2;
        let sending = async {
            let sending = tokio::time::timeout(limit, send(&client, &http, self)).await;
            sending.unwrap_or_else(|_| Err(Failure::new(format!("the call took longer than {}", times::span(limit)))))
        };
        let (mut response, refusal) =
            progress::during("a token and the response", limit, || runtime.block_on(sending))?;
        let status = response.status();
        runtime.block_on(self.print(&mut response))?;
        let exit_status = if self.fail { exit_status(status) } else { 0 };
        match refusal {
            Some(error) if self.fail => Err(Failure::from(error).but_with_status(exit_status)),
            Some(error) => Err(error.into()),
            None => Ok(exit_status),
        }
    }

    fn check_inputs(&self) -> Result<(), Failure> {
        let headers = self.headers.iter().filter_map(|argument| Some(("--header", named_input(argument)?)));
        let body = self.data.iter().filter_map(|argument| Some(("--data", body_input(argument)?)));
        let own: Vec<_> = headers.chain(body).collect();
        input::at_most_one_is_stdin(own.iter().map(|(flag, input)| (*flag, input)).chain(self.options.inputs()))
    }

    async fn print(&self, response: &mut Response) -> Result<(), Failure> {
        let mut output = io::stdout().lock();
        if self.include {
            writeln!(output, "{:?} {}", response.version(), response.status())?;
            for (name, value) in response.headers() {
                writeln!(output, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
            }
            writeln!(output)?;
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| http::failed(&error))? {
            output.write_all(&chunk)?;
        }
        Ok(output.flush()?)
    }

    fn request_headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        for argument in &self.headers {
            match named_input(argument) {
                None => add_header(&mut headers, argument, "--header")?,
                Some(input) => {
                    let lines = input.read()?;
                    for (line, number) in lines.lines().zip(1..).filter(|(line, _)| !line.is_empty()) {
                        add_header(&mut headers, line, &format!("line {number} of {input}"))?;
                    }
                }
            }
        }
        if self.data.is_some() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(headers)
    }
}

/// Sends the request until the library is content with the response, or knows that the API refuses.
async fn send(client: &Client, http: &Http, call: &Call) -> Result<(Response, Option<Error>), Failure> {
    let mut authorization = client.authorize_async(&call.method, &call.url).await?;
    loop {
        let response = http.send(&authorization).await?;
        match observe(client, &authorization, &response) {
            Ok(Verdict::Done) => return Ok((response, None)),
            Ok(Verdict::Retry) => authorization = client.authorize_again_async(&authorization).await?,
            Err(refusal) => return Ok((response, Some(refusal))),
        }
    }
}

fn observe(client: &Client, authorization: &Authorization, response: &Response) -> Result<Verdict, Error> {
    let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let challenges = response.headers().get_all("www-authenticate").iter();
    let challenges = challenges.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(", ");
    client.observe(
        authorization,
        &Observation {
            http_status: response.status().as_u16(),
            dpop_nonce: header("dpop-nonce"),
            www_authenticate: Some(challenges.as_str()).filter(|value| !value.is_empty()),
            date: header("date"),
        },
    )
}

/// Adds a `NAME: VALUE`. A failure does not repeat it, because it may hold a secret.
fn add_header(headers: &mut HeaderMap, line: &str, place: &str) -> Result<(), Failure> {
    let header = line.split_once(':').and_then(|(name, value)| {
        Some((name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
    });
    let (name, value) = header.ok_or_else(|| Failure::usage(format!("{place} is not a header, `NAME: VALUE`")))?;
    if ["authorization", "dpop"].contains(&name.as_str()) {
        return Err(Failure::usage(format!("{place} sets {name}, which tango-token sets itself")));
    }
    headers.append(name, value);
    Ok(())
}

fn body(argument: &str) -> Result<Vec<u8>, Failure> {
    match body_input(argument) {
        Some(input) => Ok(std::mem::take(&mut *input.read_bytes(u64::MAX)?)),
        None => Ok(argument.into()),
    }
}

/// Returns the input that `--data` names, if it is not the body itself.
fn body_input(argument: &str) -> Option<Input> {
    if argument == "-" { Some(Input::Stdin) } else { named_input(argument) }
}

/// Returns the input of an argument `@FILE` or `@-`.
fn named_input(argument: &str) -> Option<Input> {
    argument.strip_prefix('@').map(|file| file.parse().unwrap_or_else(|never| match never {}))
}

fn exit_status(status: StatusCode) -> i32 {
    match status.as_u16() {
        300..400 => REDIRECTED,
        400..500 => CLIENT_ERROR,
        500.. => SERVER_ERROR,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_that_is_none_or_that_carries_the_token_is_refused() {
        let mut headers = HeaderMap::new();
        add_header(&mut headers, "X-Note:  two words ", "--header").unwrap();
        assert_eq!(headers["x-note"], "two words");
        for (line, why) in [
            ("hunter2", "--header is not a header, `NAME: VALUE`"),
            ("bad name: hunter2", "--header is not a header, `NAME: VALUE`"),
            ("Authorization: Bearer hunter2", "--header sets authorization, which tango-token sets itself"),
            ("dpop: hunter2", "--header sets dpop, which tango-token sets itself"),
        ] {
            assert_eq!(add_header(&mut headers, line, "--header").unwrap_err().to_string(), why);
        }
    }

    #[test]
    fn each_kind_of_http_status_has_an_exit_status() {
        let of = |status| exit_status(StatusCode::from_u16(status).unwrap());
        assert_eq!([200, 204, 302, 404, 429, 503, 999].map(of), [0, 0, 3, 4, 4, 5, 5]);
    }
}

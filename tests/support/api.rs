//! Calls a protected API as a program does: authorize, send, observe, and retry while told to.

use std::path::Path;

use reqwest::header::{HeaderMap, HeaderName};
use tango_token::{Authorization, Client, Error, Observation, Verdict};

pub struct Caller {
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

pub struct Response {
    pub status: u16,
    headers: HeaderMap,
}

impl Caller {
    pub fn new(ca_file: impl AsRef<Path>) -> Self {
        let authority = reqwest::Certificate::from_pem(&std::fs::read(ca_file).unwrap()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
        Self { http, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap() }
    }

    /// Sends one GET request. Reads the whole response, so that the connection can be used again.
    pub fn get(&self, url: &str, authorization: &str, dpop: Option<&str>) -> Response {
        self.runtime.block_on(async {
            let mut request = self.http.get(url).header("authorization", authorization);
            if let Some(proof) = dpop {
                request = request.header("dpop", proof);
            }
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            response.bytes().await.unwrap();
            Response { status, headers }
        })
    }

    pub fn send(&self, url: &str, authorization: &Authorization) -> Response {
        self.get(url, authorization.authorization(), authorization.dpop())
    }

    /// Returns the final status and how often the request was sent.
    pub fn call(&self, client: &Client, url: &str) -> Result<(u16, u32), Error> {
        let mut authorization = client.authorize("GET", url)?;
        for sent in 1.. {
            let response = self.send(url, &authorization);
            match response.observed_by(client, &authorization)? {
                Verdict::Done => return Ok((response.status, sent)),
                Verdict::Retry => authorization = client.authorize_again(&authorization)?,
            }
        }
        unreachable!("the loop ends with a verdict or an error")
    }
}

impl Response {
    pub fn observed_by(&self, client: &Client, authorization: &Authorization) -> Result<Verdict, Error> {
        let joined = |name: &'static str| {
            let values = self.headers.get_all(HeaderName::from_static(name));
            let values: Vec<_> = values.iter().map(|value| value.to_str().unwrap()).collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        let (nonce, challenges, date) = (joined("dpop-nonce"), joined("www-authenticate"), joined("date"));
        client.observe(
            authorization,
            &Observation {
                http_status: self.status,
                dpop_nonce: nonce.as_deref(),
                www_authenticate: challenges.as_deref(),
                date: date.as_deref(),
            },
        )
    }
}

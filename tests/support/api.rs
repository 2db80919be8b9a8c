//! Calls of a protected API as a program makes them: authorize, send, observe, and once more where that is advised.

use std::path::Path;

use reqwest::header::{HeaderMap, HeaderName};
use tango_token::{Authorization, Client, Error, Observation, Verdict};

pub struct Caller {
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

pub struct Answer {
    pub status: u16,
    headers: HeaderMap,
}

impl Caller {
    pub fn new(ca_file: impl AsRef<Path>) -> Self {
        let authority = reqwest::Certificate::from_pem(&std::fs::read(ca_file).unwrap()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
        Self { http, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap() }
    }

    /// Sends one GET. The answer is read to its end, so that the connection serves the next.
    pub fn get(&self, url: &str, authorization: &str, dpop: Option<&str>) -> Answer {
        self.runtime.block_on(async {
            let mut request = self.http.get(url).header("authorization", authorization);
            if let Some(proof) = dpop {
                request = request.header("dpop", proof);
            }
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            answer.bytes().await.unwrap();
            Answer { status, headers }
        })
    }

    pub fn send(&self, url: &str, authorization: &Authorization) -> Answer {
        self.get(url, authorization.authorization(), authorization.dpop())
    }

    /// The final status, and how often the request was sent.
    pub fn call(&self, client: &Client, url: &str) -> Result<(u16, u32), Error> {
        let mut authorization = client.authorize("GET", url)?;
        for sent in 1.. {
            let answer = self.send(url, &authorization);
            match answer.observed_by(client, &authorization)? {
                Verdict::Done => return Ok((answer.status, sent)),
                Verdict::Retry => authorization = client.authorize_again(&authorization)?,
            }
        }
        unreachable!("a second retry is never advised")
    }
}

impl Answer {
    pub fn observed_by(&self, client: &Client, authorization: &Authorization) -> Result<Verdict, Error> {
        let joined = |name: &'static str| {
            let values = self.headers.get_all(HeaderName::from_static(name));
            let texts: Vec<_> = values.iter().map(|value| value.to_str().unwrap()).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
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

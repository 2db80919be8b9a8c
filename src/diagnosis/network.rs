//! The way to the token endpoint: proxy, name, connection, TLS, HTTP and the server's clock.

use std::time::{Duration, Instant, SystemTime};

use super::{Check, CheckOutcome, clock, date, milliseconds};
use crate::certificate::Certificate;
use crate::config::{Config, Settings};
use crate::endpoint::{Negotiated, Probe};
use crate::error::Error;

const PROXY: &str = "proxy";
const NAME: &str = "name resolution";
const CONNECTION: &str = "connection";
const TLS: &str = "tls";
const HTTP: &str = "http";
const CLOCK: &str = "clock";
/// A certificate that ends within this time should have a successor.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

pub(super) async fn check(config: &Config) -> Vec<Check> {
    let unusable = |reason: &str| {
        [PROXY, NAME, CONNECTION, TLS, HTTP, CLOCK].map(|name| Check::skipped(name, reason.to_owned())).to_vec()
    };
    // Wrong credentials and a wrong cache do not keep the network from being looked at.
    let Ok(settings) = config.network_settings() else {
        return unusable("the configuration of the connection cannot be used");
    };
    let Ok(probe) = Probe::new(&settings) else { return unusable("the token URL cannot be used") };
    let mut checks = vec![proxy(&settings), name(&probe).await];
    if checks.iter().any(|check| check.outcome == CheckOutcome::Failure) {
        checks.extend([CONNECTION, TLS, HTTP, CLOCK].map(|name| Check::skipped(name, "the name was not resolved")));
        return checks;
    }
    let (connection, tls) = connection(&probe, &settings).await;
    let is_reached = [&connection, &tls].iter().all(|check| check.outcome != CheckOutcome::Failure);
    checks.extend([connection, tls]);
    if is_reached {
        checks.extend(http(&probe).await);
    } else {
        checks.extend([HTTP, CLOCK].map(|name| Check::skipped(name, "there is no connection")));
    }
    checks
}

fn proxy(settings: &Settings) -> Check {
    let reason = &settings.transport.proxy_reason;
    match &settings.transport.proxy {
        None => Check::ok(PROXY, format!("none: {reason}")),
        Some(proxy) => {
            let check = Check::ok(PROXY, format!("{proxy}: {reason}")).detail("protocol", proxy.protocol.name());
            check.detail("credentials", if proxy.credentials.is_some() { "set" } else { "none" })
        }
    }
}

async fn name(probe: &Probe) -> Check {
    let (host, _) = probe.peer();
    let start = Instant::now();
    match probe.resolve().await {
        Ok(addresses) => {
            let shown: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
            let check = Check::ok(NAME, format!("{host} has {}", shown.join(", ")));
            let check = check.detail("time", milliseconds(start.elapsed()));
            if probe.leaves_name_to_proxy() {
                return check.detail("server", format!("the proxy resolves the name of {}", probe.server()));
            }
            check
        }
        Err(error) => Check::failure(NAME, error.message()),
    }
}

async fn connection(probe: &Probe, settings: &Settings) -> (Check, Check) {
    let start = Instant::now();
    let opened = match probe.connect().await {
        Ok(opened) => opened,
        Err(error) => {
            return (Check::failure(CONNECTION, error.message()), Check::skipped(TLS, "there is no connection"));
        }
    };
    let through = settings.transport.proxy.as_ref().map_or(String::new(), |proxy| format!(" through {proxy}"));
    let connection = Check::ok(CONNECTION, format!("to {}{through}", probe.server()));
    let connection = connection.detail("time", milliseconds(start.elapsed()));
    if !probe.has_tls() {
        return (connection, Check::skipped(TLS, "the token URL has no TLS"));
    }
    let start = Instant::now();
    let (chain, negotiated) = probe.secure(opened).await;
    let check = tls(&negotiated, &chain, SystemTime::now()).detail("time", milliseconds(start.elapsed()));
    (connection, check.detail("authorities", settings.transport.trust.to_string()))
}

fn tls(negotiated: &Result<Negotiated, Error>, chain: &[Certificate], now: SystemTime) -> Check {
    let mut check = match negotiated {
        Ok(Negotiated { protocol, cipher_suite }) => {
            let protocol = protocol.replace('v', " ").replace('_', ".");
            Check::ok(TLS, format!("{protocol}, the certificate is trusted"))
                .detail("cipher suite", cipher_suite.clone())
        }
        Err(error) => Check::failure(TLS, error.message()),
    };
    for (certificate, number) in chain.iter().zip(1..) {
        let Certificate { subject, issuer, not_before, not_after } = certificate;
        let (from, until) = (date(*not_before), date(*not_after));
        let shown = format!("{subject}, issued by {issuer}, valid from {from} until {until}");
        check = check.detail(format!("certificate {number}"), shown);
        let left = not_after.duration_since(now).unwrap_or_default();
        if check.outcome != CheckOutcome::Failure && left < SOON {
            let days = left.as_secs() / (24 * 3600);
            check = check.warn(format!("Replace the certificate of {subject}: it expires on {until}, in {days} days"));
        }
    }
    check
}

async fn http(probe: &Probe) -> [Check; 2] {
    let (start, sent_at) = (Instant::now(), clock::boot_time());
    let head = match probe.head().await {
        Ok(head) => head,
        Err(error) => return [Check::failure(HTTP, error.message()), Check::skipped(CLOCK, "there was no response")],
    };
    let status = head.status;
    let check = Check::ok(HTTP, format!("the server responds with status {} to GET", status.as_u16()));
    let check = check.detail("time", milliseconds(start.elapsed()));
    let check = if status.is_redirection() {
        check.warn("Check the path of token_url: the server redirects, and the library follows no redirects")
    } else if status.is_server_error() {
        check.warn(
            "Ask the operator of the server, or try again later: the server, or a gateway before it, has a failure",
        )
    } else if status.is_success() {
        check.warn("Check the path of token_url: a token endpoint does not respond to GET with success")
    } else {
        check
    };
    [check, clock::check(head.date.as_deref(), sent_at)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(days_left: u64, now: SystemTime) -> Certificate {
        let not_after = now + Duration::from_secs(days_left * 24 * 3600 + 3600);
        Certificate { subject: "CN=host".into(), issuer: "CN=ca".into(), not_before: SystemTime::UNIX_EPOCH, not_after }
    }

    #[test]
    fn certificate_that_ends_within_two_weeks_is_a_warning() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_782_600);
        let negotiated = Ok(Negotiated { protocol: "TLSv1_3".into(), cipher_suite: "S".into() });
        let check = tls(&negotiated, &[certificate(13, now)], now);
        assert_eq!(
            (check.outcome, check.summary.as_str()),
            (CheckOutcome::Warning, "TLS 1.3, the certificate is trusted")
        );
        assert_eq!(
            check.advice,
            ["Replace the certificate of CN=host: it expires on 10 Dec 2026 13:30 UTC, in 13 days"]
        );
        assert_eq!(tls(&negotiated, &[certificate(14, now)], now).outcome, CheckOutcome::Ok);
    }
}

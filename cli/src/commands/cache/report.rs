//! The status of the cache for a person: a first line that says whether there is a token, then what it is known from.

use std::fmt::Write;
use std::time::SystemTime;

use tango_token::{CacheKind, CacheStatus, CachedRecord, CachedToken, LedgerState, LockState};

use super::{described, visible};
use crate::failure::Failure;
use crate::output::{self, ERROR, GOOD};
use crate::times::{distance, local, relative};

/// The first line, and the lines below it: a name and a value each.
pub struct Report {
    is_good: bool,
    first: String,
    lines: Vec<(&'static str, String)>,
}

impl Report {
    pub fn print(&self) -> Result<(), Failure> {
        let style = if self.is_good { GOOD } else { ERROR };
        let mut text = format!("{style}{}{style:#}\n", self.first);
        let width = self.lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in &self.lines {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  {name:width$}  {value}");
        }
        output::line(text)
    }
}

pub fn of(status: &CacheStatus) -> Report {
    let mut report = Report {
        is_good: status.usable_token().is_some(),
        first: format!("{}; {}", token_in_short(status), next_request_in_short(status)),
        lines: Vec::new(),
    };
    report.add_identity(status);
    if let CachedRecord::Token(token) = &status.record {
        report.add_token(token, status.now);
    }
    report.add(
        "lock",
        match &status.lock {
            LockState::Free => "free".into(),
            LockState::Held(holder) => format!("held by {}", described(holder)),
            _ => "this cache does not tell who holds it".into(),
        },
    );
    report.add_ledger(status);
    report
}

fn token_in_short(status: &CacheStatus) -> String {
    let now = status.now;
    match &status.record {
        CachedRecord::Token(token) if now < token.expires => {
            let suspect = if token.is_suspect { ", which an API rejected" } else { "" };
            format!("usable {} token{suspect} until {}", token.token_type, relative(token.expires, now))
        }
        CachedRecord::Token(token) => format!("no usable token: it expired {}", distance(token.expires, now)),
        CachedRecord::OtherSecret => {
            "no token that these credentials can open: it is sealed with another client secret".into()
        }
        CachedRecord::Damaged(reason) => format!("no usable token: the record {}", visible(reason)),
        CachedRecord::Unusable(reason) => format!("no token for this client: {}", visible(reason)),
        _ if status.kind == CacheKind::Memory => "no shared cache: each process keeps its token in memory".into(),
        _ => "no token".into(),
    }
}

fn next_request_in_short(status: &CacheStatus) -> String {
    if let (LockState::Held(_), Some(since)) = (&status.lock, status.ledger.in_flight_since) {
        return format!("a process began to request a token {}", distance(since, status.now));
    }
    match (status.next_request, status.quota_resets) {
        (Some(until), _) => format!("no request before {}", relative(until, status.now)),
        (None, Some(resets)) => format!("the daily limit allows the next one {}", distance(resets, status.now)),
        (None, None) => "a request is possible now".into(),
    }
}

impl Report {
    fn add(&mut self, name: &'static str, value: String) {
        self.lines.push((name, value));
    }

    fn add_time(&mut self, name: &'static str, time: Option<SystemTime>, now: SystemTime) {
        if let Some(time) = time {
            self.add(name, relative(time, now));
        }
    }

    fn add_identity(&mut self, status: &CacheStatus) {
        let identity = &status.identity;
        self.add("cache", status.place.clone());
        self.add("client ID", identity.client_id.clone());
        self.add("service account", identity.username.clone());
        self.add("scope", identity.scope.clone());
        self.add("audience", identity.audience.clone());
        self.add("DPoP", identity.dpop.name().into());
        self.add("token server", identity.token_url.clone());
    }

    fn add_token(&mut self, token: &CachedToken, now: SystemTime) {
        self.add("token", format!("{}, scope {}", token.token_type, visible(&token.scope)));
        if let Some(thumbprint) = &token.key_thumbprint {
            self.add("bound to", format!("the key with the thumbprint {thumbprint}"));
        }
        self.add("requested", relative(token.requested, now));
        self.add("expires", relative(token.expires, now));
        if now < token.expires {
            self.add("next refresh", next_refresh(token, now));
        }
        if let Some(reason) = token.replaced_early {
            self.add("replaced early", reason.into());
        }
    }

    fn add_ledger(&mut self, status: &CacheStatus) {
        let (ledger, now) = (&status.ledger, status.now);
        match ledger.state {
            LedgerState::Read => {}
            LedgerState::Damaged => self.add("ledger", "damaged; it counts as missing".into()),
            _ => self.add("ledger", "none".into()),
        }
        self.add_time("ledger changed", ledger.changed, now);
        self.add_time("last token issued", ledger.last_issue, now);
        if ledger.state == LedgerState::Read {
            self.add("tokens issued", ledger.issues.to_string());
        }
        self.add_time("request in flight", ledger.in_flight_since, now);
        self.add_time("possibly spent", ledger.possibly_spent, now);
        self.add_time("daily limit resets", status.quota_resets, now);
        if ledger.is_quota_disproved {
            self.add("daily limit", "disproved: two tokens were issued in less time".into());
        }
        self.add_time("cool-down until", ledger.cool_down_until, now);
        self.add_time("back-off until", ledger.back_off_until, now);
        if ledger.failures > 0 {
            self.add("failures", ledger.failures.to_string());
        }
        if let Some(failure) = &ledger.failure {
            self.add("last failure", format!("{}: {}", failure.status().name(), output::visible(failure.message())));
        }
        for suspect in &ledger.suspect_tokens {
            self.add("rejected token", format!("SHA-256 {suspect}"));
        }
        if ledger.rejected_records > 0 {
            self.add("damaged records", format!("{} set aside", ledger.rejected_records));
        }
        for (server, seconds) in ledger.server_clock_offsets.iter().filter(|(_, seconds)| *seconds != 0) {
            let side = if *seconds > 0 { "ahead of" } else { "behind" };
            self.add("server clock", format!("{}: {} s {side} the cache", visible(server), seconds.unsigned_abs()));
        }
    }
}

fn next_refresh(token: &CachedToken, now: SystemTime) -> String {
    if token.refresh_from <= now {
        return "due: the next call starts it".into();
    }
    if token.refresh_from >= token.expires {
        return "not before the token expires: no request is sent until then".into();
    }
    format!(
        "{}, in each process at another time until {}",
        relative(token.refresh_from, now),
        local(token.refresh_until)
    )
}

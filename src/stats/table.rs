//! The metrics: the one table from which names, documentation and the forms of other languages come.

use super::{Event, Gauges};

/// A metric: what its values have in common.
#[derive(Debug, PartialEq)]
pub struct Metric {
    name: &'static str,
    kind: MetricKind,
    unit: &'static str,
    description: &'static str,
    pub(super) series: &'static [Series],
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(i32)]
pub enum MetricKind {
    /// A number that only grows, and is zero in a new process.
    Counter = 1,
    /// The value at the moment of the snapshot.
    Gauge = 2,
    /// Measurements, counted in buckets.
    Histogram = 3,
}

/// The attributes of one value, and where it comes from.
pub(super) type Series = (&'static [(&'static str, &'static str)], Source);

#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Event(Event),
    ServedFromMemory,
    Gauge(fn(&Gauges) -> f64),
    Durations,
}

/// A metric is one row of the table, whatever its values come from.
impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Metric {
    /// Returns the name for OpenTelemetry, such as `tango.token.requests`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the name for Prometheus, such as `tango_token_requests_total`.
    pub fn prometheus_name(&self) -> String {
        let unit = if self.unit == "s" { "_seconds" } else { "" };
        let total = if self.kind == MetricKind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", self.name.replace('.', "_"))
    }

    /// Returns the kind.
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// Returns the unit in the notation of UCUM, as OpenTelemetry has it: `s`, or what is counted, such as `{request}`.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// Returns one or two sentences about the metric.
    pub fn description(&self) -> &'static str {
        self.description
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.prometheus_name() == name
    }
}

const fn counter(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    series: &'static [Series],
) -> Metric {
    Metric { name, kind: MetricKind::Counter, unit, description, series }
}

const fn gauge(name: &'static str, description: &'static str, series: &'static [Series]) -> Metric {
    Metric { name, kind: MetricKind::Gauge, unit: "s", description, series }
}

pub(super) const METRICS: &[Metric] = &[
    counter(
        "tango.token.requests",
        "{request}",
        "Token requests, by what became of them. A request that is repeated counts each time.",
        &[
            (&[("outcome", "issued")], Source::Event(Event::RequestIssued)),
            (&[("outcome", "quota_refused")], Source::Event(Event::RequestQuotaRefused)),
            (&[("outcome", "nonce_required")], Source::Event(Event::RequestNonceRequired)),
            (&[("outcome", "refused")], Source::Event(Event::RequestRefused)),
            (&[("outcome", "unavailable")], Source::Event(Event::RequestUnavailable)),
            (&[("outcome", "invalid_response")], Source::Event(Event::RequestInvalidResponse)),
            (&[("outcome", "no_response")], Source::Event(Event::RequestNoResponse)),
            (&[("outcome", "not_sent")], Source::Event(Event::RequestNotSent)),
        ],
    ),
    counter(
        "tango.token.responses",
        "{response}",
        "Responses to token requests, by the class of their HTTP status.",
        &[
            (&[("http.response.status_class", "2xx")], Source::Event(Event::Response2xx)),
            (&[("http.response.status_class", "3xx")], Source::Event(Event::Response3xx)),
            (&[("http.response.status_class", "4xx")], Source::Event(Event::Response4xx)),
            (&[("http.response.status_class", "5xx")], Source::Event(Event::Response5xx)),
            (&[("http.response.status_class", "other")], Source::Event(Event::ResponseOther)),
        ],
    ),
    Metric {
        name: "tango.token.request.duration",
        kind: MetricKind::Histogram,
        unit: "s",
        description: "Duration of token requests, from the connection to the end of the response or the failure.",
        series: &[(&[], Source::Durations)],
    },
    counter(
        "tango.token.retries",
        "{request}",
        "Token requests that were sent again after a failure, within one refresh.",
        &[(&[], Source::Event(Event::Retry))],
    ),
    counter(
        "tango.token.possibly_spent",
        "{request}",
        "Token requests without a readable response. Each may have used up the token of the day.",
        &[(&[], Source::Event(Event::PossiblySpent))],
    ),
    counter(
        "tango.token.refreshes",
        "{refresh}",
        "Refreshes of this process that sent a token request, by how they ended.",
        &[
            (&[("outcome", "issued")], Source::Event(Event::RefreshIssued)),
            (&[("outcome", "failed")], Source::Event(Event::RefreshFailed)),
        ],
    ),
    counter(
        "tango.token.served",
        "{token}",
        "Tokens that calls of the program got, by where they came from. The source of a call that waited is the one \
         that it waited for.",
        &[
            (&[("source", "memory")], Source::ServedFromMemory),
            (&[("source", "shared_cache")], Source::Event(Event::ServedFromCache)),
            (&[("source", "token_endpoint")], Source::Event(Event::ServedFromEndpoint)),
        ],
    ),
    counter(
        "tango.token.errors",
        "{call}",
        "Calls of the program that got an error instead of a token, by what held requests back at that time.",
        &[
            (&[("reason", "cool_down")], Source::Event(Event::ErrorCoolDown)),
            (&[("reason", "back_off")], Source::Event(Event::ErrorBackOff)),
            (&[("reason", "shared_cache")], Source::Event(Event::ErrorCache)),
            (&[("reason", "other")], Source::Event(Event::ErrorOther)),
        ],
    ),
    counter(
        "tango.token.rejections",
        "{token}",
        "Tokens that an API rejected as invalid_token.",
        &[(&[], Source::Event(Event::Rejected))],
    ),
    gauge(
        "tango.token.expires_in",
        "Remaining lifetime of the token that is served. Zero while there is none.",
        &[(&[], Source::Gauge(|gauges| gauges.expires_in))],
    ),
    gauge(
        "tango.token.lifetime",
        "Whole lifetime of the token that is served. Zero while there is none.",
        &[(&[], Source::Gauge(|gauges| gauges.lifetime))],
    ),
    gauge(
        "tango.token.cool_down",
        "Remaining time in which no token is requested because the server's daily limit is used up.",
        &[(&[], Source::Gauge(|gauges| gauges.cool_down))],
    ),
    gauge(
        "tango.token.back_off",
        "Remaining time in which no token is requested because of another failure.",
        &[(&[], Source::Gauge(|gauges| gauges.back_off))],
    ),
    counter(
        "tango.dpop.proofs",
        "{proof}",
        "DPoP proofs that the client made, by the server that they were for.",
        &[
            (&[("server", "token_endpoint")], Source::Event(Event::ProofForEndpoint)),
            (&[("server", "api")], Source::Event(Event::ProofForApi)),
        ],
    ),
    counter(
        "tango.dpop.nonce_challenges",
        "{response}",
        "Responses with the error use_dpop_nonce, by server. Each costs a request.",
        &[
            (&[("server", "token_endpoint")], Source::Event(Event::NonceChallengeOfEndpoint)),
            (&[("server", "api")], Source::Event(Event::NonceChallengeOfApi)),
        ],
    ),
    counter(
        "tango.cache.errors",
        "{operation}",
        "Operations of the shared cache that failed.",
        &[
            (&[("operation", "load")], Source::Event(Event::CacheLoadError)),
            (&[("operation", "save")], Source::Event(Event::CacheSaveError)),
            (&[("operation", "lock")], Source::Event(Event::CacheLockError)),
        ],
    ),
    counter(
        "tango.cache.lock_waits",
        "{wait}",
        "Times that a refresh found the shared cache locked by another process.",
        &[(&[], Source::Event(Event::LockWait))],
    ),
];

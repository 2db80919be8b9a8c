//! A snapshot of what a client has done and what it holds, as metrics. The names follow OpenTelemetry, and each has its
//! form for Prometheus; the table in `table` is the source of both, and of docs/metrics.md.

mod sample;
mod table;

use crate::counters::{Counters, Event};
pub use sample::{Bucket, Sample};
use table::{METRICS, Source};
pub use table::{Metric, MetricKind};

/// The state of a client that is measured at the moment of the snapshot. Spans are in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub expires_in: f64,
    pub lifetime: f64,
    pub cool_down: f64,
    pub back_off: f64,
}

/// The metrics of one client at one moment, since the process made it or was forked: see docs/metrics.md.
///
/// A later version of the library may have more metrics, and more attributes of one.
#[derive(Clone, Debug)]
pub struct Stats {
    samples: Vec<Sample>,
}

impl Stats {
    pub(crate) fn new(counters: &Counters, served_from_memory: u64, gauges: Gauges) -> Self {
        let sample = |metric, attributes, source| match source {
            Source::Event(event) => Sample::number(metric, attributes, number(counters.get(event))),
            Source::ServedFromMemory => Sample::number(metric, attributes, number(served_from_memory)),
            Source::Gauge(read) => Sample::number(metric, attributes, read(&gauges)),
            Source::Durations => Sample::histogram(metric, attributes, counters.durations()),
        };
        let series = METRICS.iter().flat_map(|metric| metric.series.iter().map(move |series| (metric, series)));
        Self { samples: series.map(|(metric, (attributes, source))| sample(metric, attributes, *source)).collect() }
    }

    /// Returns every metric with each of its attributes, in the order of docs/metrics.md.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Returns the value of one metric: of a counter with attributes the sum over them, of a histogram the number of
    /// measurements. `None` if there is no such metric.
    ///
    /// `name` is in the form of OpenTelemetry or of Prometheus, and may select one attribute:
    /// `tango.token.requests`, `tango_token_requests_total{outcome="issued"}`.
    pub fn value(&self, name: &str) -> Option<f64> {
        let (name, attribute) = match name.strip_suffix('}').and_then(|name| name.split_once('{')) {
            Some((name, selector)) => (name, Some(selector.split_once('=')?)),
            None => (name, None),
        };
        let is_meant = |sample: &&Sample| {
            sample.metric().is_called(name)
                && attribute.is_none_or(|(key, value)| sample.has(key, value.trim_matches('"')))
        };
        let mut values = self.samples.iter().filter(is_meant).map(Sample::total).peekable();
        values.peek()?;
        Some(values.sum())
    }
}

/// Converts a count. Beyond 2^53 it is rounded, which takes a program centuries.
#[expect(clippy::cast_precision_loss, reason = "metrics are doubles in every system that reads them")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;

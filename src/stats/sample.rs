//! One value of a snapshot.

use super::number;
use super::table::Metric;
use crate::counters::Histogram;

/// One metric with one set of attributes, and its value at the moment of the snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    metric: &'static Metric,
    attributes: &'static [(&'static str, &'static str)],
    value: f64,
    buckets: Vec<Bucket>,
}

/// The measurements of a histogram up to a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Bucket {
    /// The upper bound, in the unit of the metric: infinity in the last bucket.
    pub upper_bound: f64,
    /// The number of measurements that do not exceed the bound, those of the buckets before it included.
    pub count: u64,
}

impl Sample {
    pub(super) fn number(
        metric: &'static Metric,
        attributes: &'static [(&'static str, &'static str)],
        value: f64,
    ) -> Self {
        Self { metric, attributes, value, buckets: Vec::new() }
    }

    pub(super) fn histogram(
        metric: &'static Metric,
        attributes: &'static [(&'static str, &'static str)],
        histogram: &Histogram,
    ) -> Self {
        let bounds = Histogram::BOUNDS_MS.iter().map(|&ms| number(ms) / 1e3).chain([f64::INFINITY]);
        let buckets = bounds.zip(histogram.cumulative()).map(|(upper_bound, count)| Bucket { upper_bound, count });
        Self { metric, attributes, value: histogram.sum().as_secs_f64(), buckets: buckets.collect() }
    }

    /// Returns the metric that this is a value of.
    pub fn metric(&self) -> &'static Metric {
        self.metric
    }

    /// Returns the names and values that tell this value from others of the metric, such as `outcome` and `issued`.
    pub fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        self.attributes
    }

    /// Returns the value. For a histogram it is the sum of the measurements.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Returns the buckets of a histogram, of which the last one counts all measurements. Empty for other metrics.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Returns what can be added up over attributes.
    pub(super) fn total(&self) -> f64 {
        self.buckets.last().map_or(self.value, |all| number(all.count))
    }

    pub(super) fn has(&self, key: &str, value: &str) -> bool {
        self.attributes.iter().any(|(name, known)| (*name == key || name.replace('.', "_") == key) && *known == value)
    }
}

//! `tango_stats`: the metrics of a client at one moment. They are read by name or by position, so that a new metric
//! changes no function.

use std::ffi::CString;
use std::ptr;

use libc::c_char;

use super::error::ErrorObject;
use super::{Out, free, guard, required, string};
use crate::client::Client;
use crate::error::Status;
use crate::stats::{Bucket, Sample, Stats};

/// The metrics of a client at one moment: see docs/metrics.md.
///
/// It is a list of values. Each belongs to a metric, and most metrics with attributes have several values, such as one
/// for each outcome of a token request.
pub struct StatsObject {
    stats: Stats,
    strings: Vec<Strings>,
}

/// What C borrows of one value.
struct Strings {
    name: CString,
    prometheus_name: CString,
    unit: CString,
    description: CString,
    attributes: Vec<(CString, CString)>,
}

impl Strings {
    fn of(sample: &Sample) -> Self {
        // The table has no NUL.
        let c = |string: &str| CString::new(string).unwrap_or_default();
        let metric = sample.metric();
        Self {
            name: c(metric.name()),
            prometheus_name: c(&metric.prometheus_name()),
            unit: c(metric.unit()),
            description: c(metric.description()),
            attributes: sample.attributes().iter().map(|(name, value)| (c(name), c(value))).collect(),
        }
    }
}

impl StatsObject {
    fn sample(&self, index: usize) -> Option<&Sample> {
        self.stats.samples().get(index)
    }

    fn bucket(&self, index: usize, bucket: usize) -> Option<&Bucket> {
        self.sample(index)?.buckets().get(bucket)
    }
}

/// Borrows a string of one value.
fn borrowed(
    stats: Option<&StatsObject>,
    index: usize,
    read: impl FnOnce(&Strings) -> Option<&CString>,
) -> *const c_char {
    let string = stats.and_then(|stats| stats.strings.get(index)).and_then(read);
    string.map_or(ptr::null(), |string| string.as_ptr())
}

/// Takes a snapshot of the client's metrics: what it has done in this process, and what it holds. It sends nothing and
/// waits for nothing.
///
/// Counters begin at zero with the client, and in a forked child. The caller owns `*stats` and frees it with
/// `tango_stats_free`; it outlives the client. INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_client_stats(
    client: Option<&Client>,
    stats: *mut *mut StatsObject,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        // SAFETY: the header's contract for out-parameters.
        let out = unsafe { Out::new(stats, "stats") }?;
        let stats = required(client, "client")?.stats();
        let strings = stats.samples().iter().map(Strings::of).collect();
        out.give(Box::into_raw(Box::new(StatsObject { stats, strings })));
        Ok(())
    })
}

/// Returns the value of one metric by its name for OpenTelemetry or for Prometheus, such as `tango.token.requests` or
/// `tango_token_requests_total`.
///
/// Of a metric with attributes it is the sum over them, unless the name is followed by one, as in
/// `tango_token_requests_total{outcome="issued"}`; of a histogram it is the number of measurements. NaN if this library
/// has no such metric, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_stats_value(stats: Option<&StatsObject>, name: *const c_char) -> f64 {
    // SAFETY: the header's contract for strings.
    let name = unsafe { string(name, "name") };
    let value = stats.and_then(|stats| stats.stats.value(name.ok()?));
    value.unwrap_or(f64::NAN)
}

/// Returns the number of values. The functions that take an index accept those below it. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_count(stats: Option<&StatsObject>) -> usize {
    stats.map_or(0, |stats| stats.strings.len())
}

/// Returns the name of the metric for OpenTelemetry, such as `tango.token.requests`. The values of one metric follow
/// each other. Borrowed from the object; NULL for NULL and for an index that is too large.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_name(stats: Option<&StatsObject>, index: usize) -> *const c_char {
    borrowed(stats, index, |strings| Some(&strings.name))
}

/// Returns the name of the metric for Prometheus, such as `tango_token_requests_total`. Borrowed from the object; NULL
/// for NULL and for an index that is too large.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_prometheus_name(stats: Option<&StatsObject>, index: usize) -> *const c_char {
    borrowed(stats, index, |strings| Some(&strings.prometheus_name))
}

/// Returns the kind of the metric: a `tango_metric_kind`. 0 for NULL and for an index that is too large.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_kind(stats: Option<&StatsObject>, index: usize) -> i32 {
    stats.and_then(|stats| stats.sample(index)).map_or(0, |sample| sample.metric().kind() as i32)
}

/// Returns the unit of the metric: `s` for seconds, or what is counted, such as `{request}`. Borrowed from the object;
/// NULL for NULL and for an index that is too large.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_unit(stats: Option<&StatsObject>, index: usize) -> *const c_char {
    borrowed(stats, index, |strings| Some(&strings.unit))
}

/// Returns a sentence or two about the metric. Borrowed from the object; NULL for NULL and for an index that is too
/// large.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_description(stats: Option<&StatsObject>, index: usize) -> *const c_char {
    borrowed(stats, index, |strings| Some(&strings.description))
}

/// Returns the name of an attribute of this value, such as `outcome`; `position` is 0 for the first one. Borrowed from
/// the object; NULL after the last attribute, for NULL and for an index that is too large.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_attribute_name(
    stats: Option<&StatsObject>,
    index: usize,
    position: usize,
) -> *const c_char {
    borrowed(stats, index, |strings| strings.attributes.get(position).map(|(name, _)| name))
}

/// Returns the value of an attribute, such as `issued`. Borrowed from the object; NULL where
/// `tango_stats_attribute_name` returns it.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_attribute_value(
    stats: Option<&StatsObject>,
    index: usize,
    position: usize,
) -> *const c_char {
    borrowed(stats, index, |strings| strings.attributes.get(position).map(|(_, value)| value))
}

/// Returns the value at this index; for a histogram the sum of the measurements. NaN for NULL and for an index that is
/// too large.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_value_at(stats: Option<&StatsObject>, index: usize) -> f64 {
    stats.and_then(|stats| stats.sample(index)).map_or(f64::NAN, Sample::value)
}

/// Returns the number of buckets of a histogram. 0 for other metrics, for NULL and for an index that is too large.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_bucket_count(stats: Option<&StatsObject>, index: usize) -> usize {
    stats.and_then(|stats| stats.sample(index)).map_or(0, |sample| sample.buckets().len())
}

/// Returns the upper bound of a bucket, in the unit of the metric: infinity for the last one. NaN where there is no
/// such bucket.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_bucket_bound(stats: Option<&StatsObject>, index: usize, bucket: usize) -> f64 {
    stats.and_then(|stats| stats.bucket(index, bucket)).map_or(f64::NAN, |bucket| bucket.upper_bound)
}

/// Returns the number of measurements that do not exceed the bound of a bucket. That of the last bucket is the number
/// of all. 0 where there is no such bucket.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_bucket_measurements(stats: Option<&StatsObject>, index: usize, bucket: usize) -> u64 {
    stats.and_then(|stats| stats.bucket(index, bucket)).map_or(0, |bucket| bucket.count)
}

/// Frees the snapshot and the strings borrowed from it. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_stats_free(stats: Option<Box<StatsObject>>) {
    free(stats);
}

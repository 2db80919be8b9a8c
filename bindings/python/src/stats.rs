//! `Stats`: the metrics of a client at one moment.

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tango_token::{MetricKind, Sample, Stats};

/// The metrics of a client at one moment: what it has done in this process, and what it holds.
///
/// ``stats["tango.token.requests"]`` is the value of one metric, ``samples`` has all of them, and docs/metrics.md lists
/// them.
#[pyclass(frozen, name = "Stats", module = "tango_token")]
pub struct PyStats(pub Stats);

#[pymethods]
impl PyStats {
    /// Returns the value of a metric by its name for OpenTelemetry or for Prometheus: the sum over its attributes,
    /// unless one follows, as in ``tango_token_requests_total{outcome="issued"}``; the number of measurements of a
    /// histogram.
    fn __getitem__(&self, name: &str) -> PyResult<f64> {
        self.0.value(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    /// Every metric with each of its attributes, as a list of ``Sample``.
    #[getter]
    fn samples(&self) -> Vec<PySample> {
        self.0.samples().iter().cloned().map(PySample).collect()
    }

    fn __repr__(&self) -> String {
        let value = |name| self.0.value(name).unwrap_or_default();
        let (requests, served) = (value("tango.token.requests"), value("tango.token.served"));
        format!("<Stats: {requests} token requests, {served} tokens served>")
    }
}

/// One value of a metric, with the attributes that tell it from the others.
#[pyclass(frozen, name = "Sample", module = "tango_token")]
pub struct PySample(Sample);

#[pymethods]
impl PySample {
    /// The name for OpenTelemetry, such as ``tango.token.requests``.
    #[getter]
    fn name(&self) -> &str {
        self.0.metric().name()
    }

    /// The name for Prometheus, such as ``tango_token_requests_total``.
    #[getter]
    fn prometheus_name(&self) -> String {
        self.0.metric().prometheus_name()
    }

    /// ``"counter"``, ``"gauge"`` or ``"histogram"``.
    #[getter]
    fn kind(&self) -> &str {
        match self.0.metric().kind() {
            MetricKind::Counter => "counter",
            MetricKind::Histogram => "histogram",
            _ => "gauge",
        }
    }

    /// ``"s"`` for seconds, or what is counted, such as ``"{request}"``.
    #[getter]
    fn unit(&self) -> &str {
        self.0.metric().unit()
    }

    /// A sentence or two about the metric.
    #[getter]
    fn description(&self) -> &str {
        self.0.metric().description()
    }

    /// The attributes as a ``dict``, such as ``{"outcome": "issued"}``.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let attributes = PyDict::new(py);
        for (name, value) in self.0.attributes() {
            attributes.set_item(name, value)?;
        }
        Ok(attributes)
    }

    /// The value; the sum of the measurements for a histogram.
    #[getter]
    fn value(&self) -> f64 {
        self.0.value()
    }

    /// The buckets of a histogram, each with its upper bound and the number of measurements up to it.
    #[getter]
    fn buckets(&self) -> Vec<(f64, u64)> {
        self.0.buckets().iter().map(|bucket| (bucket.upper_bound, bucket.count)).collect()
    }

    fn __repr__(&self) -> String {
        let attributes: Vec<_> = self.0.attributes().iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("<Sample: {}{{{}}} {}>", self.name(), attributes.join(", "), self.value())
    }
}

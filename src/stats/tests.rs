//! The table of metrics, and its copy in docs/metrics.md.

use std::collections::HashSet;
use std::fmt::Write;
use std::{env, fs};

use super::*;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
const BEGIN: &str = "<!-- Begin of the metrics: made from src/stats/table.rs, do not edit. -->\n";
const END: &str = "<!-- End of the metrics. -->";

fn stats() -> Stats {
    let counters = Counters::default();
    counters.add(Event::RequestIssued);
    counters.add(Event::RequestNotSent);
    counters.add(Event::ErrorBackOff);
    Stats::new(&counters, 7, Gauges { expires_in: 12.5, ..Gauges::default() })
}

#[test]
fn value_is_found_by_both_names_and_summed_over_attributes() {
    let stats = stats();
    for (name, value) in [
        ("tango.token.requests", 2.0),
        ("tango_token_requests_total", 2.0),
        ("tango_token_requests_total{outcome=\"issued\"}", 1.0),
        ("tango.token.requests{outcome=refused}", 0.0),
        ("tango.token.responses{http.response.status_class=2xx}", 0.0),
        ("tango_token_responses_total{http_response_status_class=\"2xx\"}", 0.0),
        ("tango.token.served", 7.0),
        ("tango.token.expires_in", 12.5),
        ("tango_token_expires_in_seconds", 12.5),
        ("tango.token.request.duration", 0.0),
    ] {
        assert_eq!(stats.value(name), Some(value), "{name}");
    }
    for unknown in ["", "tango.token", "tango.token.requests{", "tango.token.requests{outcome}", "{}"] {
        assert_eq!(stats.value(unknown), None, "{unknown}");
    }
    assert_eq!(stats.value("tango.token.requests{outcome=unheard_of}"), None);
}

#[test]
fn every_event_is_in_the_table_once() {
    let events = METRICS.iter().flat_map(|metric| metric.series).filter_map(|(_, source)| match source {
        Source::Event(event) => Some(*event as usize),
        _ => None,
    });
    let events: Vec<_> = events.collect();
    assert_eq!(events.len(), Event::COUNT);
    assert_eq!(events.iter().collect::<HashSet<_>>().len(), Event::COUNT);
}

/// The rules of Prometheus for names, and of OpenTelemetry for names and attributes.
#[test]
fn names_follow_the_conventions() {
    let is_name = |name: &str| name.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_lowercase()));
    for metric in METRICS {
        let prometheus = metric.prometheus_name();
        assert!(is_name(metric.name()) && metric.name().starts_with("tango."), "{}", metric.name());
        assert!(prometheus.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{prometheus}");
        assert_eq!(prometheus.ends_with("_total"), metric.kind() == MetricKind::Counter, "{prometheus}");
        assert_eq!(prometheus.contains("_seconds"), metric.unit() == "s", "{prometheus}");
        assert!(metric.description().ends_with('.'), "{prometheus}");
        let names: HashSet<_> = metric
            .series
            .iter()
            .map(|(attributes, _)| attributes.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .collect();
        assert_eq!(names.len(), 1, "{prometheus}: every value has the same attributes");
    }
}

/// `UPDATE_DOCS=1 cargo test --workspace --lib stats` writes the document.
#[test]
fn document_has_the_table() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the begin of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let expected = format!("{before}{BEGIN}{}{END}{after}", table());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(DOCUMENT, &expected).unwrap();
    }
    assert!(fs::read_to_string(DOCUMENT).unwrap() == expected, "docs/metrics.md: run this test with UPDATE_DOCS=1");
}

fn table() -> String {
    let mut table = "\n| OpenTelemetry | Prometheus | kind, unit | attribute and its values | |\n".to_owned();
    table += "| --- | --- | --- | --- | --- |\n";
    for metric in METRICS {
        let kind = format!("{:?}", metric.kind()).to_lowercase();
        let values: Vec<_> = metric
            .series
            .iter()
            .flat_map(|(attributes, _)| *attributes)
            .map(|(_, value)| format!("`{value}`"))
            .collect();
        let name = metric.series[0].0.first().map_or_else(String::new, |(name, _)| format!("`{name}`: "));
        let (names, unit) = ((metric.name(), metric.prometheus_name()), metric.unit());
        let values = name + &values.join(", ");
        writeln!(table, "| `{}` | `{}` | {kind}, `{unit}` | {values} | {} |", names.0, names.1, metric.description())
            .unwrap();
    }
    table + "\n"
}

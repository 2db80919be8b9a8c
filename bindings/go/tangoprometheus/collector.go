// Package tangoprometheus exports the metrics of a [tangotoken.Client] to Prometheus:
//
//	prometheus.MustRegister(tangoprometheus.NewCollector(client, nil))
//
// It is a module of its own so that other programs do not need the Prometheus client.
package tangoprometheus

import (
	"math"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// NewCollector returns a collector of the client's metrics, which it reads at each scrape.
//
// A program with several clients registers a collector for each, with a label that tells them apart, such as
// {"client": "payments"}. A closed client is an error of the scrape: unregister its collector first.
func NewCollector(client *tangotoken.Client, constLabels prometheus.Labels) prometheus.Collector {
	return collector{client, constLabels}
}

type collector struct {
	client      *tangotoken.Client
	constLabels prometheus.Labels
}

// Describe sends the descriptions of the metrics that this version of the library has.
func (c collector) Describe(descriptions chan<- *prometheus.Desc) {
	stats, err := c.client.Stats()
	if err != nil {
		descriptions <- prometheus.NewInvalidDesc(err)
		return
	}
	last := ""
	for _, sample := range stats.Samples {
		if sample.Name != last {
			descriptions <- c.description(sample)
		}
		last = sample.Name
	}
}

// Collect sends the values.
func (c collector) Collect(metrics chan<- prometheus.Metric) {
	stats, err := c.client.Stats()
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
		return
	}
	for _, sample := range stats.Samples {
		metrics <- c.metric(sample)
	}
}

func (c collector) metric(sample tangotoken.Sample) prometheus.Metric {
	description := c.description(sample)
	var labels []string
	for _, attribute := range sample.Attributes {
		labels = append(labels, attribute.Value)
	}
	switch sample.Kind {
	case tangotoken.MetricHistogram:
		buckets := map[float64]uint64{}
		count := uint64(0)
		for _, bucket := range sample.Buckets {
			if count = bucket.Count; !math.IsInf(bucket.UpperBound, 1) {
				buckets[bucket.UpperBound] = count
			}
		}
		return prometheus.MustNewConstHistogram(description, count, sample.Value, buckets, labels...)
	case tangotoken.MetricCounter:
		return prometheus.MustNewConstMetric(description, prometheus.CounterValue, sample.Value, labels...)
	default:
		return prometheus.MustNewConstMetric(description, prometheus.GaugeValue, sample.Value, labels...)
	}
}

func (c collector) description(sample tangotoken.Sample) *prometheus.Desc {
	var names []string
	for _, attribute := range sample.Attributes {
		names = append(names, strings.ReplaceAll(attribute.Name, ".", "_"))
	}
	return prometheus.NewDesc(sample.PrometheusName, sample.Description, names, c.constLabels)
}

package tangotoken

import (
	"iter"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Stats are the metrics of a client at one moment: what it has done in this process, and what it holds. docs/metrics.md
// lists them. The package tangoprometheus exports them to Prometheus, and tangoexpvar with expvar.
type Stats struct {
	// Samples has every metric with each of its attributes. The samples of one metric follow each other.
	Samples []Sample
}

// Sample is one value of a metric, with the attributes that tell it from the others.
type Sample struct {
	// Name is the name for OpenTelemetry, such as tango.token.requests.
	Name string
	// PrometheusName is the name for Prometheus, such as tango_token_requests_total.
	PrometheusName string
	Kind           MetricKind
	// Unit is s for seconds, or what is counted, such as {request}.
	Unit        string
	Description string
	Attributes  []Attribute
	// Value is the sum of the measurements for a histogram.
	Value float64
	// Buckets are those of a histogram, of which the last one has all measurements.
	Buckets []Bucket
}

// Attribute is a name, such as outcome, and a value, such as issued.
type Attribute struct{ Name, Value string }

// Bucket counts the measurements of a histogram that do not exceed a bound, those of the buckets before it included.
type Bucket struct {
	// UpperBound is infinity in the last bucket.
	UpperBound float64
	Count      uint64
}

// Stats takes a snapshot of the client's metrics. It sends nothing and waits for nothing. After [Client.Close] it
// returns [ErrClosed].
func (c *Client) Stats() (Stats, error) {
	var object native.Stats
	err := c.call(func(client native.Client, failure *native.Error) { c.library.ClientStats(client, &object, failure) })
	if err != nil {
		return Stats{}, err
	}
	handle := native.Own(object, c.library.StatsFree)
	defer handle.Close()
	stats := Stats{make([]Sample, c.library.StatsCount(object))}
	for index := range stats.Samples {
		stats.Samples[index] = sampleAt(c.library, object, uintptr(index))
	}
	if sample := stats.find("tango.token.served", "source", "memory"); sample != nil {
		sample.Value += float64(c.cached.served.total())
	}
	return stats, nil
}

func sampleAt(library *native.Library, stats native.Stats, index uintptr) Sample {
	sample := Sample{
		Name:           native.Copied(library.StatsName(stats, index)),
		PrometheusName: native.Copied(library.StatsPrometheusName(stats, index)),
		Kind:           MetricKind(library.StatsKind(stats, index)),
		Unit:           native.Copied(library.StatsUnit(stats, index)),
		Description:    native.Copied(library.StatsDescription(stats, index)),
		Value:          library.StatsValueAt(stats, index),
	}
	for i := uintptr(0); library.StatsAttributeName(stats, index, i) != nil; i++ {
		name := native.Copied(library.StatsAttributeName(stats, index, i))
		value := native.Copied(library.StatsAttributeValue(stats, index, i))
		sample.Attributes = append(sample.Attributes, Attribute{name, value})
	}
	for i := range library.StatsBucketCount(stats, index) {
		bound := library.StatsBucketBound(stats, index, i)
		sample.Buckets = append(sample.Buckets, Bucket{bound, library.StatsBucketMeasurements(stats, index, i)})
	}
	return sample
}

// Value returns the value of a metric by its name for OpenTelemetry or for Prometheus: the sum over its attributes,
// unless one follows, as in tango_token_requests_total{outcome="issued"}; the number of measurements of a histogram. It
// returns false if there is no such metric.
func (s Stats) Value(name string) (float64, bool) {
	metric, selector, isSelected := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	key, value, _ := strings.Cut(selector, "=")
	sum, isFound := 0.0, false
	for sample := range s.of(metric) {
		if !isSelected || sample.has(key, strings.Trim(value, `"`)) {
			sum, isFound = sum+sample.total(), true
		}
	}
	return sum, isFound
}

// of returns the samples of one metric.
func (s Stats) of(metric string) iter.Seq[*Sample] {
	return func(yield func(*Sample) bool) {
		for i := range s.Samples {
			sample := &s.Samples[i]
			if (sample.Name == metric || sample.PrometheusName == metric) && !yield(sample) {
				return
			}
		}
	}
}

func (s Stats) find(metric, attribute, value string) *Sample {
	for sample := range s.of(metric) {
		if sample.has(attribute, value) {
			return sample
		}
	}
	return nil
}

func (s *Sample) has(name, value string) bool {
	for _, attribute := range s.Attributes {
		isNamed := attribute.Name == name || strings.ReplaceAll(attribute.Name, ".", "_") == name
		if isNamed && attribute.Value == value {
			return true
		}
	}
	return false
}

func (s *Sample) total() float64 {
	if len(s.Buckets) > 0 {
		return float64(s.Buckets[len(s.Buckets)-1].Count)
	}
	return s.Value
}

// served counts the tokens that tokenCache returns, of which the library does not know. Goroutines add to a cell that
// is chosen at random, so that threads seldom write to the same cache line at once.
type served struct {
	cells [8]struct {
		count atomic.Uint64
		_     [120]byte
	}
}

func (s *served) add() {
	s.cells[rand.Uint32N(uint32(len(s.cells)))].count.Add(1)
}

func (s *served) total() (total uint64) {
	for i := range s.cells {
		total += s.cells[i].count.Load()
	}
	return total
}

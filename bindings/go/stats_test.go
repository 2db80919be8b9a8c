package tangotoken_test

import (
	"errors"
	"math"
	"sync"
	"testing"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

func statsOf(t *testing.T, client *tangotoken.Client) tangotoken.Stats {
	t.Helper()
	stats, err := client.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

func TestStatsCountCallsBySourceOfTheirToken(t *testing.T) {
	client := newClient(t, configOf(start(t)))
	acquire(t, client)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 1000 {
				acquire(t, client)
			}
		})
	}
	callers.Wait()
	stats := statsOf(t, client)
	for name, expected := range map[string]float64{
		"tango.token.requests":                                            1,
		`tango_token_requests_total{outcome="issued"}`:                    1,
		"tango.token.served{source=memory}":                               4000,
		"tango.token.served{source=token_endpoint}":                       1,
		"tango_token_responses_total{http_response_status_class=\"2xx\"}": 1,
		"tango.token.request.duration":                                    1,
	} {
		if value, isFound := stats.Value(name); !isFound || value != expected {
			t.Errorf("%s: %v", name, value)
		}
	}
	if _, isFound := stats.Value("tango.unheard"); isFound {
		t.Error("an unknown metric has a value")
	}
	if left, _ := stats.Value("tango.token.expires_in"); left < 86_000 || left > 86_400 {
		t.Errorf("expires in %v", left)
	}
}

func TestStatsDescribeThemselves(t *testing.T) {
	client := newClient(t, configOf(start(t)))
	acquire(t, client)
	kinds := map[tangotoken.MetricKind]int{}
	for _, sample := range statsOf(t, client).Samples {
		kinds[sample.Kind]++
		if sample.Name == "" || sample.PrometheusName == "" || sample.Unit == "" || sample.Description == "" {
			t.Errorf("%+v", sample)
		}
		if isHistogram := sample.Kind == tangotoken.MetricHistogram; isHistogram != (len(sample.Buckets) > 0) {
			t.Errorf("%+v", sample)
		} else if isHistogram {
			last := sample.Buckets[len(sample.Buckets)-1]
			if !math.IsInf(last.UpperBound, 1) || last.Count != 1 || sample.Value <= 0 {
				t.Errorf("%+v", sample)
			}
		}
	}
	if kinds[tangotoken.MetricCounter] == 0 || kinds[tangotoken.MetricGauge] == 0 ||
		kinds[tangotoken.MetricHistogram] != 1 {
		t.Errorf("%v", kinds)
	}
}

func TestStatsOfAClosedClientAreAnError(t *testing.T) {
	client := newClient(t, configOf(start(t)))
	client.Close()
	if _, err := client.Stats(); !errors.Is(err, tangotoken.ErrClosed) {
		t.Errorf("%v", err)
	}
}

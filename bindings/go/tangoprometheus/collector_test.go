package tangoprometheus_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
	"github.com/tango-token/tango-token/bindings/go/tangoprometheus"
)

func newClient(t *testing.T) *tangotoken.Client {
	t.Helper()
	server, err := sandbox.Start("--quota-window-seconds", "0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	for name, value := range server.Variables {
		t.Setenv(name, value)
	}
	client, err := tangotoken.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestScrapeHasEveryMetric(t *testing.T) {
	client := newClient(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(tangoprometheus.NewCollector(client, prometheus.Labels{"client": "payments"}))
	token, err := client.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for _, line := range []string{
		"# TYPE tango_token_requests_total counter",
		`tango_token_requests_total{client="payments",outcome="issued"} 1`,
		`tango_token_responses_total{client="payments",http_response_status_class="2xx"} 1`,
		`tango_token_request_duration_seconds_bucket{client="payments",le="+Inf"} 1`,
		`tango_token_request_duration_seconds_count{client="payments"} 1`,
		`tango_token_cool_down_seconds{client="payments"} 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	stats, err := client.Stats()
	if err != nil {
		t.Fatal(err)
	}
	for _, sample := range stats.Samples {
		if !strings.Contains(text, "# HELP "+sample.PrometheusName+" "+sample.Description+"\n") {
			t.Errorf("%s is not exported", sample.PrometheusName)
		}
	}
	if strings.Contains(text, token.Value()) {
		t.Error("the token is in the metrics")
	}
}

func TestMetricsPassTheLinterOfPrometheus(t *testing.T) {
	problems, err := testutil.CollectAndLint(tangoprometheus.NewCollector(newClient(t), nil))
	if err != nil || len(problems) > 0 {
		t.Errorf("%v: %v", problems, err)
	}
}

func TestScrapeOfAClosedClientIsAnError(t *testing.T) {
	client := newClient(t)
	registry := prometheus.NewRegistry()
	registry.MustRegister(tangoprometheus.NewCollector(client, nil))
	client.Close()
	if _, err := registry.Gather(); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("%v", err)
	}
}

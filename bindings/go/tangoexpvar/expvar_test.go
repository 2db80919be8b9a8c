package tangoexpvar_test

import (
	"encoding/json"
	"expvar"
	"testing"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
	"github.com/tango-token/tango-token/bindings/go/tangoexpvar"
)

func TestPublishedVariableHasTheCurrentMetrics(t *testing.T) {
	server, err := sandbox.Start()
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
	tangoexpvar.Publish("tango_token", client)
	if _, err := client.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	values := published(t)
	for name, expected := range map[string]float64{
		`tango_token_requests_total{outcome="issued"}`:                  1,
		`tango_token_responses_total{http_response_status_class="2xx"}`: 1,
		"tango_token_request_duration_seconds_count":                    1,
		"tango_token_cool_down_seconds":                                 0,
	} {
		if value, isThere := values[name]; !isThere || value != expected {
			t.Errorf("%s: %v", name, value)
		}
	}
	client.Close()
	if values := published(t); len(values) != 0 {
		t.Errorf("of a closed client: %v", values)
	}
}

func published(t *testing.T) map[string]float64 {
	t.Helper()
	var values map[string]float64
	if err := json.Unmarshal([]byte(expvar.Get("tango_token").String()), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

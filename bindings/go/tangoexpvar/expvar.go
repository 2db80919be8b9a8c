// Package tangoexpvar exports the metrics of a [tangotoken.Client] with expvar.
//
// It is a separate package because expvar adds a handler to [net/http.DefaultServeMux].
package tangoexpvar

import (
	"expvar"
	"strings"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// Publish publishes the client's metrics under this name, for example "tango_token". Like [expvar.Publish] it panics if
// the name is taken.
func Publish(name string, client *tangotoken.Client) {
	expvar.Publish(name, Var(client))
}

// Var returns the client's metrics as one variable: an object with the names for Prometheus, the attributes included,
// as in tango_token_requests_total{outcome="issued"}. Of a histogram it has the number and the sum. It is empty once
// the client is closed.
func Var(client *tangotoken.Client) expvar.Var {
	return expvar.Func(func() any {
		values := map[string]float64{}
		stats, err := client.Stats()
		if err != nil {
			return values
		}
		for _, sample := range stats.Samples {
			if sample.Kind == tangotoken.MetricHistogram {
				values[sample.PrometheusName+"_sum"+labels(sample)] = sample.Value
				values[sample.PrometheusName+"_count"+labels(sample)] = count(sample)
			} else {
				values[sample.PrometheusName+labels(sample)] = sample.Value
			}
		}
		return values
	})
}

func labels(sample tangotoken.Sample) string {
	if len(sample.Attributes) == 0 {
		return ""
	}
	var all []string
	for _, attribute := range sample.Attributes {
		all = append(all, strings.ReplaceAll(attribute.Name, ".", "_")+`="`+attribute.Value+`"`)
	}
	return "{" + strings.Join(all, ",") + "}"
}

func count(sample tangotoken.Sample) float64 {
	return float64(sample.Buckets[len(sample.Buckets)-1].Count)
}

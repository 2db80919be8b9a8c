// A service whose metrics Prometheus scrapes: /metrics has them, and /accounts makes a call of the API.
//
//	tango-sandbox run -- sh -c 'SSL_CERT_FILE=$TANGO_CA_FILE go run . 127.0.0.1:9464'
package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/tangoprometheus"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: service ADDRESS")
	}
	client, err := tangotoken.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	prometheus.MustRegister(tangoprometheus.NewCollector(client, prometheus.Labels{"client": "accounts"}))

	api := http.Client{Transport: &tangotoken.Transport{Client: client}}
	http.Handle("/metrics", promhttp.Handler())
	http.HandleFunc("/accounts", func(writer http.ResponseWriter, _ *http.Request) {
		response, err := api.Get(os.Getenv("TANGO_API_URL") + "/accounts")
		if err != nil {
			http.Error(writer, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer response.Body.Close()
		writer.WriteHeader(response.StatusCode)
		if _, err := io.Copy(writer, response.Body); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}

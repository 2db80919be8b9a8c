package tangotoken_test

import (
	"testing"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// BenchmarkTokenThroughTheLibrary measures a call that the token cache cannot serve: once a second for each client.
func BenchmarkTokenThroughTheLibrary(b *testing.B) {
	client := newClient(b, configOf(start(b)))
	for b.Loop() {
		if _, err := tangotoken.Acquire(client, b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthorize(b *testing.B) {
	for name, mode := range map[string]tangotoken.DPoPMode{"Bearer": tangotoken.DPoPOff, "DPoP": tangotoken.DPoPRequired} {
		b.Run(name, func(b *testing.B) {
			config := configOf(start(b))
			config.DPoP = mode
			client := newClient(b, config)
			acquire(b, client)
			for b.Loop() {
				if _, err := client.Authorize(b.Context(), "GET", config.APIURL+"/accounts"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package tangotoken

import "github.com/tango-token/tango-token/bindings/go/internal/native"

// Leftovers is what the binding holds of the library: objects, and entries in its tables.
func Leftovers() map[string]int64 {
	return map[string]int64{
		"objects":  native.Live(),
		"requests": int64(requests.Len()),
		"caches":   int64(caches.Len()),
		"signers":  int64(signers.Len()),
		"strays":   strays.Load(),
	}
}

// Ask acquires on the asynchronous way, whatever the client remembers.
var Ask = (*Client).acquire

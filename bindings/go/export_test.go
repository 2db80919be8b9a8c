package tangotoken

import "github.com/tango-token/tango-token/bindings/go/internal/native"

// Leftovers counts the objects of the library and the entries of the tables.
func Leftovers() map[string]int64 {
	return map[string]int64{
		"objects":                native.Live(),
		"requests":               int64(requests.Len()),
		"caches":                 int64(caches.Len()),
		"signers":                int64(signers.Len()),
		"unexpected completions": unexpectedCompletions.Load(),
	}
}

// Acquire requests a token from the library, without the client's token cache.
var Acquire = (*Client).acquire

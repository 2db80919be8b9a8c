// Package tangotoken gets, keeps and renews service-account tokens of the Tango API.
//
// It is the native library tango-token, which fetches a token once for all callers, renews it in time, shares it through
// a cache with a whole fleet, and binds it to a key (DPoP, RFC 9449) where that is wanted. There is no cgo: the library
// is loaded when it is first used, from TANGO_TOKEN_LIBRARY, beside the executable, or from the system's path.
//
//	client, err := tangotoken.FromEnv()                  // TANGO_CLIENT_ID, TANGO_CLIENT_SECRET, ...
//	defer client.Close()                                 // make one and share it
//	api := http.Client{Transport: &tangotoken.Transport{Client: client}}
//	response, err := api.Get(url)                        // Authorization, DPoP, nonces, one retry
//
// Everything here may be used by many goroutines at once. Objects that are not closed are freed by the garbage collector.
package tangotoken

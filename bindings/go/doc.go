// Package tangotoken gets, keeps and refreshes service-account tokens of the Tango API.
//
// It wraps the native library tango-token, which fetches one token for all callers, refreshes it in time, can share it
// with a whole fleet through a cache, and can bind it to a key (DPoP, RFC 9449). The package needs no cgo, and releases
// of it put the library into the program. Build with the tag musl for Alpine. TANGO_TOKEN_LIBRARY names another library;
// without one inside, it is loaded from the executable's directory, or from the system's path.
//
//	client, err := tangotoken.FromEnv()                  // TANGO_CLIENT_ID, TANGO_CLIENT_SECRET, ...
//	defer client.Close()                                 // create one and share it
//	api := http.Client{Transport: &tangotoken.Transport{Client: client}}
//	response, err := api.Get(url)                        // Authorization, DPoP, nonces, one retry
//
// Goroutines may share all of these objects. The garbage collector frees those that were not closed.
package tangotoken

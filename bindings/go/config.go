package tangotoken

import (
	"fmt"
	"math"
	"time"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Config is everything a program says once. A field that is left at its zero value has the library's default.
//
// [New] checks the whole, and names everything that is missing or wrong.
type Config struct {
	// LoadEnv reads the TANGO_* environment variables too. What is set there comes before what is set here.
	LoadEnv bool

	Environment  Environment // which of Tango's environments; required unless TokenURL is set
	TokenURL     string      // the token endpoint, instead of the environment's
	ClientID     string      // from the Tango portal, OAuth client credentials; required
	ClientSecret string      // belongs to ClientID; required
	Username     string      // from the Tango portal, OAuth service accounts; required
	Password     string      // belongs to Username; required
	Audience     string      // "24h" unless set; or "5min", or any other audience as it is
	Scope        string      // "raas.all" unless set

	CAFile         string        // PEM file of the authorities to trust instead of the system's
	Proxy          string        // "system" unless set; or "none", or the URL of an HTTP or SOCKS proxy
	UserAgent      string        // "tango-token/VERSION" unless set
	ConnectTimeout time.Duration // for one connection, TLS included: 5 s unless set, 10 minutes at most
	AttemptTimeout time.Duration // for one request, answer included: 10 s unless set, 10 minutes at most
	TotalTimeout   time.Duration // for one call, retries included: 30 s unless set, 10 minutes at most
	AllowPlainHTTP bool          // a token URL without TLS on other hosts than loopback: secrets cross the network readable

	APIURL         string   // the API that tokens are for, instead of the environment's
	AllowedOrigins []string // further origins that may get tokens, as URLs

	DPoP        DPoPMode // DPoPOff unless set
	DPoPKey     *Key     // the key that tokens are bound to; unless set each client makes one of its own
	DPoPKeyFile string   // the same from a file, in PEM or as a JWK

	Cache                  string // "memory" unless set; or "file", "file:/a/folder", "redis://...", "rediss://..."
	CacheCAFile            string // PEM file of the authorities to trust for rediss:// instead of the system's
	AllowFetchWithoutCache bool   // fetch a token past a cache that cannot be used, at the price of the fleet's
	CustomCache            Cache  // a cache of the program's own, instead of Cache
}

// Format writes who asks and where, whatever the verb: the rest is secret, or may hold something that is.
func (c Config) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "tangotoken.Config{ClientID: %q, Username: %q, ClientSecret and Password: [redacted]}", c.ClientID, c.Username)
}

// String is what Format writes.
func (c Config) String() string {
	return fmt.Sprint(c)
}

// build makes the library's configuration, which the caller closes.
func (c Config) build(library *native.Library) (*native.Handle[native.Config], error) {
	config := native.Own(library.ConfigNew(), library.ConfigFree)
	raw, _ := config.Use()
	defer config.Done()
	for _, set := range c.settings(library, raw) {
		var failure native.Error
		set(&failure)
		if err := taken(library, failure); err != nil {
			config.Close()
			return nil, err
		}
	}
	return config, nil
}

// settings are the calls for what is set, in the order in which they have to be made.
func (c Config) settings(library *native.Library, config native.Config) []func(*native.Error) {
	var all []func(*native.Error)
	add := func(isSet bool, set func(*native.Error)) {
		if isSet {
			all = append(all, set)
		}
	}
	number := func(value int32, set func(native.Config, int32, *native.Error) int32) {
		add(value != 0, func(failure *native.Error) { set(config, value, failure) })
	}
	text := func(value string, set func(native.Config, *byte, *native.Error) int32) {
		add(value != "", func(failure *native.Error) { set(config, native.Text(value), failure) })
	}
	limit := func(value time.Duration, set func(native.Config, uint32, *native.Error) int32) {
		add(value != 0, func(failure *native.Error) { set(config, milliseconds(value), failure) })
	}

	number(int32(c.Environment), library.ConfigSetEnvironment)
	text(c.TokenURL, library.ConfigSetTokenURL)
	text(c.ClientID, library.ConfigSetClientID)
	text(c.ClientSecret, library.ConfigSetClientSecret)
	text(c.Username, library.ConfigSetUsername)
	text(c.Password, library.ConfigSetPassword)
	text(c.Audience, library.ConfigSetAudience)
	text(c.Scope, library.ConfigSetScope)
	text(c.CAFile, library.ConfigSetCAFile)
	text(c.Proxy, library.ConfigSetProxy)
	text(c.UserAgent, library.ConfigSetUserAgent)
	limit(c.ConnectTimeout, library.ConfigSetConnectTimeoutMS)
	limit(c.AttemptTimeout, library.ConfigSetAttemptTimeoutMS)
	limit(c.TotalTimeout, library.ConfigSetTotalTimeoutMS)
	number(flag(c.AllowPlainHTTP), library.ConfigSetAllowPlainHTTP)
	text(c.APIURL, library.ConfigSetAPIURL)
	for _, origin := range c.AllowedOrigins {
		text(origin, library.ConfigAllowOrigin)
	}
	number(int32(c.DPoP), library.ConfigSetDPoP)
	add(c.DPoPKey != nil, func(failure *native.Error) { c.DPoPKey.setFor(config, failure) })
	text(c.DPoPKeyFile, library.ConfigSetDPoPKeyFile)
	text(c.Cache, library.ConfigSetCache)
	text(c.CacheCAFile, library.ConfigSetCacheCAFile)
	number(flag(c.AllowFetchWithoutCache), library.ConfigSetAllowFetchWithoutCache)
	add(c.CustomCache != nil, func(failure *native.Error) { setCache(library, config, c.CustomCache, failure) })
	add(c.LoadEnv, func(failure *native.Error) { library.ConfigLoadEnv(config, failure) })
	return all
}

func flag(value bool) int32 {
	if value {
		return 1
	}
	return 0
}

// milliseconds rounds up: a limit that is set never becomes none. What no limit can be stays too large or 0, which the
// library refuses by the setting's name.
func milliseconds(limit time.Duration) uint32 {
	if limit < 0 {
		return 0
	}
	return uint32(min((limit+time.Millisecond-1)/time.Millisecond, math.MaxUint32))
}

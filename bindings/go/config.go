package tangotoken

import (
	"fmt"
	"math"
	"time"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Format writes the client ID and the user name, whatever the verb: the rest is secret or may contain a secret.
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
	set := &setter{library: library, config: raw}
	c.apply(set)
	if c.LoadEnv {
		set.call(func(failure *native.Error) { library.ConfigLoadEnv(raw, failure) })
	}
	if set.failed != nil {
		config.Close()
		return nil, set.failed
	}
	return config, nil
}

// setter passes the fields that are set to the library, until one of them fails.
type setter struct {
	library *native.Library
	config  native.Config
	failed  error
}

func (s *setter) call(set func(*native.Error)) {
	if s.failed != nil {
		return
	}
	var failure native.Error
	set(&failure)
	s.failed = taken(s.library, failure)
}

func (s *setter) string(value string, set func(native.Config, *byte, *native.Error) int32) {
	if value != "" {
		s.call(func(failure *native.Error) { set(s.config, native.CString(value), failure) })
	}
}

func (s *setter) strings(values []string, set func(native.Config, *byte, *native.Error) int32) {
	for _, value := range values {
		s.call(func(failure *native.Error) { set(s.config, native.CString(value), failure) })
	}
}

func (s *setter) number(value int32, set func(native.Config, int32, *native.Error) int32) {
	if value != 0 {
		s.call(func(failure *native.Error) { set(s.config, value, failure) })
	}
}

func (s *setter) flag(value bool, set func(native.Config, int32, *native.Error) int32) {
	if value {
		s.number(1, set)
	}
}

// limit rounds up: a limit that is set never becomes none. A limit out of range stays too large or becomes 0, which the
// library refuses by the name of the option.
func (s *setter) limit(value time.Duration, set func(native.Config, uint32, *native.Error) int32) {
	if value == 0 {
		return
	}
	milliseconds := min((max(value, 0)+time.Millisecond-1)/time.Millisecond, math.MaxUint32)
	s.call(func(failure *native.Error) { set(s.config, uint32(milliseconds), failure) })
}

func (s *setter) key(key *Key) {
	if key != nil {
		s.call(func(failure *native.Error) { key.setFor(s.config, failure) })
	}
}

func (s *setter) cache(cache Cache) {
	if cache != nil {
		s.call(func(failure *native.Error) { setCache(s.library, s.config, cache, failure) })
	}
}

package native

import (
	"errors"
	"fmt"
	"runtime"
)

// errNotEmbedded says why a program has no library inside.
var errNotEmbedded = errors.New("this program has no library inside for " + runtime.GOOS + "/" + runtime.GOARCH +
	": releases of the module have it for the platforms in its README, and a clone has it after `make go-native`")

// embeddedPlaces returns the places from which the embedded library can be loaded.
//
// The first is memory, where the system allows it: nothing is written, and no file can be in the way. The second is a
// file, for systems that load libraries from files alone, and for those where a policy forbids files in memory.
func embeddedPlaces(content string) []place {
	if embeddedPlatform == "" {
		return nil
	}
	description := "embedded in the program, for " + embeddedPlatform
	if content == "" {
		return []place{{description, func() (uintptr, error) { return 0, errNotEmbedded }}}
	}
	if mismatch := wrongLibc(); mismatch != nil {
		return []place{{description, func() (uintptr, error) { return 0, mismatch }}}
	}
	var all []place
	if canOpenFromMemory {
		all = append(all, place{description + ", from memory", func() (uintptr, error) { return openFromMemory(content) }})
	}
	return append(all, place{description + ", from a file of the user's", func() (uintptr, error) {
		return openFromCache(content)
	}})
}

// wrongLibc returns an error if the program runs with another C library than the embedded library was built for. The
// linker of the program decided which one it runs with. The loader's own message would only name a missing symbol.
func wrongLibc() error {
	running := runningLibc()
	if running == "" || embeddedLibc == "" || running == embeddedLibc {
		return nil
	}
	advice := "without `-tags musl`"
	if running == "musl" {
		advice = "with `-tags musl`"
	}
	return fmt.Errorf("the program runs with %s, and the library in it is for %s: build the program %s",
		running, embeddedLibc, advice)
}

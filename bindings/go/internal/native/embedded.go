package native

import (
	"errors"
	"fmt"
	"runtime"
)

// errNotEmbedded says why a program has no library inside.
var errNotEmbedded = errors.New("this program has no library inside for " + runtime.GOOS + "/" + runtime.GOARCH +
	": releases of the module have it for the platforms in its README, and a clone has it after `make go-native`")

// embeddedPlaces returns where the library that is inside of the program can be loaded from.
//
// The first is memory, where the system allows it: nothing is written, and no file can be in the way. The second is a
// file, for systems that load libraries from files alone, and for those where a policy forbids memory.
func embeddedPlaces(content string) []place {
	if embeddedMode == "" {
		return nil
	}
	description := "embedded in the program, for " + embeddedMode
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

// wrongLibc returns an error if the program runs with another C library than the embedded library was built for. Which
// one that is, was decided by the linker of the program; the loader's own message would name a symbol.
func wrongLibc() error {
	running := runningLibc()
	if running == "" || embeddedLibc == "" || running == embeddedLibc {
		return nil
	}
	advice := "without `-tags musl`"
	if running == "musl" {
		advice = "with `-tags musl`"
	}
	return fmt.Errorf("the program runs with %s, and the library in it is for %s: build the program %s", running, embeddedLibc, advice)
}

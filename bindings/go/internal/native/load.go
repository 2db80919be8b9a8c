// Package native finds and loads the library, and is what its C interface looks like in Go.
package native

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ebitengine/purego"
)

// LibraryError says that the native library could not be loaded, where it was looked for, and how to get it.
type LibraryError struct {
	// Tried has what went wrong at each place, in the order in which they were tried.
	Tried []error
}

// Error lists the places.
func (e *LibraryError) Error() string {
	var text strings.Builder
	text.WriteString("tangotoken: the native library of tango-token cannot be loaded; tried")
	for _, problem := range e.Tried {
		fmt.Fprintf(&text, "\n  %v", problem)
	}
	fmt.Fprintf(&text, "\nBuild and install it with `make install` in the repository of tango-token, or put %s beside the "+
		"executable, or set %s to its path.", fileName, Variable)
	return text.String()
}

// Unwrap gives what went wrong at each place.
func (e *LibraryError) Unwrap() []error {
	return e.Tried
}

// Variable is the environment variable that names the library's file. Where it is set, no other place is tried: a file
// that was chosen and cannot be used is not replaced by another one in silence.
const Variable = "TANGO_TOKEN_LIBRARY"

// Load loads the library with the first call; further calls return the same.
var Load = sync.OnceValues(func() (*Library, error) {
	return loadFirst(places())
})

type place struct {
	description, path string
}

func places() []place {
	if path := os.Getenv(Variable); path != "" {
		return []place{{Variable + "=" + path, path}}
	}
	var all []place
	if executable, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(executable); err == nil {
			executable = resolved
		}
		path := filepath.Join(filepath.Dir(executable), fileName)
		all = append(all, place{"beside the executable, " + path, path})
	}
	return append(all, place{"the system's path, " + fileName, fileName})
}

func loadFirst(places []place) (*Library, error) {
	failure := &LibraryError{}
	for _, place := range places {
		library, err := open(place.path)
		if err == nil {
			return library, nil
		}
		failure.Tried = append(failure.Tried, fmt.Errorf("%s: %w", place.description, err))
	}
	return nil, failure
}

// open loads one file and checks that it is what this package was written for. A library that was opened stays open:
// it cannot be unloaded.
func open(path string) (*Library, error) {
	opened, err := dlopen(path)
	if err != nil {
		return nil, err
	}
	library := new(Library)
	// Before anything else is looked for: another ABI version may lack it.
	address, err := dlsym(opened, "tango_abi_version")
	if err != nil {
		return nil, fmt.Errorf("this is no library of tango-token: %w", err)
	}
	purego.RegisterFunc(&library.ABIVersion, address)
	if version := library.ABIVersion(); version != ABIVersion {
		return nil, fmt.Errorf("it has ABI version %d, and this package needs %d: install the library of the same release",
			version, ABIVersion)
	}
	for _, symbol := range library.symbols() {
		address, err := dlsym(opened, symbol.name)
		if err != nil {
			return nil, fmt.Errorf("it is older than this package: %w", err)
		}
		purego.RegisterFunc(symbol.function, address)
	}
	return library, nil
}

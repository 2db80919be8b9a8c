// Package native finds and loads the library, and declares its C interface.
package native

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ebitengine/purego"
)

// LibraryError means that the native library could not be loaded. Its message lists the paths that were tried and says
// how to install the library.
type LibraryError struct {
	// Tried holds the error for each path, in the order in which they were tried.
	Tried []error
}

// Error lists the paths that were tried.
func (e *LibraryError) Error() string {
	var message strings.Builder
	message.WriteString("tangotoken: cannot load the native library; tried")
	for _, problem := range e.Tried {
		fmt.Fprintf(&message, "\n  %v", problem)
	}
	fmt.Fprintf(&message, "\nReleases of this package embed the library for the platforms in its README. On others, "+
		"build and install it with `make install` and `ldconfig` in a clone of tango-token, or put %s into the "+
		"executable's directory, or set %s to its path.", fileName, Variable)
	return message.String()
}

// Unwrap returns the error for each path.
func (e *LibraryError) Unwrap() []error {
	return e.Tried
}

// Variable is the environment variable that names the library's file. If it is set, no other path is tried, so that a
// file that cannot be used is not silently replaced by another one.
const Variable = "TANGO_TOKEN_LIBRARY"

// Load loads the library at the first call; further calls return the same result.
var Load = sync.OnceValues(func() (*Library, error) {
	return loadFirst(places())
})

// place is one way to open the library.
type place struct {
	description string
	open        func() (uintptr, error)
}

func file(description, path string) place {
	return place{description, func() (uintptr, error) { return dlopen(path) }}
}

// places returns what is tried, in order. The embedded library comes first: it is the one that this version of the
// package was tested with, and a user who can write into the executable's directory cannot replace it.
func places() []place {
	if path := os.Getenv(Variable); path != "" {
		return []place{file(Variable+"="+path, path)}
	}
	all := embeddedPlaces(embedded())
	if executable, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(executable); err == nil {
			executable = resolved
		}
		path := filepath.Join(filepath.Dir(executable), fileName)
		all = append(all, file("in the executable's directory, "+path, path))
	}
	return append(all, file("on the system's path, "+fileName, fileName))
}

func loadFirst(places []place) (*Library, error) {
	failure := &LibraryError{}
	for _, place := range places {
		opened, err := place.open()
		if err == nil {
			var library *Library
			if library, err = bind(opened); err == nil {
				return library, nil
			}
		}
		failure.Tried = append(failure.Tried, fmt.Errorf("%s: %w", place.description, err))
	}
	return nil, failure
}

// bind finds the functions of a library and checks that it has this package's ABI version. It does not close a library
// that it refuses, since the library cannot be unloaded.
func bind(opened uintptr) (*Library, error) {
	library := new(Library)
	// The version comes first: another ABI version may lack the other functions.
	address, err := dlsym(opened, "tango_abi_version")
	if err != nil {
		return nil, fmt.Errorf("it is not the library of tango-token: %w", err)
	}
	purego.RegisterFunc(&library.ABIVersion, address)
	if version := library.ABIVersion(); version != ABIVersion {
		return nil, fmt.Errorf(
			"it has ABI version %d and this package needs version %d: install the library of the same release",
			version, ABIVersion)
	}
	for _, symbol := range library.symbols() {
		address, err := dlsym(opened, symbol.name)
		if err != nil {
			return nil, fmt.Errorf("it is older than this package, install the library of the same release: %w", err)
		}
		purego.RegisterFunc(symbol.function, address)
	}
	return library, nil
}

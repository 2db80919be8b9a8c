//go:build !(darwin || freebsd || linux || netbsd || windows)

package native

import (
	"errors"
	"runtime"
)

func dlopen(string) (uintptr, error) {
	return 0, errors.New("tango-token does not support " + runtime.GOOS + " yet")
}

func dlsym(uintptr, string) (uintptr, error) {
	return 0, errors.ErrUnsupported
}

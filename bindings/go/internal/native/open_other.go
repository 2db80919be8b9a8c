//go:build !(darwin || freebsd || linux || netbsd)

package native

import (
	"errors"
	"runtime"
)

const fileName = "libtango_token.so.1"

func dlopen(string) (uintptr, error) {
	return 0, errors.New("tango-token does not support " + runtime.GOOS + " yet")
}

func dlsym(uintptr, string) (uintptr, error) {
	return 0, errors.ErrUnsupported
}

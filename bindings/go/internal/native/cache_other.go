//go:build !(darwin || freebsd || linux || netbsd || windows)

package native

import (
	"errors"
	"os"
)

func makePrivate(string) error {
	return errors.ErrUnsupported
}

func openPrivate(string) (*os.File, error) {
	return nil, errors.ErrUnsupported
}

func makeExecutable(*os.File) error {
	return errors.ErrUnsupported
}

//go:build !linux

package native

import "errors"

const canOpenFromMemory = false

func openFromMemory(string) (uintptr, error) {
	return 0, errors.ErrUnsupported
}

// runningLibc returns "" where each system has one C library.
func runningLibc() string {
	return ""
}

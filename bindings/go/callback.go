package tangotoken

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"unsafe"
)

// failed is the return value of a callback that failed: neither 0 (success) nor 1 (the lock is held by another owner).
const failed = 2

// guarded runs a function of the program in a callback. It logs an error or a panic, which must not unwind into the
// library, and returns failed.
func guarded(what string, function func() error) (code int32) {
	defer func() {
		if problem := recover(); problem != nil {
			report(slog.LevelError, fmt.Sprintf("%s panicked: %v\n%s", what, problem, debug.Stack()))
			code = failed
		}
	}()
	if err := function(); err != nil {
		report(slog.LevelWarn, fmt.Sprintf("%s failed: %v", what, err))
		return failed
	}
	return 0
}

// copyOut copies a result of the program into the library's buffer of *length bytes, and sets *length to its size.
func copyOut(content []byte, buffer *byte, length *uintptr) error {
	if uintptr(len(content)) > *length {
		return fmt.Errorf("it returned %d bytes, and the limit is %d", len(content), *length)
	}
	copy(unsafe.Slice(buffer, *length), content)
	*length = uintptr(len(content))
	return nil
}

func report(level slog.Level, message string) {
	if logger := logger.Load(); logger != nil {
		logger.Log(context.Background(), level, message)
	}
}

package tangotoken

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"unsafe"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// failed is the return value of a callback that failed: neither 0 (success) nor 1 (the lock is held by another owner).
const failed = 2

// guarded runs a function of the program in a callback. It logs an error or a panic, which must not unwind into the
// library, tells the library the reason, and returns failed. Windows wants the results of callbacks as a uintptr, which C
// reads as an int32.
func guarded(what string, function func() error) (code uintptr) {
	defer func() {
		if problem := recover(); problem != nil {
			report(slog.LevelError, fmt.Sprintf("%s panicked: %v\n%s", what, problem, debug.Stack()))
			fail(fmt.Sprintf("it panicked: %v", problem))
			code = failed
		}
	}()
	if err := function(); err != nil {
		report(slog.LevelWarn, fmt.Sprintf("%s failed: %v", what, err))
		fail(err.Error())
		return failed
	}
	return 0
}

// fail says why the callback that runs on this thread fails. The error of the caller contains it.
func fail(reason string) {
	if library, err := native.Load(); err == nil {
		library.CallbackFail(native.CString(reason))
	}
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

package tangotoken

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"unsafe"
)

// failed tells the library that a function of the program did not do its work. It is no other number's meaning.
const failed = 2

// guarded runs a function of the program for the library. An error, or a panic, which must not cross into the library,
// becomes a number there; here it is logged.
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

// give copies what the program made into the library's room for it.
func give(content []byte, place *byte, room *uintptr) error {
	if uintptr(len(content)) > *room {
		return fmt.Errorf("%d bytes are more than the library has room for, %d", len(content), *room)
	}
	copy(unsafe.Slice(place, *room), content)
	*room = uintptr(len(content))
	return nil
}

func report(level slog.Level, message string) {
	if logger := logger.Load(); logger != nil {
		logger.Log(context.Background(), level, message)
	}
}

package tangotoken

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// LevelTrace is the library's most verbose level, below [slog.LevelDebug].
const LevelTrace = slog.LevelDebug - 4

// logger receives the library's log; nil discards it.
var logger atomic.Pointer[slog.Logger]

// SetLogger sends the library's log to a logger, for the whole process; nil stops that. The fields of a record are its
// attributes. No record contains a secret.
//
// Records that the logger gets are not written to stderr, whatever TANGO_LOG or [LogToStderr] say.
//
// SetLogger reads the levels that the logger is enabled for; call it again after they change. The library's log thread
// calls the handlers, one record after the other, so a slow handler delays no call. While 1,000 records wait, further
// ones are dropped and counted. The earlier logger first gets the records that wait for it, unless that takes longer
// than a second.
func SetLogger(target *slog.Logger) error {
	library, err := native.Load()
	if err != nil {
		return err
	}
	// A first logger is there before its first record; a later one comes after the records of the earlier one.
	logger.CompareAndSwap(nil, target)
	callback, level := uintptr(0), LogError
	if target != nil {
		callback, level = receive(), mostVerbose(target)
	}
	var failure native.Error
	library.LogSetRecordCallback(int32(level), callback, 0, &failure)
	if err := taken(library, failure); err != nil {
		return err
	}
	logger.Store(target)
	return nil
}

// levels are the library's levels, from the least to the most verbose.
var levels = []struct {
	native LogLevel
	slog   slog.Level
}{
	{LogError, slog.LevelError},
	{LogWarn, slog.LevelWarn},
	{LogInfo, slog.LevelInfo},
	{LogDebug, slog.LevelDebug},
	{LogTrace, LevelTrace},
}

// mostVerbose returns the most verbose level that the logger is enabled for.
func mostVerbose(logger *slog.Logger) LogLevel {
	enabled := LogError
	for _, level := range levels {
		if logger.Enabled(context.Background(), level.slog) {
			enabled = level.native
		}
	}
	return enabled
}

// LogToStderr writes the library's log to stderr, for the whole process, up to a level; [LogOff] stops that. The
// library writes the records itself, on its log thread, which alone waits for a slow reader.
//
// Without this call the environment variables TANGO_LOG (error, warn, info, debug, trace or off) and TANGO_LOG_FORMAT
// (text or json) decide; the library reads them with the first client or key. Go ends a process without waiting for
// records: call LogToStderr with LogOff at the end of main to see the last ones; it waits for at most a second.
func LogToStderr(level LogLevel, format LogFormat) error {
	library, err := native.Load()
	if err != nil {
		return err
	}
	var failure native.Error
	library.LogToStderr(int32(level), int32(format), &failure)
	return taken(library, failure)
}

var receive = sync.OnceValue(func() uintptr { return purego.NewCallback(receiveRecord) })

// receiveRecord hands a record to the logger's handler.
func receiveRecord(
	_ uintptr, level LogLevel, unixMS int64, _, message *byte, count uintptr, names, values **byte, types *logType,
) uintptr {
	// A handler's panic must not end the log thread.
	defer func() { _ = recover() }()
	target := logger.Load()
	if target == nil || level < LogError || level > LogTrace {
		return 0
	}
	converted := levels[level-1].slog
	if !target.Enabled(context.Background(), converted) {
		return 0
	}
	record := slog.NewRecord(time.UnixMilli(unixMS), converted, native.Copied(message), 0)
	for i := range count {
		name := native.Copied(unsafe.Slice(names, count)[i])
		value := native.Copied(unsafe.Slice(values, count)[i])
		record.AddAttrs(slog.Attr{Key: name, Value: typed(value, unsafe.Slice(types, count)[i])})
	}
	_ = target.Handler().Handle(context.Background(), record)
	return 0
}

// typed returns a value of the library as the type that it has there.
func typed(value string, kind logType) slog.Value {
	switch kind {
	case logTypeInteger:
		if number, err := strconv.ParseInt(value, 10, 64); err == nil {
			return slog.Int64Value(number)
		}
	case logTypeBoolean:
		return slog.BoolValue(value == "true")
	}
	return slog.StringValue(value)
}

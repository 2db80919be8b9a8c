package tangotoken

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// ErrClosed is returned by the calls of a closed [Client].
var ErrClosed = errors.New("tangotoken: the client is closed; create another one")

// LibraryError means that the native library could not be loaded. Its message lists the paths that were tried and says
// how to install the library.
type LibraryError = native.LibraryError

// Error is an error of the library. Its message says what happened and what to do. No field contains a secret.
//
// [errors.Is] matches its status, such as [ErrQuotaRefused], and, if a context ended the call, the context's error. An
// error with [ErrTimedOut] matches [context.DeadlineExceeded] as well. A field that the server did not send is empty.
type Error struct {
	Status                Status
	Message               string        // what happened and what to do, in one or two sentences
	HTTPStatus            int           // of the server's response; 0 if there was none
	OAuthError            string        // the code of RFC 6749 section 5.2, such as invalid_grant, or a gateway's
	OAuthErrorDescription string        // the error_description of RFC 6749 section 5.2
	I18nKey               string        // Tango's stable identifier of the failure
	ServerMessage         string        // Tango's message, the sentence of another error, or plain text
	RequestID             string        // the request's ID in the server's logs, which Tango's support asks for
	RetryAfter            time.Duration // until the next call makes sense, in whole seconds; negative if waiting does not help

	cause error
}

// Error returns the message.
func (e *Error) Error() string {
	return "tangotoken: " + e.Message
}

// Is reports whether the target is the error's status, or [context.DeadlineExceeded] for [ErrTimedOut].
func (e *Error) Is(target error) bool {
	if e.Status == ErrTimedOut && target == context.DeadlineExceeded {
		return true
	}
	status, isStatus := target.(Status)
	return isStatus && status == e.Status
}

// Timeout reports whether a time limit ended the call: the library's, or that of the caller's context. It is that of
// [net.Error], and of the [net/url.Error] in which [http.Client] wraps the errors of a [Transport].
func (e *Error) Timeout() bool {
	return errors.Is(e, context.DeadlineExceeded)
}

// Unwrap returns the error and the cause of the context that ended the call; nil if none did.
func (e *Error) Unwrap() error {
	return e.cause
}

// Format writes the message; %+v adds all fields that are set.
func (e *Error) Format(state fmt.State, verb rune) {
	switch {
	case verb == 'q':
		fmt.Fprintf(state, "%q", e.Error())
	case verb == 'v' && (state.Flag('+') || state.Flag('#')):
		fmt.Fprint(state, e.Error())
		for _, attribute := range e.attributes() {
			fmt.Fprintf(state, "\n  %s: %s", strings.ReplaceAll(attribute.Key, "_", " "), attribute.Value)
		}
	default:
		fmt.Fprint(state, e.Error())
	}
}

// LogValue returns a group of all fields that are set.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.String("message", e.Message)}, e.attributes()...)...)
}

// attributes returns the fields that are set, without the message.
func (e *Error) attributes() []slog.Attr {
	attributes := []slog.Attr{slog.String("status", e.Status.String())}
	if e.HTTPStatus != 0 {
		attributes = append(attributes, slog.Int("http_status", e.HTTPStatus))
	}
	for _, field := range []struct{ name, value string }{
		{"oauth_error", e.OAuthError},
		{"oauth_error_description", e.OAuthErrorDescription},
		{"i18n_key", e.I18nKey},
		{"server_message", e.ServerMessage},
		{"request_id", e.RequestID},
	} {
		if field.value != "" {
			attributes = append(attributes, slog.String(field.name, field.value))
		}
	}
	if e.RetryAfter >= 0 {
		attributes = append(attributes, slog.Duration("retry_after", e.RetryAfter))
	}
	return attributes
}

// taken converts the library's error to one of Go, and frees it; nil for none.
func taken(library *native.Library, failure native.Error) error {
	if failure == 0 {
		return nil
	}
	defer library.ErrorFree(failure)
	return &Error{
		Status:                Status(library.ErrorStatus(failure)),
		Message:               native.Copied(library.ErrorMessage(failure)),
		HTTPStatus:            int(library.ErrorHTTPStatus(failure)),
		OAuthError:            native.Copied(library.ErrorOAuthError(failure)),
		OAuthErrorDescription: native.Copied(library.ErrorOAuthErrorDescription(failure)),
		I18nKey:               native.Copied(library.ErrorI18nKey(failure)),
		ServerMessage:         native.Copied(library.ErrorServerMessage(failure)),
		RequestID:             native.Copied(library.ErrorRequestID(failure)),
		RetryAfter:            time.Duration(library.ErrorRetryAfterSeconds(failure)) * time.Second,
	}
}

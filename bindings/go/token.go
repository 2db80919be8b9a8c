package tangotoken

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Token is an access token of a service account (RFC 6749 section 1.4). It stays readable after it has expired and
// after its client was closed. It prints without its value.
type Token struct {
	library *native.Library
	handle  *native.Handle[native.Token]

	value, tokenType, scope string
	expires                 time.Time // of a token without a handle
}

// NewToken returns a token that no server issued, for tests of code that uses tokens. It needs no native library.
//
// The token type is "Bearer" or "DPoP". ExpiresIn compares the time of expiry with [time.Now], so a test that runs in a
// [testing/synctest.Test] moves it.
func NewToken(value, tokenType, scope string, expires time.Time) *Token {
	return &Token{value: value, tokenType: tokenType, scope: scope, expires: expires}
}

func newToken(library *native.Library, raw native.Token) *Token {
	token := &Token{
		library:   library,
		handle:    native.Own(raw, library.TokenFree),
		value:     native.Copied(library.TokenValue(raw)),
		tokenType: native.Copied(library.TokenType(raw)),
		scope:     native.Copied(library.TokenScope(raw)),
	}
	runtime.AddCleanup(token, (*native.Handle[native.Token]).Close, token.handle)
	return token
}

// Value returns the token itself, which follows the type in an Authorization header: a secret.
func (t *Token) Value() string { return t.value }

// Type returns the scheme of the Authorization header: "Bearer", or "DPoP" together with a proof.
func (t *Token) Type() string { return t.tokenType }

// Scope returns the scope that the server granted.
func (t *Token) Scope() string { return t.scope }

// ExpiresIn returns the remaining lifetime in whole seconds; 0 once the token has expired. It is independent of the
// system clock, and includes the time during which the machine sleeps.
func (t *Token) ExpiresIn() time.Duration {
	if t.handle == nil {
		return max(0, time.Until(t.expires).Truncate(time.Second))
	}
	defer runtime.KeepAlive(t)
	raw, done := lend(t.handle)
	defer done()
	return time.Duration(t.library.TokenExpiresInSeconds(raw)) * time.Second
}

// Format writes everything but the value, for every verb.
func (t *Token) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "%s token for %s, expires in %v", t.tokenType, t.scope, t.ExpiresIn())
}

// String returns what Format writes.
func (t *Token) String() string {
	return fmt.Sprint(t)
}

// LogValue returns a group of everything but the value.
func (t *Token) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("type", t.tokenType), slog.String("scope", t.scope), slog.Duration("expires_in", t.ExpiresIn()))
}

// handleOf returns the token's handle, or nil for a nil token.
func (t *Token) handleOf() *native.Handle[native.Token] {
	if t == nil {
		return nil
	}
	return t.handle
}

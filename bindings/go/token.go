package tangotoken

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Token is an access token of a service account (RFC 6749 section 1.4). It stays readable when its client is closed and
// when its life is over. It prints without its value.
type Token struct {
	library *native.Library
	handle  *native.Handle[native.Token]

	value, tokenType, scope string
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

// Value goes behind the type in an Authorization header: a secret.
func (t *Token) Value() string { return t.value }

// Type is how the token is presented to the API: Bearer, or DPoP with a proof made with its key.
func (t *Token) Type() string { return t.tokenType }

// Scope is what the server granted.
func (t *Token) Scope() string { return t.scope }

// ExpiresIn is how long the token is still good, in whole seconds; 0 once it is not. It is counted on a clock that nobody
// can set and that runs while the machine sleeps.
func (t *Token) ExpiresIn() time.Duration {
	defer runtime.KeepAlive(t)
	raw, done := lend(t.handle)
	defer done()
	return time.Duration(t.library.TokenExpiresInSeconds(raw)) * time.Second
}

// Format writes everything but the value, whatever the verb.
func (t *Token) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "%s token for %s, good for %v", t.tokenType, t.scope, t.ExpiresIn())
}

// String is what Format writes.
func (t *Token) String() string {
	return fmt.Sprint(t)
}

// LogValue is a group of everything but the value.
func (t *Token) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("type", t.tokenType), slog.String("scope", t.scope), slog.Duration("expires_in", t.ExpiresIn()))
}

// handleOf is the token's handle; nil for no token.
func (t *Token) handleOf() *native.Handle[native.Token] {
	if t == nil {
		return nil
	}
	return t.handle
}

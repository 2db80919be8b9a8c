// Package tangooauth2 gives the tokens of a [tangotoken.Client] to programs that are written for golang.org/x/oauth2.
//
// It is a package of its own so that no other program needs that module.
package tangooauth2

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// ErrBound is returned for tokens that are bound to a key: x/oauth2 makes no proofs, and an API refuses such a token
// without one. Use a [tangotoken.Transport].
var ErrBound = errors.New("tangooauth2: the token is bound to a key (DPoP), which x/oauth2 cannot use: use a tangotoken.Transport")

// TokenSource gives the client's token, each time the current one: do not put it behind [oauth2.ReuseTokenSource], which
// would keep one that was renewed or refused. The context is that of all calls, as everywhere in x/oauth2.
func TokenSource(ctx context.Context, client *tangotoken.Client) oauth2.TokenSource {
	return source{ctx, client}
}

type source struct {
	ctx    context.Context
	client *tangotoken.Client
}

// Token is the current token.
func (s source) Token() (*oauth2.Token, error) {
	token, err := s.client.Token(s.ctx)
	if err != nil {
		return nil, err
	}
	if token.Type() == "DPoP" {
		return nil, ErrBound
	}
	life := token.ExpiresIn()
	return &oauth2.Token{
		AccessToken: token.Value(),
		TokenType:   token.Type(),
		Expiry:      time.Now().Add(life),
		ExpiresIn:   int64(life / time.Second),
	}, nil
}

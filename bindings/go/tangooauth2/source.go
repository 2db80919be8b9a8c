// Package tangooauth2 provides the tokens of a [tangotoken.Client] to programs that use golang.org/x/oauth2.
//
// It is a separate package so that other programs do not need that module.
package tangooauth2

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// ErrBound is the error for a token that is bound to a key (DPoP): x/oauth2 makes no proofs, and an API refuses such a
// token without a proof. Use a [tangotoken.Transport] instead.
var ErrBound = errors.New("tangooauth2: the token is bound to a key (DPoP), and x/oauth2 makes no proofs: " +
	"use a tangotoken.Transport, or set DPoP to off")

// TokenSource returns a source that always returns the client's current token.
//
// Do not wrap it in [oauth2.ReuseTokenSource], which would keep a token that was refreshed or rejected. The context is
// that of all calls, as usual in x/oauth2.
//
// [oauth2.Transport] sends the token to every host, also to that of a redirect. Let CheckRedirect of the [http.Client]
// return [http.ErrUseLastResponse], or use a [tangotoken.Transport], which sends tokens to the API alone.
func TokenSource(ctx context.Context, client tangotoken.TokenSource) oauth2.TokenSource {
	return source{ctx, client}
}

type source struct {
	ctx    context.Context
	client tangotoken.TokenSource
}

// Token returns the client's current token.
func (s source) Token() (*oauth2.Token, error) {
	token, err := s.client.Token(s.ctx)
	if err != nil {
		return nil, err
	}
	if token.Type() == "DPoP" {
		return nil, ErrBound
	}
	expiresIn := token.ExpiresIn()
	return &oauth2.Token{
		AccessToken: token.Value(),
		TokenType:   token.Type(),
		Expiry:      time.Now().Add(expiresIn),
		ExpiresIn:   int64(expiresIn / time.Second),
	}, nil
}

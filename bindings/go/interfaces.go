package tangotoken

import (
	"context"
	"net/http"
)

// TokenSource returns the current token. [Client] is one, and so is the fake of package tangotest.
//
// A function that takes a TokenSource in place of a *Client can be tested without the native library.
type TokenSource interface {
	Token(ctx context.Context) (*Token, error)
}

// Authorizer makes the headers of API calls and learns from the responses. [Client] is one, and so is the fake of
// package tangotest. A [Transport] needs no more than that.
type Authorizer interface {
	Authorize(ctx context.Context, method, url string) (*Authorization, error)
	AuthorizeAgain(ctx context.Context, refused *Authorization) (*Authorization, error)
	Observe(authorization *Authorization, status int, header http.Header) (Verdict, error)
}

var (
	_ TokenSource = (*Client)(nil)
	_ Authorizer  = (*Client)(nil)
)

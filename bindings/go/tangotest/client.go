package tangotest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// Client is a fake of [tangotoken.Client]. It issues tokens by itself, one for all calls until it has expired or was
// rejected. Its clock is [time.Now]: a test that runs in a [testing/synctest.Test] moves it.
//
// Set the fields before the first call. The zero value can be used, and goroutines may share a client.
type Client struct {
	// Lifetime of the tokens; 24 hours if it is 0.
	Lifetime time.Duration
	// DPoP makes the client issue tokens of type DPoP, whose proofs no API would accept.
	DPoP bool
	// APIURL and AllowedOrigins are those of [tangotoken.Config]. Without an APIURL each origin may receive tokens.
	APIURL         string
	AllowedOrigins []string

	mutex    sync.Mutex
	issuer   issuer
	calls    []Call
	isClosed bool
}

var (
	_ tangotoken.TokenSource = (*Client)(nil)
	_ tangotoken.Authorizer  = (*Client)(nil)
)

// Call is a call of a method of the client.
type Call struct {
	Name string // of the method, such as Token
	// Method and URL of the request, for Authorize.
	Method, URL string
}

// NewClient returns a client that issues Bearer tokens.
func NewClient() *Client {
	return &Client{}
}

// SetToken makes the client hold a token; see [tangotoken.NewToken].
func (c *Client) SetToken(token *tangotoken.Token) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.issuer.token = token
}

// Fail makes the calls that need a token return an error, also while a token is held; nil ends that.
//
// The error is a *[tangotoken.Error], or a [tangotoken.Status] such as [tangotoken.ErrQuotaRefused], of which it makes
// one. Any other error is returned as it is.
func (c *Client) Fail(err error) {
	c.FailTimes(-1, err)
}

// FailTimes is [Client.Fail] for a number of calls; the next ones succeed.
func (c *Client) FailTimes(times int, err error) {
	if status, isStatus := err.(tangotoken.Status); isStatus {
		message := "a test made the call fail: " + status.String()
		err = &tangotoken.Error{Status: status, Message: message, RetryAfter: -1}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.issuer.err, c.issuer.errorsLeft = err, times
}

// Calls returns the calls of the client's methods, in order.
func (c *Client) Calls() []Call {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return append([]Call(nil), c.calls...)
}

// Count returns how often a method was called, such as Token.
func (c *Client) Count(name string) int {
	count := 0
	for _, call := range c.Calls() {
		if call.Name == name {
			count++
		}
	}
	return count
}

// TokensIssued returns how many tokens a server would have issued.
func (c *Client) TokensIssued() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.issuer.issued
}

// Token is [tangotoken.Client.Token].
func (c *Client) Token(ctx context.Context) (*tangotoken.Token, error) {
	return called(ctx, c, Call{Name: "Token"}, func(issuer *issuer) (*tangotoken.Token, error) {
		return issuer.acquire()
	})
}

// Authorize is [tangotoken.Client.Authorize].
func (c *Client) Authorize(ctx context.Context, method, url string) (*tangotoken.Authorization, error) {
	call := Call{Name: "Authorize", Method: method, URL: url}
	return called(ctx, c, call, func(issuer *issuer) (*tangotoken.Authorization, error) {
		return issuer.authorize(sent{method: method, url: url})
	})
}

// AuthorizeAgain is [tangotoken.Client.AuthorizeAgain].
func (c *Client) AuthorizeAgain(
	ctx context.Context, refused *tangotoken.Authorization,
) (*tangotoken.Authorization, error) {
	return called(ctx, c, Call{Name: "AuthorizeAgain"}, func(issuer *issuer) (*tangotoken.Authorization, error) {
		before, err := issuer.find(refused)
		if err != nil {
			return nil, err
		}
		return issuer.authorize(before)
	})
}

// Observe is [tangotoken.Client.Observe], for the error codes of tokens, nonces and proofs. It learns no clock.
func (c *Client) Observe(
	authorization *tangotoken.Authorization, status int, header http.Header,
) (tangotoken.Verdict, error) {
	return called(context.Background(), c, Call{Name: "Observe"}, func(issuer *issuer) (tangotoken.Verdict, error) {
		return issuer.observe(authorization, status, header)
	})
}

// Invalidate is [tangotoken.Client.Invalidate].
func (c *Client) Invalidate(token *tangotoken.Token) error {
	_, err := called(context.Background(), c, Call{Name: "Invalidate"}, func(issuer *issuer) (struct{}, error) {
		if token == nil {
			return struct{}{}, invalidArgument("the token is nil")
		}
		issuer.reject(token.Value())
		return struct{}{}, nil
	})
	return err
}

// Close closes the client: later calls return [tangotoken.ErrClosed].
func (c *Client) Close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.isClosed = true
	return nil
}

// called records a call, and does its work if neither the context nor the client ended before.
func called[T any](ctx context.Context, c *Client, call Call, work func(*issuer) (T, error)) (T, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var none T
	switch {
	case c.isClosed:
		return none, tangotoken.ErrClosed
	case ctx.Err() != nil:
		return none, cancelled(ctx)
	}
	c.calls = append(c.calls, call)
	c.issuer.settings = c
	return work(&c.issuer)
}

// cancelled returns an error that matches [tangotoken.ErrCancelled] and those of the context.
func cancelled(ctx context.Context) error {
	message := "the context of the call ended before there was a token"
	failure := &tangotoken.Error{Status: tangotoken.ErrCancelled, Message: message, RetryAfter: -1}
	return fmt.Errorf("%w: %w", failure, errors.Join(ctx.Err(), context.Cause(ctx)))
}

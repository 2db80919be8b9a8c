package tangotoken

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Authorization is the headers of one request to an API. It is good for that one, and prints without its values.
//
// Programs that use net/http have them made by a [Transport].
type Authorization struct {
	handle *native.Handle[native.Authorization]

	value, dpop string
}

// Value is what the Authorization header says: a secret.
func (a *Authorization) Value() string { return a.value }

// DPoP is what the DPoP header says; "" for a Bearer token, which has none.
func (a *Authorization) DPoP() string { return a.dpop }

// SetHeaders writes them, in the place of those that are there.
func (a *Authorization) SetHeaders(header http.Header) {
	header.Set("Authorization", a.value)
	header.Del("DPoP")
	if a.dpop != "" {
		header.Set("DPoP", a.dpop)
	}
}

// Format writes the scheme and no secret, whatever the verb.
func (a *Authorization) Format(state fmt.State, _ rune) {
	scheme, _, _ := strings.Cut(a.value, " ")
	fmt.Fprintf(state, "%s authorization", scheme)
}

// String is what Format writes.
func (a *Authorization) String() string {
	return fmt.Sprint(a)
}

// Authorize makes the headers of one call of the API: gets a token if none is held, and a proof if it is bound to a key.
//
// The method as it is sent, the URL where it goes. A URL whose origin is neither the API's nor was allowed is refused
// with [ErrInvalidArgument], so that no token is sent to a wrong host by mistake.
func (c *Client) Authorize(ctx context.Context, method, url string) (*Authorization, error) {
	return c.authorize(ctx, func(client native.Client, made *native.Authorization, failure *native.Error) {
		c.library.ClientAuthorize(client, native.Text(method), native.Text(url), made, failure)
	})
}

// AuthorizeAgain makes the headers for sending the same request once more, after [VerdictRetry].
func (c *Client) AuthorizeAgain(ctx context.Context, refused *Authorization) (*Authorization, error) {
	return c.authorize(ctx, func(client native.Client, made *native.Authorization, failure *native.Error) {
		defer runtime.KeepAlive(refused)
		raw, done := lend(refused.handleOf())
		defer done()
		c.library.ClientAuthorizeAgain(client, raw, made, failure)
	})
}

// Observe learns from the API's answer, and says whether to send the request once more.
//
// Call it for every answer, a successful one too, with its status and headers. An error says why to give up:
// [ErrProofRefused] and [ErrTokenRefused] where sending the request again would bring the same answer.
func (c *Client) Observe(authorization *Authorization, status int, header http.Header) (Verdict, error) {
	var verdict int32
	err := c.call(func(client native.Client, failure *native.Error) {
		defer runtime.KeepAlive(authorization)
		raw, done := lend(authorization.handleOf())
		defer done()
		c.library.ClientObserve(client, raw, int32(status), native.OptionalText(header.Get("DPoP-Nonce")),
			native.OptionalText(strings.Join(header.Values("WWW-Authenticate"), ", ")),
			native.OptionalText(header.Get("Date")), &verdict, failure)
	})
	if Verdict(verdict) != VerdictDone {
		c.held.forget() // the token may have been dropped
	}
	return Verdict(verdict), err
}

// authorize calls a function of the library that blocks a thread of the system while it waits for a token. So callers
// wait for one on the asynchronous way first, but for one at a time where none is held: the library is to look at the
// arguments before it fetches anything, so that a mistake there does not cost a token. The context ends the wait of all.
func (c *Client) authorize(ctx context.Context, sign authorizing) (*Authorization, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	isFirst := c.held.token() == nil && c.first.TryLock()
	if !isFirst {
		if _, err := c.Token(ctx); err != nil {
			return nil, err
		}
	}
	type result struct {
		authorization *Authorization
		err           error
	}
	finished := make(chan result, 1)
	go func() {
		authorization, err := c.authorizeNow(sign)
		if isFirst {
			c.first.Unlock()
		}
		finished <- result{authorization, err}
	}()
	select {
	case result := <-finished:
		return result.authorization, result.err
	case <-ctx.Done():
		return nil, ended(ctx)
	case <-c.closing:
		return nil, ErrClosed
	}
}

// authorizing is the library's call that makes an authorization.
type authorizing func(client native.Client, made *native.Authorization, failure *native.Error)

func (c *Client) authorizeNow(sign authorizing) (*Authorization, error) {
	var raw native.Authorization
	err := c.call(func(client native.Client, failure *native.Error) { sign(client, &raw, failure) })
	if err != nil {
		return nil, err
	}
	authorization := &Authorization{
		handle: native.Own(raw, c.library.AuthorizationFree),
		value:  native.Copied(c.library.AuthorizationValue(raw)),
		dpop:   native.Copied(c.library.AuthorizationDPoP(raw)),
	}
	runtime.AddCleanup(authorization, (*native.Handle[native.Authorization]).Close, authorization.handle)
	return authorization, nil
}

// handleOf is the authorization's handle; nil for no authorization.
func (a *Authorization) handleOf() *native.Handle[native.Authorization] {
	if a == nil {
		return nil
	}
	return a.handle
}

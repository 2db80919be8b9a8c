package tangotoken

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strings"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Authorization holds the headers of one request to an API. It is valid for that request only, and prints without its
// values.
//
// Programs that use net/http need none: a [Transport] makes the headers. An [http.Client] without it copies the headers to
// the requests that follow redirects, unless its CheckRedirect returns [http.ErrUseLastResponse].
type Authorization struct {
	handle *native.Handle[native.Authorization]

	value, dpop string
}

// NewAuthorization returns the headers of a request, for tests of code that uses them. It needs no native library.
//
// The value is that of the Authorization header, such as "Bearer a-token"; dpop is "" for a Bearer token.
func NewAuthorization(value, dpop string) *Authorization {
	return &Authorization{value: value, dpop: dpop}
}

// Value returns the value of the Authorization header: a secret.
func (a *Authorization) Value() string { return a.value }

// DPoP returns the value of the DPoP header; "" for a Bearer token.
func (a *Authorization) DPoP() string { return a.dpop }

// SetHeaders sets the headers, and replaces earlier ones.
func (a *Authorization) SetHeaders(header http.Header) {
	header.Set("Authorization", a.value)
	header.Del("DPoP")
	if a.dpop != "" {
		header.Set("DPoP", a.dpop)
	}
}

// Format writes the scheme and no secret, for every verb.
func (a *Authorization) Format(state fmt.State, _ rune) {
	scheme, _, _ := strings.Cut(a.value, " ")
	fmt.Fprintf(state, "%s authorization", scheme)
}

// String returns what Format writes.
func (a *Authorization) String() string {
	return fmt.Sprint(a)
}

// Authorize returns the headers of one API call: it gets a token, and makes a DPoP proof if the token is bound to a
// key.
//
// The method and the URL are those of the request. The URL's origin has to be the API's or one of AllowedOrigins;
// another one fails with [ErrInvalidArgument], so that no token reaches a wrong host by mistake.
func (c *Client) Authorize(ctx context.Context, method, url string) (*Authorization, error) {
	authorization, err := c.authorize(ctx, func(client native.Client, made *native.Authorization, failure *native.Error) {
		c.library.ClientTryAuthorize(client, native.CString(method), native.CString(url), made, failure)
	})
	if authorization != nil || err != nil {
		return authorization, err
	}
	// No token is held, and the library has checked the arguments: a wrong one does not cost a token.
	if _, err := c.Token(ctx); err != nil {
		return nil, err
	}
	return c.authorize(ctx, func(client native.Client, made *native.Authorization, failure *native.Error) {
		c.library.ClientAuthorize(client, native.CString(method), native.CString(url), made, failure)
	})
}

// AuthorizeAgain returns the headers for sending the same request again, after [VerdictRetry].
func (c *Client) AuthorizeAgain(ctx context.Context, refused *Authorization) (*Authorization, error) {
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	if _, err := c.Token(ctx); err != nil {
		return nil, err
	}
	return c.authorize(ctx, func(client native.Client, made *native.Authorization, failure *native.Error) {
		defer runtime.KeepAlive(refused)
		raw, done := lend(refused.handleOf())
		defer done()
		c.library.ClientAuthorizeAgain(client, raw, made, failure)
	})
}

// Observe learns from a response of the API, and says whether to send the request again. Go on while it returns
// [VerdictRetry]: that ends, usually after one retry.
//
// Call it for every response, including successful ones, with its status and headers. It fails with [ErrProofRefused]
// or [ErrTokenRefused] if the next request would be refused as well; the message says why. A status that HTTP does not
// have is the program's concern: the verdict is [VerdictDone].
func (c *Client) Observe(authorization *Authorization, status int, header http.Header) (Verdict, error) {
	var verdict int32
	err := c.call(func(client native.Client, failure *native.Error) {
		defer runtime.KeepAlive(authorization)
		raw, done := lend(authorization.handleOf())
		defer done()
		c.library.ClientObserve(client, raw, httpStatus(status), native.OptionalCString(header.Get("DPoP-Nonce")),
			native.OptionalCString(strings.Join(header.Values("WWW-Authenticate"), ", ")),
			native.OptionalCString(header.Get("Date")), &verdict, failure)
	})
	if Verdict(verdict) != VerdictDone {
		c.cached.clear() // the library may have dropped the token
	}
	return Verdict(verdict), err
}

// httpStatus returns a status that no conversion turns into another one.
func httpStatus(status int) int32 {
	if status < 0 || status > math.MaxInt32 {
		return 0
	}
	return int32(status)
}

// authorize calls a function of the library on another goroutine, because a custom signer takes its time, and because
// the library waits for a token if an API has rejected the held one at this very moment.
func (c *Client) authorize(ctx context.Context, sign authorizing) (*Authorization, error) {
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	type result struct {
		authorization *Authorization
		err           error
	}
	finished := make(chan result, 1)
	go func() {
		authorization, err := c.authorizeNow(sign)
		finished <- result{authorization, err}
	}()
	select {
	case result := <-finished:
		return result.authorization, result.err
	case <-ctx.Done():
		return nil, contextError(ctx)
	case <-c.closing:
		return nil, ErrClosed
	}
}

// authorizing is a call of the library that makes an authorization, or none if it does not wait for a token.
type authorizing func(client native.Client, made *native.Authorization, failure *native.Error)

func (c *Client) authorizeNow(sign authorizing) (*Authorization, error) {
	var raw native.Authorization
	err := c.call(func(client native.Client, failure *native.Error) { sign(client, &raw, failure) })
	if err != nil || raw == 0 {
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

// close frees the library's object, if there is one.
func (a *Authorization) close() {
	if a.handle != nil {
		a.handle.Close()
	}
}

// handleOf returns the authorization's handle, or nil for a nil authorization.
func (a *Authorization) handleOf() *native.Handle[native.Authorization] {
	if a == nil {
		return nil
	}
	return a.handle
}

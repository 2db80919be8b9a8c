package tangotoken

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// ErrNotSentAgain is the [Refusal] of a request that would succeed now, and whose body cannot be sent again.
var ErrNotSentAgain = errors.New("tangotoken: the request would succeed now, but has a body and no GetBody to send it again")

// Transport is an [http.RoundTripper] that sends each request with the client's token: an Authorization header, and a
// proof for a token that is bound to a key. From every answer it learns nonces and the API's clock.
//
// A request that the API refuses for a nonce, a clock or a token that another try makes right is sent once more, if its
// body can be: requests with a body need GetBody, which [http.NewRequest] sets for those in memory. Any other answer is
// the caller's, a refusal too; [Refusal] says why it is one.
//
// Requests to other origins than the API's, redirects among them, fail with [ErrInvalidArgument] and are not sent; the
// configuration's AllowedOrigins adds some.
type Transport struct {
	// Client has the token.
	Client *Client
	// Base sends the requests; [http.DefaultTransport] unless set.
	Base http.RoundTripper
}

// RoundTrip sends the request with a token.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	authorization, err := t.Client.Authorize(ctx, method(request), request.URL.String())
	if err != nil {
		closeBody(request)
		return nil, err
	}
	defer func() { authorization.handle.Close() }()
	response, err := t.send(request, request.Body, authorization)
	if err != nil {
		return nil, err
	}
	verdict, refusal := t.Client.Observe(authorization, response.StatusCode, response.Header)
	if verdict == VerdictRetry && !canBeSentAgain(request) {
		refusal = ErrNotSentAgain
	}
	if verdict != VerdictRetry || refusal != nil {
		return answered(response, request, refusal), nil
	}

	again, err := t.Client.AuthorizeAgain(ctx, authorization)
	if err != nil {
		return answered(response, request, err), nil
	}
	authorization.handle.Close()
	authorization = again
	body, err := bodyAgain(request)
	if err != nil {
		return answered(response, request, err), nil
	}
	discard(response)
	if response, err = t.send(request, body, authorization); err != nil {
		return nil, err
	}
	_, refusal = t.Client.Observe(authorization, response.StatusCode, response.Header)
	return answered(response, request, refusal), nil
}

// send sends a copy of the request, which is the caller's and stays as it is.
func (t *Transport) send(request *http.Request, body io.ReadCloser, authorization *Authorization) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Body = body
	authorization.SetHeaders(request.Header)
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	return base.RoundTrip(request)
}

func method(request *http.Request) string {
	if request.Method == "" {
		return http.MethodGet
	}
	return request.Method
}

func closeBody(request *http.Request) {
	if request.Body != nil {
		request.Body.Close()
	}
}

func canBeSentAgain(request *http.Request) bool {
	return request.Body == nil || request.Body == http.NoBody || request.GetBody != nil
}

func bodyAgain(request *http.Request) (io.ReadCloser, error) {
	if request.GetBody == nil {
		return request.Body, nil
	}
	return request.GetBody()
}

// discard reads a refusal to its end, so that its connection can be used again; a long one is not worth that.
func discard(response *http.Response) {
	const limit = 64 << 10
	io.CopyN(io.Discard, response.Body, limit)
	response.Body.Close()
}

type refusalKey struct{}

// answered makes the answer the caller's: it belongs to the request without the token, and carries the refusal.
func answered(response *http.Response, request *http.Request, refusal error) *http.Response {
	if refusal != nil {
		request = request.WithContext(context.WithValue(request.Context(), refusalKey{}, refusal))
	}
	response.Request = request
	return response
}

// Refusal says why the API refused the token or the proof of an answer that came through a [Transport]; nil where it did
// not. It is [ErrProofRefused], [ErrTokenRefused], [ErrNotSentAgain], or why no other token could be had.
func Refusal(response *http.Response) error {
	if response == nil || response.Request == nil {
		return nil
	}
	refusal, _ := response.Request.Context().Value(refusalKey{}).(error)
	return refusal
}

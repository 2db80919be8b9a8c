package tangotoken

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// ErrNotSentAgain is the [Refusal] of a request whose body cannot be sent again, which would have helped.
var ErrNotSentAgain = errors.New("tangotoken: the API refused the request and would accept it now, " +
	"but its body cannot be sent again: set GetBody, or repeat the request")

// Transport is an [http.RoundTripper] that sends each request with the client's token: an Authorization header and, for
// a token that is bound to a key, a DPoP proof. It learns nonces and the API's clock from every response.
//
// A request that the API refuses because of its nonce, its clock or its token is sent again, if its body can be: requests
// with a body need GetBody, which [http.NewRequest] sets for bodies in memory. Once is usual; it is sent more often only
// while other requests use up the nonces. The caller gets every other response, refusals included; [Refusal] says why the
// API refused.
//
// A request that follows a redirect has a proof of its own. Requests to origins other than the API's, also by redirects,
// fail with [ErrInvalidArgument] and are not sent. The configuration's AllowedOrigins allows further origins.
type Transport struct {
	// Client provides the tokens: a [Client], or in a test that of package tangotest.
	Client Authorizer
	// Base sends the requests; [http.DefaultTransport] if nil. The CAFile of the configuration is for the token
	// endpoint alone: for an API with a private certificate authority set Base, with that authority in its
	// TLSClientConfig.
	Base http.RoundTripper
}

// RoundTrip sends the request with a token.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if real, isReal := t.Client.(*Client); t.Client == nil || isReal && real == nil {
		closeBody(request)
		return nil, errors.New("tangotoken: the Transport has no Client, which provides the tokens")
	}
	ctx := request.Context()
	authorization, err := t.Client.Authorize(ctx, method(request), request.URL.String())
	if err != nil {
		closeBody(request)
		return nil, err
	}
	defer func() { authorization.close() }()
	body, mayReplaceProof := request.Body, true
	for {
		response, isRepeated, err := t.send(request, body, authorization)
		if err != nil {
			return nil, err
		}
		verdict, refusal := t.Client.Observe(authorization, response.StatusCode, response.Header)
		if isRepeated && mayReplaceProof && errors.Is(refusal, ErrProofRefused) {
			mayReplaceProof, verdict, refusal = false, VerdictRetry, nil
		}
		if verdict == VerdictRetry && !canBeSentAgain(request) {
			refusal = ErrNotSentAgain
		}
		if verdict != VerdictRetry || refusal != nil {
			return withRefusal(response, request, refusal), nil
		}
		again, err := t.Client.AuthorizeAgain(ctx, authorization)
		if err != nil {
			return withRefusal(response, request, err), nil
		}
		authorization.close()
		authorization = again
		if body, err = bodyAgain(request); err != nil {
			return withRefusal(response, request, err), nil
		}
		discard(response)
	}
}

// send sends a copy of the request: a RoundTripper must not change the caller's request. It also returns whether the
// request was sent more than once: net/http repeats some requests if the server had closed an idle connection, with the
// same proof, which the API may have seen.
func (t *Transport) send(
	request *http.Request, body io.ReadCloser, authorization *Authorization,
) (*http.Response, bool, error) {
	var sent atomic.Int32
	ctx := httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{WroteHeaders: func() { sent.Add(1) }})
	request = request.Clone(ctx)
	request.Body = body
	authorization.SetHeaders(request.Header)
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	response, err := base.RoundTrip(request)
	return response, sent.Load() > 1, err
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

// discard reads the response to its end, so that the connection can be reused, up to a limit.
func discard(response *http.Response) {
	const limit = 64 << 10
	io.CopyN(io.Discard, response.Body, limit)
	response.Body.Close()
}

type refusalKey struct{}

// withRefusal prepares a response for the caller: its Request is the original one, without the token, and carries the
// refusal, if there is one.
func withRefusal(response *http.Response, request *http.Request, refusal error) *http.Response {
	if refusal != nil {
		request = request.WithContext(context.WithValue(request.Context(), refusalKey{}, refusal))
	}
	response.Request = request
	return response
}

// Refusal returns why the API refused the token or the proof of a request that a [Transport] sent; nil if it did not.
//
// It is [ErrProofRefused], [ErrTokenRefused], [ErrNotSentAgain], or the error of the attempt to get another token.
func Refusal(response *http.Response) error {
	if response == nil || response.Request == nil {
		return nil
	}
	refusal, _ := response.Request.Context().Value(refusalKey{}).(error)
	return refusal
}

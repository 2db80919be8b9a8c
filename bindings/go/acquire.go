package tangotoken

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebitengine/purego"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Token returns a valid token: at once if the client holds one, otherwise after one fetch that all callers share.
//
// It waits until the context ends, and for the configuration's TotalTimeout at most. The wait blocks no OS thread.
func (c *Client) Token(ctx context.Context) (*Token, error) {
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	if token := c.cached.load(); token != nil {
		c.cached.served.add()
		return token, nil
	}
	return c.acquire(ctx)
}

// outcome is the result of a request: a token or an error.
type outcome struct {
	token   native.Token
	failure native.Error
}

// requests holds the channel of each pending request, by the number that is the request's user_data.
var requests native.Table[chan outcome]

// unexpectedCompletions counts completions of requests that are not pending. It stays 0 unless the library has a bug.
var unexpectedCompletions atomic.Int64

// done is the callback that completes a request. It runs on the library's callback thread, which completes all
// requests, and so must not block: each channel has room for the outcome.
var done = sync.OnceValue(func() uintptr {
	return purego.NewCallback(func(number uintptr, token native.Token, failure native.Error) uintptr {
		if request, isPending := requests.Take(number); isPending {
			request <- outcome{token, failure}
		} else {
			unexpectedCompletions.Add(1)
		}
		return 0
	})
})

// acquire requests a token from the library. When it returns, the request has completed.
func (c *Client) acquire(ctx context.Context) (*Token, error) {
	defer runtime.KeepAlive(c)
	generation := c.cached.currentGeneration()
	finished := make(chan outcome, 1)
	request, err := c.start(finished)
	if err != nil {
		return nil, err
	}
	defer request.Close()
	defer expectCallback().Stop()

	select {
	case result := <-finished:
		return c.finish(result, generation)
	case <-ctx.Done():
		err = contextError(ctx)
	case <-c.closing:
		err = ErrClosed
	}
	raw, _ := request.Use()
	c.library.RequestCancel(raw)
	request.Done()
	// A cancelled request completes at once. If the token arrived before the cancellation, it is returned.
	token, failure := c.finish(<-finished, generation)
	if failure != nil {
		return nil, err
	}
	return token, nil
}

// expectCallback keeps Go's runtime from ending a program in which every goroutine waits: on Windows it does not know that
// a thread of the library can call back, and reports a deadlock, unless there is a timer.
func expectCallback() *time.Timer {
	return time.AfterFunc(math.MaxInt64, func() {})
}

func (c *Client) start(finished chan outcome) (*native.Handle[native.Request], error) {
	var request native.Request
	number := requests.Put(finished)
	err := c.call(func(client native.Client, failure *native.Error) {
		c.library.TokenAcquireStart(client, done(), number, &request, failure)
	})
	if err != nil {
		requests.Take(number)
		return nil, err
	}
	return native.Own(request, c.library.RequestFree), nil
}

func (c *Client) finish(result outcome, generation int) (*Token, error) {
	if result.token == 0 {
		return nil, taken(c.library, result.failure)
	}
	return c.cached.store(newToken(c.library, result.token), generation), nil
}

// contextError returns the error of a call whose context has ended.
func contextError(ctx context.Context) error {
	message := "the context of the call ended before there was a token: " + context.Cause(ctx).Error()
	cause := errors.Join(ctx.Err(), context.Cause(ctx))
	return &Error{Status: ErrCancelled, Message: message, RetryAfter: -1, cause: cause}
}

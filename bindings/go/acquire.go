package tangotoken

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ebitengine/purego"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Token gets a valid token: at once where the client holds one, else after the one fetch that all callers share.
//
// It waits for the context, and for the configuration's TotalTimeout at most. No thread of the system is blocked while
// it waits.
func (c *Client) Token(ctx context.Context) (*Token, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	if token := c.held.token(); token != nil {
		return token, nil
	}
	return c.acquire(ctx)
}

// outcome is how the library ended a request: one of the two.
type outcome struct {
	token   native.Token
	failure native.Error
}

// requests are those under way, by the number that the library carries for them.
var requests native.Table[chan outcome]

// strays counts endings of requests that are not under way: a defect of the library, where it is not 0.
var strays atomic.Int64

// done is called by the library once for each request, on its own thread, where nothing may wait: each channel has room.
var done = sync.OnceValue(func() uintptr {
	return purego.NewCallback(func(number uintptr, token native.Token, failure native.Error) {
		if request, isUnderWay := requests.Take(number); isUnderWay {
			request <- outcome{token, failure}
		} else {
			strays.Add(1)
		}
	})
})

// acquire asks the library. However it ends, the request has ended with it.
func (c *Client) acquire(ctx context.Context) (*Token, error) {
	defer runtime.KeepAlive(c)
	era := c.held.now()
	finished := make(chan outcome, 1)
	request, err := c.start(finished)
	if err != nil {
		return nil, err
	}
	defer request.Close()

	select {
	case result := <-finished:
		return c.finish(result, era)
	case <-ctx.Done():
		err = ended(ctx)
	case <-c.closing:
		err = ErrClosed
	}
	raw, _ := request.Use()
	c.library.RequestCancel(raw)
	request.Done()
	// It ends at once, perhaps with the token after all, which then is what was asked for.
	token, failure := c.finish(<-finished, era)
	if failure != nil {
		return nil, err
	}
	return token, nil
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

func (c *Client) finish(result outcome, era int) (*Token, error) {
	if result.token == 0 {
		return nil, taken(c.library, result.failure)
	}
	return c.held.keep(newToken(c.library, result.token), era), nil
}

// ended is the error of a call that its context has ended.
func ended(ctx context.Context) error {
	return &Error{Status: ErrCancelled, Message: "the caller cancelled the request: " + context.Cause(ctx).Error(),
		RetryAfter: -1, cause: errors.Join(ctx.Err(), context.Cause(ctx))}
}

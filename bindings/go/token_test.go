package tangotoken_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
	"github.com/tango-token/tango-token/bindings/go/internal/sandbox"
)

func TestTokenIsFetchedOnceForAllCallers(t *testing.T) {
	server := start(t)
	client := newClient(t, configOf(server))
	first := acquire(t, client)
	if first.Type() != "Bearer" || first.Scope() != "raas.all" || first.Value() == "" {
		t.Errorf("%v with a value of %d bytes", first, len(first.Value()))
	}
	if lifetime := first.ExpiresIn(); lifetime < 86_000*time.Second || lifetime > 86_400*time.Second {
		t.Errorf("expires in %v", lifetime)
	}
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			if token := acquire(t, client); token != first {
				t.Error("callers got different objects for the same token")
			}
		})
	}
	callers.Wait()
	again, err := tangotoken.Acquire(client, t.Context())
	if err != nil || again != first {
		t.Errorf("the library returned %v, %v", again, err)
	}
	if requests := server.Statistic("token_requests"); requests != 1 {
		t.Errorf("%d token requests", requests)
	}
}

func TestTenThousandRequestsCompleteWhenAQuarterIsCancelled(t *testing.T) {
	const requests = 10_000
	before := runtime.NumGoroutine()
	// The server is slow, so that every cancellation comes before the token.
	server := start(t, "--latency-ms", "4000")
	client := newClient(t, configOf(server))
	startTime := time.Now()
	var started, callers sync.WaitGroup
	var tokens, cancelled atomic.Int64
	cancellable, cancel := context.WithCancel(t.Context())
	started.Add(requests)
	for number := range requests {
		callers.Go(func() {
			ctx, isCancelled := t.Context(), number%4 == 0
			if isCancelled {
				var cancelOne context.CancelFunc
				ctx, cancelOne = context.WithCancel(cancellable)
				defer cancelOne()
				go cancelOne() // while the request starts, or right after
			}
			started.Done()
			token, err := tangotoken.Acquire(client, ctx)
			switch {
			case err == nil && token != nil && !isCancelled:
				tokens.Add(1)
			case token == nil && isCancelled && errors.Is(err, context.Canceled) && errors.Is(err, tangotoken.ErrCancelled):
				cancelled.Add(1)
			default:
				t.Errorf("request %d: %v, %v", number, token, err)
			}
		})
	}
	started.Wait()
	cancel()
	callers.Wait()
	t.Logf("%d requests in %v, 4 s of which the server waited", requests, time.Since(startTime).Round(time.Millisecond))
	if tokens.Load() != requests*3/4 || cancelled.Load() != requests/4 {
		t.Errorf("%d tokens, %d cancelled", tokens.Load(), cancelled.Load())
	}
	if fetched := server.Statistic("token_requests"); fetched != 1 {
		t.Errorf("%d token requests", fetched)
	}
	client.Close()
	checkNothingLeft(t)
	checkGoroutines(t, before)
}

// checkGoroutines waits until there are no more goroutines than before the test.
func checkGoroutines(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestTokenAndAuthorizeReturnWhenTheContextEnds(t *testing.T) {
	server := start(t)
	server.Script(sandbox.Response{Fault: "hang"})
	client := newClient(t, configOf(server))

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	startTime := time.Now()
	_, err := client.Token(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, tangotoken.ErrCancelled) {
		t.Errorf("%v", err)
	}
	if _, err := client.Authorize(ctx, "GET", server.Variables["TANGO_API_URL"]); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	waiting, stop := context.WithCancelCause(t.Context())
	reason := errors.New("the program's reason")
	time.AfterFunc(50*time.Millisecond, func() { stop(reason) })
	if _, err := client.Authorize(waiting, "GET", server.Variables["TANGO_API_URL"]+"/accounts"); !errors.Is(err, reason) {
		t.Errorf("%v", err)
	}
	if waited := time.Since(startTime); waited > 5*time.Second {
		t.Errorf("waited for %v", waited)
	}
}

func TestPendingCallsReturnErrClosedWhenTheClientIsClosed(t *testing.T) {
	before := runtime.NumGoroutine()
	server := start(t)
	server.Script(sandbox.Response{Fault: "hang"})
	config := configOf(server)
	config.TotalTimeout = 3 * time.Second
	client := newClient(t, config)
	const waiting = 200
	var callers sync.WaitGroup
	for number := range waiting {
		callers.Go(func() {
			var err error
			if number%2 == 0 {
				_, err = client.Token(t.Context())
			} else {
				_, err = client.Authorize(t.Context(), "GET", config.APIURL)
			}
			if !errors.Is(err, tangotoken.ErrClosed) {
				t.Errorf("%v", err)
			}
		})
	}
	// All calls but one are asynchronous requests: one call of Authorize at a time waits inside the library.
	for deadline := time.Now().Add(10 * time.Second); tangotoken.Leftovers()["requests"] < waiting-1; {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests are pending", tangotoken.Leftovers()["requests"])
		}
		time.Sleep(time.Millisecond)
	}
	startTime := time.Now()
	for range 3 {
		callers.Go(func() {
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if waited := time.Since(startTime); waited > 2*time.Second {
		t.Errorf("waited for %v", waited)
	}
	for method, err := range map[string]error{
		"Token":          second(client.Token(t.Context())),
		"Authorize":      second(client.Authorize(t.Context(), "GET", config.APIURL)),
		"AuthorizeAgain": second(client.AuthorizeAgain(t.Context(), nil)),
		"Observe":        second(client.Observe(nil, 200, nil)),
		"Invalidate":     client.Invalidate(nil),
		"SetCredentials": client.SetCredentials(tangotoken.Credentials{}),
	} {
		if !errors.Is(err, tangotoken.ErrClosed) {
			t.Errorf("%s: %v", method, err)
		}
	}
	checkNothingLeft(t)
	checkGoroutines(t, before)
}

func second[T any](_ T, err error) error { return err }

func TestTokenStaysReadableWhenItsClientIsClosed(t *testing.T) {
	client := newClient(t, configOf(start(t)))
	token := acquire(t, client)
	client.Close()
	if token.Value() == "" || token.ExpiresIn() < time.Hour {
		t.Errorf("%v", token)
	}
	if _, err := client.Token(t.Context()); !errors.Is(err, tangotoken.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestUnclosedObjectsAreFreedByTheGarbageCollector(t *testing.T) {
	server := start(t)
	func() {
		client, err := tangotoken.New(configOf(server))
		if err != nil {
			t.Fatal(err)
		}
		acquire(t, client)
		if _, err := client.Authorize(t.Context(), "GET", server.Variables["TANGO_API_URL"]); err != nil {
			t.Fatal(err)
		}
		if tangotoken.Leftovers()["objects"] < 3 {
			t.Error("Leftovers does not count objects")
		}
	}()
	checkNothingLeft(t)
}

func TestInvalidatedTokenIsReplaced(t *testing.T) {
	server := start(t, "--quota-window-seconds", "0")
	client := newClient(t, configOf(server))
	rejected := acquire(t, client)
	if err := client.Invalidate(rejected); err != nil {
		t.Fatal(err)
	}
	replacement := acquire(t, client)
	if replacement.Value() == rejected.Value() {
		t.Error("the same token")
	}
	// The rejected token is no longer the current one, so a second call changes nothing.
	if err := client.Invalidate(rejected); err != nil || acquire(t, client).Value() != replacement.Value() {
		t.Errorf("%v", err)
	}
	var failure *tangotoken.Error
	if err := client.Invalidate(nil); !errors.As(err, &failure) || failure.Status != tangotoken.ErrInvalidArgument {
		t.Errorf("%v", err)
	}
}

func TestForeignOriginsCostNoTokenAlsoConcurrently(t *testing.T) {
	server := start(t)
	client := newClient(t, configOf(server))
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := client.Authorize(t.Context(), "GET", "https://other.example/"); !errors.Is(err, tangotoken.ErrInvalidArgument) {
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
	if requests := server.Statistic("token_requests"); requests != 0 {
		t.Errorf("%d token requests", requests)
	}
}

func TestAuthorizeFetchesNoTokenForAWrongURL(t *testing.T) {
	server := start(t)
	client := newClient(t, configOf(server))
	for _, url := range []string{"https://other.example/", "no URL", "https://localhost\x00.other.example/"} {
		if _, err := client.Authorize(t.Context(), "GET", url); !errors.Is(err, tangotoken.ErrInvalidArgument) {
			t.Errorf("%q: %v", url, err)
		}
	}
	if requests := server.Statistic("token_requests"); requests != 0 {
		t.Errorf("%d token requests", requests)
	}
}

func TestTokenIsFetchedWithNewCredentialsAfterSetCredentials(t *testing.T) {
	server := start(t, "--client-id", "new-id", "--client-secret", "new-secret", "--quota-window-seconds", "0")
	config := configOf(server)
	config.ClientID, config.ClientSecret = "old-id", "old-secret"
	client := newClient(t, config)
	if _, err := client.Token(t.Context()); !errors.Is(err, tangotoken.ErrCredentialsRefused) {
		t.Fatalf("%v", err)
	}
	if err := client.SetCredentials(tangotoken.Credentials{ClientID: "new-id"}); !errors.Is(err, tangotoken.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if err := client.SetCredentials(tangotoken.Credentials{ClientID: "new-id", ClientSecret: "new-secret"}); err != nil {
		t.Fatal(err)
	}
	acquire(t, client)
}

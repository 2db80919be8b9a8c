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

func TestATokenIsFetchedOnceForAllCallers(t *testing.T) {
	server := start(t)
	client := newClient(t, configOf(server))
	first := acquire(t, client)
	if first.Type() != "Bearer" || first.Scope() != "raas.all" || first.Value() == "" {
		t.Errorf("%v with a value of %d bytes", first, len(first.Value()))
	}
	if life := first.ExpiresIn(); life < 86_000*time.Second || life > 86_400*time.Second {
		t.Errorf("good for %v", life)
	}
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			if token := acquire(t, client); token != first {
				t.Error("another object for the same token")
			}
		})
	}
	callers.Wait()
	again, err := tangotoken.Ask(client, t.Context())
	if err != nil || again != first {
		t.Errorf("the library gives %v, %v", again, err)
	}
	if requests := server.Statistic("token_requests"); requests != 1 {
		t.Errorf("%d token requests", requests)
	}
}

func TestTenThousandRequestsOfWhichAQuarterIsCancelled(t *testing.T) {
	const requests = 10_000
	before := runtime.NumGoroutine()
	// The server takes its time, so that every cancellation comes before the token.
	server := start(t, "--latency-ms", "4000")
	client := newClient(t, configOf(server))
	begun := time.Now()
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
				go cancelOne() // while it starts, or right after
			}
			started.Done()
			token, err := tangotoken.Ask(client, ctx)
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
	t.Logf("%d requests in %v, 4 s of them the server's", requests, time.Since(begun).Round(time.Millisecond))
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

// checkGoroutines waits until there are as many as before; those of the sandbox's pipe end with the test.
func checkGoroutines(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestAContextEndsTheWait(t *testing.T) {
	server := start(t)
	server.Script(sandbox.Answer{Fault: "hang"})
	client := newClient(t, configOf(server))

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
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
	if waited := time.Since(begun); waited > 5*time.Second {
		t.Errorf("waited for %v", waited)
	}
}

func TestCloseEndsWhatWaits(t *testing.T) {
	before := runtime.NumGoroutine()
	server := start(t)
	server.Script(sandbox.Answer{Fault: "hang"})
	config := configOf(server)
	config.TotalTimeout = 3 * time.Second
	client := newClient(t, config)
	const waiting = 200
	var entered, callers sync.WaitGroup
	entered.Add(waiting)
	for number := range waiting {
		callers.Go(func() {
			entered.Done()
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
	entered.Wait()
	time.Sleep(50 * time.Millisecond) // most of them wait inside by now; the others find it closed
	begun := time.Now()
	for range 3 {
		callers.Go(func() {
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if waited := time.Since(begun); waited > 2*time.Second {
		t.Errorf("waited for %v", waited)
	}
	for what, err := range map[string]error{
		"Token":          second(client.Token(t.Context())),
		"Authorize":      second(client.Authorize(t.Context(), "GET", config.APIURL)),
		"AuthorizeAgain": second(client.AuthorizeAgain(t.Context(), nil)),
		"Observe":        second(client.Observe(nil, 200, nil)),
		"Invalidate":     client.Invalidate(nil),
		"SetCredentials": client.SetCredentials(tangotoken.Credentials{}),
	} {
		if !errors.Is(err, tangotoken.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	checkNothingLeft(t)
	checkGoroutines(t, before)
}

func second[T any](_ T, err error) error { return err }

func TestATokenOutlivesItsClient(t *testing.T) {
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

func TestTheGarbageCollectorFreesWhatNobodyCloses(t *testing.T) {
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
			t.Error("nothing is counted")
		}
	}()
	checkNothingLeft(t)
}

func TestAnInvalidatedTokenIsReplaced(t *testing.T) {
	server := start(t, "--quota-window-seconds", "0")
	client := newClient(t, configOf(server))
	refused := acquire(t, client)
	if err := client.Invalidate(refused); err != nil {
		t.Fatal(err)
	}
	replaced := acquire(t, client)
	if replaced.Value() == refused.Value() {
		t.Error("the same token")
	}
	// The refused one is not the current one any more.
	if err := client.Invalidate(refused); err != nil || acquire(t, client).Value() != replaced.Value() {
		t.Errorf("%v", err)
	}
	var failure *tangotoken.Error
	if err := client.Invalidate(nil); !errors.As(err, &failure) || failure.Status != tangotoken.ErrInvalidArgument {
		t.Errorf("%v", err)
	}
}

func TestAWrongURLCostsNoToken(t *testing.T) {
	server := start(t)
	client := newClient(t, configOf(server))
	for _, url := range []string{"https://elsewhere.example/", "no URL", "https://localhost\x00.elsewhere.example/"} {
		if _, err := client.Authorize(t.Context(), "GET", url); !errors.Is(err, tangotoken.ErrInvalidArgument) {
			t.Errorf("%q: %v", url, err)
		}
	}
	if requests := server.Statistic("token_requests"); requests != 0 {
		t.Errorf("%d token requests", requests)
	}
}

func TestCredentialsCanBeChanged(t *testing.T) {
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

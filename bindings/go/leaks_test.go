//go:build linux && !race

package tangotoken_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/ebitengine/purego"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// usage is what a process uses: the memory of malloc, of Go and of the system, in bytes, goroutines, threads, and the
// objects of the library and the entries of the tables of callbacks, which take the place of cgo handles.
type usage struct {
	malloc, heap, resident      int64
	goroutines, threads, handle int
}

type mallocInfo struct {
	Arena, Ordblks, Smblks, Hblks, Hblkhd, Usmblks, Fsmblks, Uordblks, Fordblks, Keepcost uintptr
}

// mallocInUse returns what malloc has given out, in all of its arenas.
func mallocInUse(t *testing.T) func() int64 {
	t.Helper()
	library, err := purego.Dlopen("libc.so.6", purego.RTLD_NOW)
	check(t, err)
	var mallinfo2 func() mallocInfo
	purego.RegisterLibFunc(&mallinfo2, library, "mallinfo2")
	return func() int64 {
		info := mallinfo2()
		return int64(info.Uordblks + info.Hblkhd)
	}
}

func measure(malloc func() int64) usage {
	var now usage
	// Finalizers of one collection make garbage for the next.
	for range 3 {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
	debug.FreeOSMemory()
	var statistics runtime.MemStats
	runtime.ReadMemStats(&statistics)
	now.malloc, now.heap, now.goroutines = malloc(), int64(statistics.HeapAlloc), runtime.NumGoroutine()
	tasks, _ := os.ReadDir("/proc/self/task")
	now.threads = len(tasks)
	for _, count := range tangotoken.Leftovers() {
		now.handle += int(count)
	}
	pages, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscanf(string(pages), "%d %d", new(int64), &now.resident)
	now.resident *= int64(os.Getpagesize())
	return now
}

// leakKinds are the calls, each of which a program makes for every request to an API.
func leakKinds(t *testing.T) map[string]func() error {
	config := configOf(start(t, "--quota-window-seconds", "0"))
	client := newClient(t, config)
	config.DPoP = tangotoken.DPoPRequired
	bound := newClient(t, config)
	token, url, all := acquire(t, client), config.APIURL+"/accounts", context.Background()
	key, err := tangotoken.GenerateKey(tangotoken.AlgorithmES256)
	check(t, err)
	authorization, err := bound.Authorize(all, "GET", url)
	check(t, err)
	cancelled, cancel := context.WithCancel(all)
	cancel()
	header := http.Header{"Dpop-Nonce": {"nonce"}, "Date": {"Tue, 24 Nov 2026 08:00:00 GMT"}}
	refused := func(err error, status error) error {
		if !errors.Is(err, status) {
			return fmt.Errorf("not the expected error: %w", err)
		}
		return nil
	}
	return map[string]func() error{
		"acquire":   func() error { _, err := tangotoken.Acquire(client, all); return err },
		"held":      func() error { _, err := client.Token(all); return err },
		"token":     func() error { _ = fmt.Sprint(token, token.ExpiresIn(), token.Scope()); return nil },
		"authorize": func() error { _, err := client.Authorize(all, "GET", url); return err },
		"bound":     func() error { _, err := bound.Authorize(all, "GET", url); return err },
		"observe":   func() error { _, err := bound.Observe(authorization, 200, header); return err },
		"proof":     func() error { _, err := key.Proof("GET", url, "token", "nonce"); return err },
		"key":       func() error { _ = key.PublicJWK() + key.Thumbprint(); return nil },
		"error": func() error {
			_, err := client.Authorize(all, "GET", "https://other.example/")
			return refused(err, tangotoken.ErrInvalidArgument)
		},
		"cancelled": func() error {
			_, err := tangotoken.Acquire(client, cancelled)
			if err == nil { // the token was there before the cancellation
				return nil
			}
			return refused(err, tangotoken.ErrCancelled)
		},
	}
}

// A leak grows in every round; allocations of the runtime itself, and garbage that was not collected yet, do not.
func checkDoesNotGrow(t *testing.T, calls int, work func() error) {
	t.Helper()
	// Less than the smallest object that could leak: malloc gives out 32 bytes or more. The connections that the sandbox
	// and the client hold at a time differ by some kilobytes.
	const bytesPerCall, rounds = 8, 10
	malloc := mallocInUse(t)
	for range calls / 10 {
		check(t, work())
	}
	least := usage{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt, math.MaxInt, math.MaxInt}
	for range rounds {
		before := measure(malloc)
		for range calls {
			check(t, work())
		}
		after := measure(malloc)
		least.malloc = min(least.malloc, after.malloc-before.malloc)
		least.heap = min(least.heap, after.heap-before.heap)
		least.resident = min(least.resident, after.resident-before.resident)
		least.goroutines = min(least.goroutines, after.goroutines-before.goroutines)
		least.threads = min(least.threads, after.threads-before.threads)
		least.handle = min(least.handle, after.handle-before.handle)
		if least.malloc+least.heap < int64(calls*bytesPerCall) && least.resident < 1<<20 &&
			least.goroutines <= 0 && least.threads <= 0 && least.handle <= 0 {
			return
		}
	}
	t.Fatalf("%d calls leaked: %+v", calls, least)
}

func TestCallsLeakNothing(t *testing.T) {
	for name, work := range leakKinds(t) {
		t.Run(name, func(t *testing.T) {
			checkDoesNotGrow(t, 100_000, work)
			t.Log("Figure: 100,000 calls in Go left nothing behind")
		})
	}
}

// Thousands of callbacks of purego are never freed, so clients, caches and signers must not make one each.
func TestClientsCachesAndSignersLeakNothing(t *testing.T) {
	config := configOf(start(t, "--quota-window-seconds", "0"))
	config.DPoP = tangotoken.DPoPRequired
	config.CustomCache = newDatabase()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	checkDoesNotGrow(t, 3_000, func() error {
		key, err := tangotoken.KeyFromSigner(secret, tangotoken.AlgorithmES256)
		if err != nil {
			return err
		}
		if _, err := key.Proof("GET", config.APIURL, "", ""); err != nil {
			return err
		}
		client, err := tangotoken.New(config)
		if err != nil {
			return err
		}
		if _, err := client.Token(context.Background()); err != nil {
			return err
		}
		return client.Close()
	})
}

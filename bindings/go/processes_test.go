package tangotoken_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// keepBusy does each kind of work in two goroutines until the returned function is called.
func keepBusy(t *testing.T, works ...func() error) (stop func()) {
	t.Helper()
	var all sync.WaitGroup
	var stopped atomic.Bool
	for _, work := range append(works, works...) {
		all.Go(func() {
			for !stopped.Load() {
				if err := work(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return func() {
		stopped.Store(true)
		all.Wait()
	}
}

// fetch gets two tokens with a client of its own, so that each goroutine has its own connections.
func fetch(config tangotoken.Config) error {
	client, err := tangotoken.New(config)
	if err != nil {
		return err
	}
	defer client.Close()
	token, err := client.Token(context.Background())
	if err != nil {
		return err
	}
	if err := client.Invalidate(token); err != nil {
		return err
	}
	_, err = client.Token(context.Background())
	return err
}

// startChildren starts children while goroutines make proofs, authorize calls and fetch tokens.
//
// It is the only way in which a program in Go creates processes: the child calls exec before any other code runs. A
// child of fork alone cannot run Go at all, because it lacks the threads of Go's scheduler and garbage collector;
// tests/forks.rs has such children, in C.
func startChildren(t *testing.T, config tangotoken.Config, children int, child func(number int) error) {
	t.Helper()
	config.DPoP = tangotoken.DPoPRequired
	bearer := config
	bearer.DPoP = tangotoken.DPoPOff
	client := newClient(t, config)
	held := acquire(t, client)
	key, err := tangotoken.GenerateKey(tangotoken.AlgorithmES256)
	check(t, err)
	stop := keepBusy(t,
		func() error { _, err := key.Proof("GET", config.APIURL, "", ""); return err },
		func() error { _, err := client.Authorize(context.Background(), "GET", config.APIURL); return err },
		func() error { return fetch(bearer) })
	var all sync.WaitGroup
	numbers := make(chan int)
	for range 4 {
		all.Go(func() {
			for number := range numbers {
				if err := child(number); err != nil {
					t.Error(number, err)
				}
			}
		})
	}
	for number := range children {
		numbers <- number
	}
	close(numbers)
	all.Wait()
	stop()
	// The parent still has its token, so the library did not take it for a child.
	if token := acquire(t, client); token.Value() != held.Value() {
		t.Error("the token that was held is gone")
	}
	t.Logf("Figure: %d children of Go that were started during calls, none hung", children)
}

func TestChildrenStartedDuringCallsInheritNothingOfTheLibrary(t *testing.T) {
	server := start(t, "--quota-window-seconds", "0")
	config := configOf(server)
	config.Cache = "file:" + t.TempDir()
	startChildren(t, config, 400, func(int) error {
		// The shell itself opens the directory that it lists.
		output, err := exec.Command("sh", "-c", "for f in /proc/self/fd/*; do readlink $f; done; true").Output()
		for _, inherited := range []string{"socket:", "eventpoll", "eventfd", "tango-token", "libtango_token"} {
			if strings.Contains(string(output), inherited) {
				return errors.New("the child has " + inherited + ": " + string(output))
			}
		}
		return err
	})
}

// TestMain calls this instead of the tests in a child that has this variable.
const childVariable = "TANGO_TEST_CHILD_USES_THE_LIBRARY"

func useInChild() error {
	client, err := tangotoken.FromEnv()
	if err != nil {
		return err
	}
	if _, err := client.Authorize(context.Background(), "GET", os.Getenv("TANGO_API_URL")); err != nil {
		return err
	}
	return client.Close()
}

func TestChildrenStartedDuringCallsUseTheLibrary(t *testing.T) {
	server := start(t, "--quota-window-seconds", "0")
	config := configOf(server)
	config.Cache = "file:" + t.TempDir()
	executable, err := os.Executable()
	check(t, err)
	startChildren(t, config, 80, func(int) error {
		command := exec.Command(executable)
		command.Env = append(server.Environ(), childVariable+"=1", "TANGO_DPOP=required", "TANGO_CACHE="+config.Cache)
		output, err := command.CombinedOutput()
		if err != nil {
			return errors.New(err.Error() + ": " + string(output))
		}
		return nil
	})
}

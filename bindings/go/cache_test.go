package tangotoken_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

// database is a custom cache in memory: values by name, and the owners of locks by name.
type database struct {
	mutex   sync.Mutex
	values  map[string][]byte
	owners  map[string]string
	problem func() error
}

func newDatabase() *database {
	return &database{values: map[string][]byte{}, owners: map[string]string{}}
}

func (d *database) do(work func()) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.problem != nil {
		return d.problem()
	}
	work()
	return nil
}

func (d *database) Load(name string) (value []byte, err error) {
	err = d.do(func() { value = d.values[name] })
	return value, err
}

func (d *database) Save(name string, value []byte, keep time.Duration) error {
	if keep < time.Second {
		return errors.New("too short")
	}
	return d.do(func() { d.values[name] = value })
}

func (d *database) Remove(name string) error {
	return d.do(func() { delete(d.values, name) })
}

func (d *database) Lock(name, owner string, lease time.Duration) (isLocked bool, err error) {
	if lease < time.Second {
		return false, errors.New("too short")
	}
	err = d.do(func() {
		if isLocked = d.owners[name] == "" || d.owners[name] == owner; isLocked {
			d.owners[name] = owner
		}
	})
	return isLocked, err
}

func (d *database) Unlock(name, owner string) error {
	return d.do(func() {
		if d.owners[name] == owner {
			delete(d.owners, name)
		}
	})
}

func TestClientsShareOneTokenThroughACustomCache(t *testing.T) {
	server := start(t, "--latency-ms", "50")
	config, shared := configOf(server), newDatabase()
	config.CustomCache = shared
	// Of twenty clients at once, one fetches a token and the others find it in the cache.
	var callers sync.WaitGroup
	var values sync.Map
	for range 20 {
		callers.Go(func() {
			client := newClient(t, config)
			if token, err := client.Token(t.Context()); err != nil {
				t.Errorf("%v", err)
			} else {
				values.Store(token.Value(), true)
			}
			client.Close()
		})
	}
	callers.Wait()
	count := 0
	values.Range(func(value, _ any) bool {
		count++
		for name, kept := range shared.values {
			if strings.Contains(string(kept), value.(string)) {
				t.Errorf("%s contains the token unencrypted", name)
			}
		}
		return true
	})
	if count != 1 || server.Statistic("token_requests") != 1 {
		t.Errorf("%d tokens, %d requests", count, server.Statistic("token_requests"))
	}
	if len(shared.values) < 2 || len(shared.owners) != 0 {
		t.Errorf("%d values, %d locks", len(shared.values), len(shared.owners))
	}
	checkNothingLeft(t)
}

func TestTokenFailsWithCacheUnavailableWhenTheCustomCacheFails(t *testing.T) {
	log := record(t)
	server := start(t)
	config := configOf(server)
	for wanted, problem := range map[string]func() error{
		"the database is down": func() error { return errors.New("the database is down") },
		"a bug in the cache":   func() error { panic("a bug in the cache") },
	} {
		broken := newDatabase()
		broken.problem = problem
		config.CustomCache = broken
		if _, err := newClient(t, config).Token(t.Context()); !errors.Is(err, tangotoken.ErrCacheUnavailable) {
			t.Errorf("%v", err)
		}
		if !strings.Contains(log.String(), wanted) {
			t.Errorf("%s is not in the log: %s", wanted, log)
		}
	}
	// A value that is longer than the library's buffer is an error.
	full := newDatabase()
	config.CustomCache = tooLong{full}
	if _, err := newClient(t, config).Token(t.Context()); !errors.Is(err, tangotoken.ErrCacheUnavailable) {
		t.Errorf("%v", err)
	}
	if requests := server.Statistic("token_requests"); requests != 0 {
		t.Errorf("%d token requests", requests)
	}
}

type tooLong struct{ *database }

func (tooLong) Load(string) ([]byte, error) { return make([]byte, 1<<20), nil }

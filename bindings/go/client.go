package tangotoken

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Client gets tokens for one set of credentials, and keeps the current one for all callers in the process.
//
// Create one client and share it between goroutines. Close it, or leave it to the garbage collector.
type Client struct {
	library *native.Library
	handle  *native.Handle[native.Client]
	cached  tokenCache
	closing chan struct{}
	close   func()
}

// New creates a client. It sends nothing; the first call that needs a token does.
func New(config Config) (*Client, error) {
	library, err := native.Load()
	if err != nil {
		return nil, err
	}
	built, err := config.build(library)
	if err != nil {
		return nil, err
	}
	defer built.Close()
	return newClient(library, built)
}

// FromEnv creates a client from the TANGO_* environment variables alone.
func FromEnv() (*Client, error) {
	return New(Config{LoadEnv: true})
}

func newClient(library *native.Library, config *native.Handle[native.Config]) (*Client, error) {
	raw, _ := config.Use()
	defer config.Done()
	var object native.Client
	var failure native.Error
	library.ClientNew(raw, &object, &failure)
	if err := taken(library, failure); err != nil {
		return nil, err
	}
	client := &Client{library: library, handle: native.Own(object, library.ClientFree), closing: make(chan struct{})}
	client.close = sync.OnceFunc(func() {
		close(client.closing)
		// In this order: once the handle is closed, no call can store a token after the cache was cleared.
		client.handle.Close()
		client.cached.clear()
	})
	runtime.AddCleanup(client, (*native.Handle[native.Client]).Close, client.handle)
	return client, nil
}

// Close closes the client: pending and later calls return [ErrClosed]. Tokens stay valid. Close may be called twice.
func (c *Client) Close() error {
	c.close()
	return nil
}

// Credentials are a client ID with its secret, a service account with its password, or both.
type Credentials struct {
	ClientID, ClientSecret string
	Username, Password     string
}

// Format writes the names and no secret, for every verb.
func (c Credentials) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "tangotoken.Credentials{ClientID: %q, Username: %q, secrets: [redacted]}", c.ClientID, c.Username)
}

// SetCredentials changes the credentials. A pair that is empty stays as it is.
//
// The next call starts to fetch a token for the new credentials in the background; until it arrives, the client serves
// the current token. A changed password alone is used for the next fetch and needs no new token.
func (c *Client) SetCredentials(credentials Credentials) error {
	defer c.cached.clear()
	return c.call(func(client native.Client, failure *native.Error) {
		c.library.ClientSetCredentials(client,
			native.OptionalCString(credentials.ClientID), native.OptionalCString(credentials.ClientSecret),
			native.OptionalCString(credentials.Username), native.OptionalCString(credentials.Password), failure)
	})
}

// Invalidate marks a token as suspect, because the API rejected it with 401 and invalid_token.
//
// The next call requests one replacement. While there can be none, because the server's daily quota refuses it or the
// token is itself a replacement, the suspect token is served again. [Transport] and [Client.Observe] call Invalidate
// where it is needed.
func (c *Client) Invalidate(token *Token) error {
	defer c.cached.clear()
	return c.call(func(client native.Client, failure *native.Error) {
		defer runtime.KeepAlive(token)
		raw, done := lend(token.handleOf())
		defer done()
		c.library.ClientInvalidate(client, raw, failure)
	})
}

// call makes one call of the library with the client's object, which is not freed meanwhile.
func (c *Client) call(function func(native.Client, *native.Error)) error {
	client, isOpen := c.handle.Use()
	if !isOpen {
		return ErrClosed
	}
	defer c.handle.Done()
	defer runtime.KeepAlive(c)
	var failure native.Error
	function(client, &failure)
	return taken(c.library, failure)
}

// lend returns a handle's object for one call, and the function that ends its use. If there is no object it returns 0,
// which the library refuses with the argument's name. The caller has to keep the handle's owner alive.
func lend[T ~uintptr](handle *native.Handle[T]) (T, func()) {
	if handle != nil {
		if object, isOpen := handle.Use(); isOpen {
			return object, handle.Done
		}
	}
	return 0, func() {}
}

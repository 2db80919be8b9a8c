package tangotoken

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Client gets tokens for one set of credentials, and keeps the current one for every caller in the process.
//
// Make one and share it between goroutines. Close it, or leave it to the garbage collector.
type Client struct {
	library *native.Library
	handle  *native.Handle[native.Client]
	held    held
	first   sync.Mutex // held by the one call that may wait inside of the library
	closing chan struct{}
	close   func()
}

// New makes a client. It sends nothing: the first call that needs a token does.
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

// FromEnv makes a client from the TANGO_* environment variables alone.
func FromEnv() (*Client, error) {
	return New(Config{LoadEnv: true})
}

func newClient(library *native.Library, config *native.Handle[native.Config]) (*Client, error) {
	raw, _ := config.Use()
	defer config.Done()
	var made native.Client
	var failure native.Error
	library.ClientNew(raw, &made, &failure)
	if err := taken(library, failure); err != nil {
		return nil, err
	}
	client := &Client{library: library, handle: native.Own(made, library.ClientFree), closing: make(chan struct{})}
	client.close = sync.OnceFunc(func() {
		close(client.closing)
		// In this order: what asks the library after the second cannot bring back what the third forgets.
		client.handle.Close()
		client.held.forget()
	})
	runtime.AddCleanup(client, (*native.Handle[native.Client]).Close, client.handle)
	return client, nil
}

// Close ends the client: calls that wait for a token, and all later ones, return [ErrClosed]. Tokens stay good. It can be
// called again.
func (c *Client) Close() error {
	c.close()
	return nil
}

// Credentials are a client of the Tango portal, a service account, or both.
type Credentials struct {
	ClientID, ClientSecret string
	Username, Password     string
}

// Format writes who it is and no secret, whatever the verb.
func (c Credentials) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "tangotoken.Credentials{ClientID: %q, Username: %q, secrets: [redacted]}", c.ClientID, c.Username)
}

// SetCredentials uses other credentials from now on. A pair that is empty stays as it is.
//
// The token that is held goes on being served until there is one for the new credentials, which the next call starts to
// fetch. A changed password alone is used for the next fetch and needs no new token.
func (c *Client) SetCredentials(credentials Credentials) error {
	defer c.held.forget()
	return c.call(func(client native.Client, failure *native.Error) {
		c.library.ClientSetCredentials(client,
			native.OptionalText(credentials.ClientID), native.OptionalText(credentials.ClientSecret),
			native.OptionalText(credentials.Username), native.OptionalText(credentials.Password), failure)
	})
}

// Invalidate drops the client's token if it is this one, because an API refused it with 401 and invalid_token.
//
// The next call fetches another, which the server's daily limit may refuse: call it for that refusal only. [Transport]
// and [Client.Observe] do it where it is right.
func (c *Client) Invalidate(token *Token) error {
	defer c.held.forget()
	return c.call(func(client native.Client, failure *native.Error) {
		defer runtime.KeepAlive(token)
		raw, done := lend(token.handleOf())
		defer done()
		c.library.ClientInvalidate(client, raw, failure)
	})
}

// call lends the client to one call of the library.
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

// lend gives the object for one call: 0, which the library refuses by its name, where there is none. While it is lent
// it is not freed; that it is not freed before is up to the caller, who keeps the handle's owner alive.
func lend[T ~uintptr](handle *native.Handle[T]) (T, func()) {
	if handle != nil {
		if object, isOpen := handle.Use(); isOpen {
			return object, handle.Done
		}
	}
	return 0, func() {}
}

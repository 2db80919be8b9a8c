package tangotoken

import (
	"sync"
	"sync/atomic"
	"time"
)

// tokenCache keeps the token that the library returned last for one second, so that most calls of Client.Token cost no
// request through the library's thread.
//
// The library decides when a token is refreshed, dropped or expired. One second cannot hide any of that: tokens are
// refreshed minutes before they expire, and calls in this process that may drop a token clear this cache at once.
type tokenCache struct {
	current    atomic.Pointer[cachedToken]
	mutex      sync.Mutex
	generation int // incremented by clear
	served     served
}

// cachedToken is a token and how long the library need not be asked again.
type cachedToken struct {
	token    *Token
	cachedAt time.Time
	validFor time.Duration
}

const cacheTime = time.Second

// load returns the token that the library would return now, or nil if the library has to be asked.
func (c *tokenCache) load() *Token {
	cached := c.current.Load()
	if cached == nil || !cached.isValid(time.Now()) {
		return nil
	}
	return cached.token
}

// isValid compares both of Go's clocks: the monotonic clock stops while the machine sleeps, the wall clock can be set.
func (c *cachedToken) isValid(now time.Time) bool {
	monotonic, wall := now.Sub(c.cachedAt), now.Round(0).Sub(c.cachedAt.Round(0))
	return monotonic < c.validFor && 0 <= wall && wall < c.validFor
}

// currentGeneration returns the number to pass to store: a token that was requested before a clear is not stored.
func (c *tokenCache) currentGeneration() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.generation
}

// store keeps a token and returns the one to hand out: all callers that get the same token share one object.
func (c *tokenCache) store(token *Token, generation int) *Token {
	validFor := min(cacheTime, token.ExpiresIn())
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if generation != c.generation {
		return token
	}
	if cached := c.current.Load(); cached != nil && cached.token.value == token.value {
		token.handle.Close()
		token = cached.token
	}
	c.current.Store(&cachedToken{token, time.Now(), validFor})
	return token
}

// clear makes the next caller ask the library.
func (c *tokenCache) clear() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.generation++
	c.current.Store(nil)
}

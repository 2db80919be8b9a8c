package tangotoken

import (
	"sync"
	"sync/atomic"
	"time"
)

// held remembers for a second which token the library gave last, so that most calls cost no way through its thread.
//
// The library decides when a token is renewed, dropped or no longer good. A second is too short to miss any of it: tokens
// are renewed minutes before their end, and what drops one in this process forgets it here at once.
type held struct {
	current atomic.Pointer[answer]
	mutex   sync.Mutex
	era     int // how often it was forgotten
}

// answer is what the library said at a time.
type answer struct {
	token *Token
	at    time.Time
	good  time.Duration
}

const remembered = time.Second

// token is the one that the library would give now; nil where it has to be asked.
func (h *held) token() *Token {
	answer := h.current.Load()
	if answer == nil || !answer.isRecent(time.Now()) {
		return nil
	}
	return answer.token
}

// isRecent asks both of Go's clocks: the monotonic one stands still while the machine sleeps, the wall clock can be set.
func (a *answer) isRecent(now time.Time) bool {
	monotonic, wall := now.Sub(a.at), now.Round(0).Sub(a.at.Round(0))
	return monotonic < a.good && 0 <= wall && wall < a.good
}

// now is the era: an answer to a question of an earlier one is not remembered.
func (h *held) now() int {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.era
}

// keep remembers what the library answered, and returns the token to hand out: one object for all who get the same token.
func (h *held) keep(token *Token, era int) *Token {
	good := min(remembered, token.ExpiresIn())
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if era != h.era {
		return token
	}
	if known := h.current.Load(); known != nil && known.token.value == token.value {
		token.handle.Close()
		token = known.token
	}
	h.current.Store(&answer{token, time.Now(), good})
	return token
}

// forget makes the next caller ask the library.
func (h *held) forget() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.era++
	h.current.Store(nil)
}

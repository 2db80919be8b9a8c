package native

import (
	"sync"
	"sync/atomic"
)

// Handle owns one object of the library and frees it exactly once: when it was closed and nobody uses it any more. So a
// Close, or the garbage collector, never takes an object away from a call that is under way in another goroutine.
type Handle[T ~uintptr] struct {
	mutex    sync.Mutex
	object   T
	free     func(T)
	users    int
	isClosed bool
}

var live atomic.Int64

// Live is the number of objects that were handed out and not freed, for tests.
func Live() int64 {
	return live.Load()
}

// Own takes over an object that the library handed out.
func Own[T ~uintptr](object T, free func(T)) *Handle[T] {
	live.Add(1)
	return &Handle[T]{object: object, free: free}
}

// Use lends the object until Done. It returns false after Close; then there must be no Done.
func (h *Handle[T]) Use() (T, bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.isClosed {
		return 0, false
	}
	h.users++
	return h.object, true
}

// Done gives back what Use has lent.
func (h *Handle[T]) Done() {
	h.mutex.Lock()
	h.users--
	isLast := h.isClosed && h.users == 0
	h.mutex.Unlock()
	h.freeIf(isLast)
}

// Close frees the object as soon as nobody uses it. Further calls do nothing.
func (h *Handle[T]) Close() {
	h.mutex.Lock()
	isLast := !h.isClosed && h.users == 0
	h.isClosed = true
	h.mutex.Unlock()
	h.freeIf(isLast)
}

// freeIf calls the library outside of the lock: freeing may call back.
func (h *Handle[T]) freeIf(isLast bool) {
	if isLast {
		h.free(h.object)
		live.Add(-1)
	}
}

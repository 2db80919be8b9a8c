package native

import (
	"sync"
	"sync/atomic"
)

// Handle owns one object of the library and frees it exactly once: when the handle is closed and no call uses the
// object. So neither Close nor the garbage collector frees an object that another goroutine's call still uses.
type Handle[T ~uintptr] struct {
	mutex    sync.Mutex
	object   T
	free     func(T)
	users    int
	isClosed bool
}

var live atomic.Int64

// Live returns the number of objects that were not freed, for tests.
func Live() int64 {
	return live.Load()
}

// Own takes ownership of an object that the library returned.
func Own[T ~uintptr](object T, free func(T)) *Handle[T] {
	live.Add(1)
	return &Handle[T]{object: object, free: free}
}

// Use returns the object for use until Done. After Close it returns false, and Done must not be called.
func (h *Handle[T]) Use() (T, bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.isClosed {
		return 0, false
	}
	h.users++
	return h.object, true
}

// Done ends a use of the object.
func (h *Handle[T]) Done() {
	h.mutex.Lock()
	h.users--
	isLast := h.isClosed && h.users == 0
	h.mutex.Unlock()
	h.freeIf(isLast)
}

// Close frees the object as soon as no call uses it. Further calls do nothing.
func (h *Handle[T]) Close() {
	h.mutex.Lock()
	isLast := !h.isClosed && h.users == 0
	h.isClosed = true
	h.mutex.Unlock()
	h.freeIf(isLast)
}

// freeIf calls the library without holding the lock, since freeing may call back.
func (h *Handle[T]) freeIf(isLast bool) {
	if isLast {
		h.free(h.object)
		live.Add(-1)
	}
}

package native

import "sync"

// Table assigns numbers to Go values. The numbers are the user_data of callbacks: C code must not keep Go pointers, and
// since purego never frees a callback, one callback has to serve all values.
type Table[V any] struct {
	mutex  sync.Mutex
	last   uintptr
	values map[uintptr]V
}

// Put stores a value and returns its number, which is never 0 and never reused.
func (t *Table[V]) Put(value V) uintptr {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.values == nil {
		t.values = map[uintptr]V{}
	}
	t.last++
	t.values[t.last] = value
	return t.last
}

// Get returns the value of a number.
func (t *Table[V]) Get(number uintptr) (V, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	value, found := t.values[number]
	return value, found
}

// Take removes and returns the value of a number. Of several concurrent calls, one gets the value.
func (t *Table[V]) Take(number uintptr) (V, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	value, found := t.values[number]
	delete(t.values, number)
	return value, found
}

// Len returns the number of values, for tests.
func (t *Table[V]) Len() int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return len(t.values)
}

package native

import "sync"

// Table gives Go values numbers, which travel through the library as user_data: it must not hold pointers of Go, and a
// callback of purego is never freed, so one callback serves all values.
type Table[V any] struct {
	mutex  sync.Mutex
	last   uintptr
	values map[uintptr]V
}

// Put keeps a value and returns its number, which is never 0 and never used again.
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

// Get returns the value of a number that was not taken out.
func (t *Table[V]) Get(number uintptr) (V, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	value, found := t.values[number]
	return value, found
}

// Take takes the value of a number out: of many who try, one gets it.
func (t *Table[V]) Take(number uintptr) (V, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	value, found := t.values[number]
	delete(t.values, number)
	return value, found
}

// Len is the number of values, for tests.
func (t *Table[V]) Len() int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return len(t.values)
}

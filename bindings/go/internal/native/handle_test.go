package native

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestObjectIsFreedOnceAndNotWhileItIsUsed(t *testing.T) {
	for range 200 {
		var frees, users atomic.Int64
		handle := Own(Token(42), func(object Token) {
			if object != 42 || users.Load() != 0 {
				t.Errorf("%d was freed while %d calls used it", object, users.Load())
			}
			frees.Add(1)
		})
		var all sync.WaitGroup
		for number := range 8 {
			all.Go(func() {
				for range 10 {
					if object, isOpen := handle.Use(); isOpen {
						users.Add(1)
						if object != 42 || frees.Load() != 0 {
							t.Error("Use returned a freed object")
						}
						users.Add(-1)
						handle.Done()
					}
				}
				if number%2 == 0 {
					handle.Close()
				}
			})
		}
		all.Wait()
		if frees.Load() != 1 {
			t.Fatalf("freed %d times", frees.Load())
		}
	}
	if Live() != 0 {
		t.Errorf("%d live", Live())
	}
}

func TestTableReturnsATakenValueOnce(t *testing.T) {
	var table Table[string]
	first, second := table.Put("first"), table.Put("second")
	if first == 0 || first == second {
		t.Errorf("%d and %d", first, second)
	}
	if value, found := table.Get(first); value != "first" || !found {
		t.Error(value, found)
	}
	if value, found := table.Take(first); value != "first" || !found {
		t.Error(value, found)
	}
	if _, found := table.Take(first); found || table.Len() != 1 {
		t.Error("the value was taken twice")
	}
}

func TestStringsAreConvertedToCAndBack(t *testing.T) {
	for s, wanted := range map[string]string{"": "", "über": "über", "a\x00b": "a\xffb"} {
		if got := Copied(CString(s)); got != wanted {
			t.Errorf("%q becomes %q", s, got)
		}
	}
	if OptionalCString("") != nil || Copied(nil) != "" {
		t.Error("an empty string is not NULL, or NULL is not empty")
	}
}

package tangotoken

import (
	"bytes"
	"sync"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Cache is a shared cache of the program's own: a database in which a fleet keeps one token.
//
// The methods are called by several goroutines at once, and waited for for five seconds each. Give them shorter time limits
// of their own: a value that is saved late can replace what another process wrote meanwhile. Names are of letters, digits,
// "." and "-"; values are sealed or hold no secret, and have at most 128 KiB. Errors are logged, and the library takes the
// cache for one that cannot be used, which is not the same as an empty one.
type Cache interface {
	// Load returns the value of a name; none, and no error, where there is none.
	Load(name string) ([]byte, error)
	// Save puts a value in the place of an earlier one, in one step. It has to be kept for that long, and may be forgotten
	// after.
	Save(name string, value []byte, keep time.Duration) error
	// Remove removes the value of a name, if there is one.
	Remove(name string) error
	// Lock takes the lock of a name for an owner, or extends it if the owner has it. It returns false, at once, if another
	// has it. The lock has to open by itself when the lease is over: its owner may be gone.
	Lock(name, owner string, lease time.Duration) (bool, error)
	// Unlock opens the lock of a name if the owner has it.
	Unlock(name, owner string) error
}

// caches are those in use, by the number that the library carries for them.
var caches native.Table[Cache]

// setCache gives the cache to a configuration. The library releases it once, also where it refuses it.
func setCache(library *native.Library, config native.Config, cache Cache, failure *native.Error) {
	functions := cacheFunctions()
	library.ConfigSetCacheCallbacks(config, functions.load, functions.save, functions.lock, functions.unlock,
		functions.release, caches.Put(cache), failure)
}

// cacheFunctions are what the library calls, for all caches.
var cacheFunctions = sync.OnceValue(func() (functions struct{ load, save, lock, unlock, release uintptr }) {
	functions.load = purego.NewCallback(loadFromCache)
	functions.save = purego.NewCallback(saveToCache)
	functions.lock = purego.NewCallback(lockCache)
	functions.unlock = purego.NewCallback(unlockCache)
	functions.release = purego.NewCallback(func(number uintptr) { caches.Take(number) })
	return functions
})

func loadFromCache(number uintptr, name *byte, place *byte, room *uintptr) int32 {
	return guarded("the cache's Load", func() error {
		cache, _ := caches.Get(number)
		value, err := cache.Load(native.Copied(name))
		if err != nil {
			return err
		}
		return give(value, place, room)
	})
}

func saveToCache(number uintptr, name *byte, value *byte, length uintptr, keepMS uint64) int32 {
	return guarded("the cache's Save", func() error {
		cache, _ := caches.Get(number)
		if value == nil {
			return cache.Remove(native.Copied(name))
		}
		return cache.Save(native.Copied(name), bytes.Clone(unsafe.Slice(value, length)), duration(keepMS))
	})
}

func lockCache(number uintptr, name, owner *byte, leaseMS uint64) int32 {
	isTaken := false
	code := guarded("the cache's Lock", func() error {
		cache, _ := caches.Get(number)
		isOurs, err := cache.Lock(native.Copied(name), native.Copied(owner), duration(leaseMS))
		isTaken = err == nil && !isOurs
		return err
	})
	if isTaken {
		return 1
	}
	return code
}

func unlockCache(number uintptr, name, owner *byte) int32 {
	return guarded("the cache's Unlock", func() error {
		cache, _ := caches.Get(number)
		return cache.Unlock(native.Copied(name), native.Copied(owner))
	})
}

// duration is the longest that Go can say where C says more.
func duration(ms uint64) time.Duration {
	const longest = uint64(1<<63-1) / uint64(time.Millisecond)
	return time.Duration(min(ms, longest)) * time.Millisecond
}

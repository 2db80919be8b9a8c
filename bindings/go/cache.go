package tangotoken

import (
	"bytes"
	"sync"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Cache is a custom shared cache, such as a database, in which the processes of a fleet share one token.
//
// Several goroutines may call the methods at once. The library gives up on a call after five seconds, so a method needs
// a shorter time limit: a value that is saved late could replace a newer one of another process.
//
// Names consist of letters, digits, "." and "-". Values are encrypted or contain no secret, and have at most 128 KiB.
// An error is logged and makes the cache unavailable, which is not the same as empty.
type Cache interface {
	// Load returns the value of a name, or nil and no error if there is none.
	Load(name string) ([]byte, error)
	// Save replaces the value of a name atomically. The cache has to keep it for that time, and may drop it afterwards.
	Save(name string, value []byte, keep time.Duration) error
	// Remove removes the value of a name, if there is one.
	Remove(name string) error
	// Lock takes the lock of a name for an owner, or extends the lease if the owner holds the lock. It returns false at
	// once if another owner holds it. The lock has to be released when the lease ends, since its owner may have died.
	Lock(name, owner string, lease time.Duration) (bool, error)
	// Unlock releases the lock of a name if the owner holds it.
	Unlock(name, owner string) error
}

// caches holds the caches in use, by the number that is their user_data.
var caches native.Table[Cache]

// setCache sets the cache of a configuration. The library calls release exactly once, also if it refuses the cache.
func setCache(library *native.Library, config native.Config, cache Cache, failure *native.Error) {
	functions := cacheFunctions()
	library.ConfigSetCacheCallbacks(config, functions.load, functions.save, functions.lock, functions.unlock,
		functions.release, caches.Put(cache), failure)
}

// cacheFunctions returns the callbacks, which serve all caches.
var cacheFunctions = sync.OnceValue(func() (functions struct{ load, save, lock, unlock, release uintptr }) {
	functions.load = purego.NewCallback(loadFromCache)
	functions.save = purego.NewCallback(saveToCache)
	functions.lock = purego.NewCallback(lockCache)
	functions.unlock = purego.NewCallback(unlockCache)
	functions.release = purego.NewCallback(func(number uintptr) uintptr {
		caches.Take(number)
		return 0
	})
	return functions
})

func loadFromCache(number uintptr, name *byte, buffer *byte, length *uintptr) uintptr {
	return guarded("the cache's Load", func() error {
		cache, _ := caches.Get(number)
		value, err := cache.Load(native.Copied(name))
		if err != nil {
			return err
		}
		return copyOut(value, buffer, length)
	})
}

func saveToCache(number uintptr, name *byte, value *byte, length uintptr, keepMS uint64) uintptr {
	return guarded("the cache's Save", func() error {
		cache, _ := caches.Get(number)
		if value == nil {
			return cache.Remove(native.Copied(name))
		}
		return cache.Save(native.Copied(name), bytes.Clone(unsafe.Slice(value, length)), duration(keepMS))
	})
}

func lockCache(number uintptr, name, owner *byte, leaseMS uint64) uintptr {
	isHeldByAnother := false
	code := guarded("the cache's Lock", func() error {
		cache, _ := caches.Get(number)
		isLocked, err := cache.Lock(native.Copied(name), native.Copied(owner), duration(leaseMS))
		isHeldByAnother = err == nil && !isLocked
		return err
	})
	if isHeldByAnother {
		return 1
	}
	return code
}

func unlockCache(number uintptr, name, owner *byte) uintptr {
	return guarded("the cache's Unlock", func() error {
		cache, _ := caches.Get(number)
		return cache.Unlock(native.Copied(name), native.Copied(owner))
	})
}

// duration converts milliseconds, limited to the longest duration of Go.
func duration(ms uint64) time.Duration {
	const longest = uint64(1<<63-1) / uint64(time.Millisecond)
	return time.Duration(min(ms, longest)) * time.Millisecond
}

//go:build darwin || freebsd || linux || netbsd

package native

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const nobody = 65534

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCachedFileBelongsToItsUserAlone(t *testing.T) {
	directory := filepath.Join(t.TempDir(), cacheName)
	path := cached(t, directory, "content")
	for path, mode := range map[string]os.FileMode{directory: 0o700, path: 0o500} {
		if found, err := os.Stat(path); err != nil || found.Mode().Perm() != mode {
			t.Errorf("%v: %v", err, found.Mode())
		}
	}
}

func TestCachedFileThatOthersCouldChangeIsReplaced(t *testing.T) {
	directory := filepath.Join(t.TempDir(), cacheName)
	target := filepath.Join(t.TempDir(), "target")
	check(t, os.WriteFile(target, []byte("content"), 0o700))
	changes := map[string]func(path string) error{
		"writable by a group": func(path string) error { return os.Chmod(path, 0o520) },
		"writable by all":     func(path string) error { return os.Chmod(path, 0o502) },
		"symbolic link":       func(path string) error { os.Remove(path); return os.Symlink(target, path) },
		"named pipe":          func(path string) error { os.Remove(path); return syscall.Mkfifo(path, 0o500) },
	}
	if os.Geteuid() == 0 {
		changes["of another user"] = func(path string) error { return os.Chown(path, nobody, nobody) }
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			path := cached(t, directory, "content")
			check(t, change(path))
			cached(t, directory, "content")
			found, err := os.Lstat(path)
			check(t, err)
			if found.Mode() != 0o500 || owner(found) != os.Geteuid() {
				t.Errorf("%v, user %d", found.Mode(), owner(found))
			}
		})
	}
	if content, err := os.ReadFile(target); err != nil || string(content) != "content" {
		t.Errorf("the link's target was changed: %v: %s", err, content)
	}
}

func TestDirectoryThatOthersCouldChangeIsRefused(t *testing.T) {
	changes := map[string]func(parent, directory string) error{
		"writable by a group":       func(_, directory string) error { return os.Chmod(directory, 0o720) },
		"symbolic link":             func(parent, directory string) error { os.Remove(directory); return os.Symlink(parent, directory) },
		"file":                      func(_, directory string) error { os.Remove(directory); return os.WriteFile(directory, nil, 0o700) },
		"parent is writable by all": func(parent, _ string) error { return os.Chmod(parent, 0o777) },
	}
	if os.Geteuid() == 0 {
		changes["of another user"] = func(_, directory string) error { return os.Chown(directory, nobody, nobody) }
		changes["parent is another user's"] = func(parent, _ string) error { return os.Chown(parent, nobody, nobody) }
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			directory := filepath.Join(parent, cacheName)
			check(t, os.Mkdir(directory, 0o700))
			check(t, change(parent, directory))
			if file, err := cachedFile(directory, "content"); err == nil {
				t.Errorf("%s was used", file.Name())
			}
		})
	}
	// As /tmp, where the sticky bit protects a directory from other users.
	parent := t.TempDir()
	check(t, os.Chmod(parent, 0o777|os.ModeSticky))
	cached(t, filepath.Join(parent, cacheName), "content")
}

func TestCallersAtTheSameTimeShareOneCachedFile(t *testing.T) {
	directory := filepath.Join(t.TempDir(), cacheName)
	content := strings.Repeat("content", 100_000)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			file, err := cachedFile(directory, content)
			if err != nil {
				t.Error(err)
				return
			}
			file.Close()
		})
	}
	all.Wait()
	if files, err := os.ReadDir(directory); err != nil || len(files) != 1 {
		t.Errorf("%v: %v", err, files)
	}
}

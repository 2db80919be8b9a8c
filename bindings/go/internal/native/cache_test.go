package native

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cached returns the path of the file with this content.
func cached(t *testing.T, directory, content string) string {
	t.Helper()
	file, err := cachedFile(directory, content)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found, err := os.ReadFile(file.Name())
	if err != nil || string(found) != content {
		t.Fatalf("%v: %q", err, found)
	}
	return file.Name()
}

func TestCachedFileIsWrittenOnceForEachContent(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "missing", cacheName)
	first := cached(t, directory, "one")
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if again := cached(t, directory, "one"); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	if after, err := os.Stat(first); err != nil || !os.SameFile(before, after) {
		t.Errorf("written twice: %v", err)
	}
	if other := cached(t, directory, "two"); other == first {
		t.Error("two contents share a file")
	}
	if files, err := os.ReadDir(directory); err != nil || len(files) != 2 {
		t.Errorf("%v: %v", err, files)
	}
}

func TestCachedFileThatWasTamperedWithIsReplaced(t *testing.T) {
	directory := filepath.Join(t.TempDir(), cacheName)
	content := strings.Repeat("content", 20_000)
	for name, tampered := range map[string]string{
		"another": strings.Repeat("c0ntent", 20_000), "shorter": content[:len(content)-1], "longer": content + "x", "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			path := cached(t, directory, content)
			if err := os.Chmod(path, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(tampered), 0o700); err != nil {
				t.Fatal(err)
			}
			if again := cached(t, directory, content); again != path {
				t.Errorf("%s, then %s", path, again)
			}
		})
	}
}

func TestDirectoryInTheFilesPlaceIsRefused(t *testing.T) {
	directory := filepath.Join(t.TempDir(), cacheName)
	path := cached(t, directory, "content")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	if file, err := cachedFile(directory, "content"); err == nil {
		file.Close()
		t.Error("a directory was taken for the file")
	}
}

package native

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// openFromCache loads a library from a file in the user's cache directory, which the first process writes.
func openFromCache(content string) (uintptr, error) {
	directory, err := os.UserCacheDir()
	if err != nil {
		return 0, err
	}
	return openFromDirectory(filepath.Join(directory, cacheName), content)
}

// cacheName differs from `tango-token`, the directory of the shared cache of tokens beside it.
const cacheName = "tango-token-library"

func openFromDirectory(directory, content string) (uintptr, error) {
	file, err := cachedFile(directory, content)
	if err != nil {
		return 0, err
	}
	// The file stays open until the library is loaded: Windows lets nobody change or move a file that is open like this.
	defer file.Close()
	return dlopen(file.Name())
}

// cachedFile returns a file with this content in a directory that belongs to the user alone.
//
// The file has the content's hash in its name, so that versions do not disturb each other. A file that is already there
// is not trusted: owner, permissions and content are checked, and one that fails a check is replaced.
func cachedFile(directory, content string) (*os.File, error) {
	if err := makePrivate(directory); err != nil {
		return nil, err
	}
	path := filepath.Join(directory, fmt.Sprintf("%x-%s", sha256.Sum256([]byte(content)), fileName))
	if file, err := openChecked(path, content); err == nil {
		return file, nil
	}
	if err := replace(path, content); err != nil {
		return nil, err
	}
	return openChecked(path, content)
}

// openChecked opens a file and checks that nobody else can write it, and that it has this content.
func openChecked(path, content string) (*os.File, error) {
	file, err := openPrivate(path)
	if err != nil {
		return nil, err
	}
	same, err := hasContent(file, content)
	if err == nil && !same {
		err = fmt.Errorf("%s differs from the library in the program", path)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func hasContent(file io.Reader, content string) (bool, error) {
	buffer := make([]byte, 64<<10)
	for {
		count, err := file.Read(buffer)
		if !strings.HasPrefix(content, string(buffer[:count])) {
			return false, nil
		}
		content = content[count:]
		if errors.Is(err, io.EOF) {
			return content == "", nil
		}
		if err != nil {
			return false, err
		}
	}
}

// replace writes a file that nobody ever sees in part: processes that start at the same time each write their own, and
// rename it.
func replace(path, content string) error {
	file, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails after the renaming
	_, err = file.WriteString(content)
	if err == nil {
		err = makeExecutable(file)
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	// On Windows nobody can replace a file that is loaded. Then another process was faster.
	if err != nil {
		if other, checked := openChecked(path, content); checked == nil {
			return other.Close()
		}
	}
	return err
}

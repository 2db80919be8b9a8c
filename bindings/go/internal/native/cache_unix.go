//go:build darwin || freebsd || linux || netbsd

package native

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// makePrivate makes a directory, or checks one that is there, so that nobody but this user, and root, can replace a
// file in it.
func makePrivate(directory string) error {
	parent := filepath.Dir(directory)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(directory, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// The owner of the parent can put another directory in this one's place, as in the home directory of the user for
	// whom a program runs as root. With the sticky bit, as in /tmp, others cannot.
	above, err := os.Stat(parent)
	if err != nil {
		return err
	}
	if !isOwn(above) && owner(above) != 0 {
		return notOwn(parent, above)
	}
	if above.Mode().Perm()&0o022 != 0 && above.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%s can be written by other users", parent)
	}
	found, err := os.Lstat(directory)
	if err != nil {
		return err
	}
	return checkPrivate(directory, found, found.IsDir())
}

// openPrivate opens a file that only this user can write.
func openPrivate(path string) (*os.File, error) {
	// O_NONBLOCK: without it, opening a named pipe that somebody has put there would wait.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	found, err := file.Stat()
	if err == nil {
		err = checkPrivate(path, found, found.Mode().IsRegular())
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func checkPrivate(path string, found fs.FileInfo, isOfKind bool) error {
	switch {
	case !isOfKind:
		return fmt.Errorf("%s is a %v", path, found.Mode().Type())
	case !isOwn(found):
		return notOwn(path, found)
	case found.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be written by other users: its mode is %v", path, found.Mode().Perm())
	}
	return nil
}

func isOwn(found fs.FileInfo) bool {
	return owner(found) == os.Geteuid()
}

func notOwn(path string, found fs.FileInfo) error {
	return fmt.Errorf("%s belongs to user %d, not to user %d, as whom the program runs", path, owner(found), os.Geteuid())
}

func owner(found fs.FileInfo) int {
	return int(found.Sys().(*syscall.Stat_t).Uid)
}

// makeExecutable sets the permissions: some systems load a library only if its file may be executed.
func makeExecutable(file *os.File) error {
	return file.Chmod(0o500)
}

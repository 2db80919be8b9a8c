package native

import (
	"errors"
	"fmt"
	"os"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

const canOpenFromMemory = true

// openFromMemory loads a library without writing a file.
//
// The descriptor stays open, because its path is the library's name for the loader and for debuggers. If its number
// were used again, for another library that is loaded in this way, the loader would return this one.
func openFromMemory(content string) (uintptr, error) {
	descriptor, err := memoryFile(content)
	if err != nil {
		return 0, err
	}
	path, err := descriptorPath(descriptor)
	if err == nil {
		var library uintptr
		if library, err = dlopen(path); err == nil {
			return library, nil
		}
	}
	unix.Close(descriptor)
	return 0, err
}

// memoryFile returns the descriptor of a file in memory that nobody can change any more. A child closes it when it
// executes another program.
func memoryFile(content string) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	// Linux 6.3 and later expect MFD_EXEC for content that is code; earlier versions refuse a flag that they do not know.
	descriptor, err := unix.MemfdCreate(fileName, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		descriptor, err = unix.MemfdCreate(fileName, flags)
	}
	if err != nil {
		return 0, fmt.Errorf("the system has no file in memory: memfd_create: %w", err)
	}
	for rest := []byte(content); err == nil && len(rest) > 0; {
		var written int
		written, err = unix.Write(descriptor, rest)
		rest = rest[max(written, 0):]
		if errors.Is(err, unix.EINTR) {
			err = nil
		}
	}
	if err == nil {
		const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
		_, err = unix.FcntlInt(uintptr(descriptor), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		unix.Close(descriptor)
		return 0, fmt.Errorf("a file in memory could not be written: %w", err)
	}
	return descriptor, nil
}

// descriptorPath returns the path of a descriptor of this process.
//
// The path has the process ID, since for a debugger /proc/self is the debugger. The ID is that of the mounted /proc,
// which may belong to another namespace. The dot makes a path that other packages do not use: of two libraries that
// were loaded by the same path, the loader takes the second for the first, even if the descriptor of the first was
// closed.
func descriptorPath(descriptor int) (string, error) {
	process, err := os.Readlink("/proc/self")
	if err != nil {
		return "", fmt.Errorf("/proc is needed to load a library from memory: %w", err)
	}
	path := fmt.Sprintf("/proc/%s/fd/./%d", process, descriptor)
	var own, found unix.Stat_t
	if err := unix.Fstat(descriptor, &own); err != nil {
		return "", err
	}
	if err := unix.Stat(path, &found); err != nil {
		return "", fmt.Errorf("/proc is needed to load a library from memory: %s: %w", path, err)
	}
	if own.Dev != found.Dev || own.Ino != found.Ino {
		return "", fmt.Errorf("/proc shows other processes: %s is not the file in memory", path)
	}
	return path, nil
}

// runningLibc returns the C library of this process.
func runningLibc() string {
	if _, err := purego.Dlsym(purego.RTLD_DEFAULT, "gnu_get_libc_version"); err == nil {
		return "glibc"
	}
	return "musl"
}

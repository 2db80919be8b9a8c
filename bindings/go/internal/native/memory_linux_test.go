package native

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// content returns a library whose ABI version is this number.
func content(t *testing.T, version int) string {
	t.Helper()
	library, err := os.ReadFile(compile(t, fmt.Sprintf("int tango_abi_version(void) { return %d; }", version)))
	if err != nil {
		t.Fatal(err)
	}
	return string(library)
}

func versionOf(t *testing.T, library uintptr) int32 {
	t.Helper()
	address, err := dlsym(library, "tango_abi_version")
	if err != nil {
		t.Fatal(err)
	}
	var function func() int32
	purego.RegisterFunc(&function, address)
	return function()
}

func TestLibraryIsLoadedFromMemory(t *testing.T) {
	library, err := openFromMemory(content(t, 7))
	if err != nil || versionOf(t, library) != 7 {
		t.Fatal(err)
	}
	// Debuggers and profilers see this name.
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || !strings.Contains(string(maps), "/memfd:"+fileName) {
		t.Errorf("%v: %s", err, maps)
	}
	output, err := exec.Command("sh", "-c", "for f in /proc/self/fd/*; do readlink $f; done; true").Output()
	if err != nil || strings.Contains(string(output), fileName) {
		t.Errorf("a child has the library: %v: %s", err, output)
	}
}

func TestFileInMemoryCannotBeChanged(t *testing.T) {
	descriptor, err := memoryFile("the content")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(descriptor)
	if _, err := unix.Pwrite(descriptor, []byte("another"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("written: %v", err)
	}
	if err := unix.Ftruncate(descriptor, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("truncated: %v", err)
	}
}

// The loader knows a library by its path as well. Another package may have loaded one by the path of a descriptor that
// it has closed, and whose number is used again.
func TestLibraryInMemoryIsNotTakenForAnotherOne(t *testing.T) {
	other, err := memoryFile(content(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range []string{"self", fmt.Sprint(os.Getpid())} {
		if _, err := dlopen(fmt.Sprintf("/proc/%s/fd/%d", process, other)); err != nil {
			t.Fatal(err)
		}
	}
	next := content(t, 4)
	unix.Close(other)
	library, err := openFromMemory(next)
	if err != nil || versionOf(t, library) != 4 {
		t.Errorf("%v, version %d", err, versionOf(t, library))
	}
	if link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", other)); err != nil || !strings.Contains(link, fileName) {
		t.Fatalf("the number was not used again: %v: %s", err, link)
	}
}

// runChild runs this program as loadInChild, behind these arguments of another command.
func runChild(t *testing.T, home, library string, command ...string) (string, error) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command = append(command, executable)
	child := exec.Command(command[0], command[1:]...)
	child.Env = append(os.Environ(), childVariable+"="+library, "HOME="+home, "XDG_CACHE_HOME=")
	output, err := child.CombinedOutput()
	return string(output), err
}

// withoutMemory is a program that executes its arguments where memfd_create fails, as in some containers.
const withoutMemory = `
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **arguments) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    (void)count;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 2;
    execv(arguments[1], arguments + 1);
    return 3;
}
`

func TestFileOfTheUsersIsLoadedWhereMemoryIsForbidden(t *testing.T) {
	library := compile(t, "int tango_abi_version(void) { return 1; }")
	home := t.TempDir()
	output, err := runChild(t, home, library)
	if err != nil || !strings.Contains(output, "from memory") {
		t.Errorf("%v: %s", err, output)
	}
	if files, err := os.ReadDir(home); err != nil || len(files) != 0 {
		t.Errorf("%v: %v", err, files)
	}
	wrapper := filepath.Join(t.TempDir(), "without-memory")
	source := wrapper + ".c"
	if err := os.WriteFile(source, []byte(withoutMemory), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("cc", "-o", wrapper, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	output, err = runChild(t, home, library, wrapper)
	if err != nil || !strings.Contains(output, "memfd_create: operation not permitted") ||
		!strings.Contains(output, "from a file of the user's") {
		t.Errorf("%v: %s", err, output)
	}
	// And where there is no home either, the message says both.
	output, err = runChild(t, "", library, wrapper)
	if err == nil || !strings.Contains(output, "memfd_create") || !strings.Contains(output, "HOME") {
		t.Errorf("%v: %s", err, output)
	}
}

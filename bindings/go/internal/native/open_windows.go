package native

import (
	"path/filepath"
	"syscall"
	"unsafe"
)

// fileName has no version, as is usual for a DLL: it is beside the programs that use it.
const fileName = "tango_token.dll"

// Flags of LoadLibraryEx. A library is never looked for in the current directory, where anyone may have put it.
const (
	searchItsOwnDirectory  = 0x0100 // LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR
	searchUsualDirectories = 0x1000 // LOAD_LIBRARY_SEARCH_DEFAULT_DIRS: the program's, those of the system
)

var loadLibraryEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LoadLibraryExW")

func dlopen(path string) (uintptr, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	flags := uintptr(searchUsualDirectories)
	if filepath.IsAbs(path) {
		flags |= searchItsOwnDirectory
	}
	library, _, failure := loadLibraryEx.Call(uintptr(unsafe.Pointer(name)), 0, flags)
	if library == 0 {
		return 0, failure
	}
	return library, nil
}

func dlsym(library uintptr, name string) (uintptr, error) {
	return syscall.GetProcAddress(syscall.Handle(library), name)
}

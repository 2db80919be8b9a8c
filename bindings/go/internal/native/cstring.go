package native

import (
	"strings"
	"unsafe"
)

// Copied returns a copy of a string that belongs to an object of the library; "" for NULL.
func Copied(cString *byte) string {
	if cString == nil {
		return ""
	}
	length := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(cString), length)) != 0 {
		length++
	}
	return string(unsafe.Slice(cString, length))
}

// CString returns a NUL-terminated string, which the library copies.
//
// A NUL inside would silently end the string early. It is replaced by a byte that never occurs in UTF-8, so that the
// library refuses the string and names the argument.
func CString(s string) *byte {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\xff")
	}
	bytes := make([]byte, len(s)+1)
	copy(bytes, s)
	return &bytes[0]
}

// OptionalCString returns NULL for an empty string, otherwise the same as CString.
func OptionalCString(s string) *byte {
	if s == "" {
		return nil
	}
	return CString(s)
}

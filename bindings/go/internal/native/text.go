package native

import (
	"strings"
	"unsafe"
)

// Copied is a copy of a text that the library lends until its object is freed; "" where there is none.
func Copied(text *byte) string {
	if text == nil {
		return ""
	}
	length := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(text), length)) != 0 {
		length++
	}
	return string(unsafe.Slice(text, length))
}

// Text is a text for the library, which copies it.
//
// A NUL inside would end it early, and something else than what the caller wrote would be used. In its place stands a
// byte that no UTF-8 has, so that the library refuses the text by its name.
func Text(text string) *byte {
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "\xff")
	}
	bytes := make([]byte, len(text)+1)
	copy(bytes, text)
	return &bytes[0]
}

// OptionalText is NULL for an empty text, and the text otherwise.
func OptionalText(text string) *byte {
	if text == "" {
		return nil
	}
	return Text(text)
}

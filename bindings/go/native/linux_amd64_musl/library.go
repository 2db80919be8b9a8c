// Package library has the native library of tango-token for Linux on x86-64 with musl, such as Alpine. The package
// github.com/tango-token/tango-token/bindings/go puts it into programs for that platform by itself.
package library

// Content returns the library's file, or "" in a clone in which `make go-native` has not put it here.
func Content() string {
	return content
}

// content is set by embedded.go, which scripts/go-native.sh writes.
var content string

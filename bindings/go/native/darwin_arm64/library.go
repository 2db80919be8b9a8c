// Package library has the native library of tango-token for macOS on arm64. The package
// github.com/tango-token/tango-token/bindings/go puts it into programs for that platform by itself.
package library

// Content returns the library's file, or "" in a clone in which `make go-native` has not put it here.
func Content() string {
	return content
}

// content is set by embedded.go, which scripts/go-native.sh writes.
var content string

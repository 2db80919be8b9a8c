// Package library contains the native library of tango-token for macOS on x86-64. Programs for that platform that
// import github.com/tango-token/tango-token/bindings/go embed it; none has to import this package itself.
package library

// Content returns the content of the library's file, or "" in a clone into which `make go-native` has not copied it.
func Content() string {
	return content
}

// content is set by embedded.go, which scripts/go-native.sh writes.
var content string

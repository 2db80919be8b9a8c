//go:build windows && amd64 && !tango_token_installed

package native

import library "github.com/tango-token/tango-token/bindings/go/native/windows_amd64"

const (
	embeddedPlatform = "windows/amd64"
	embeddedLibc     = ""
)

func embedded() string {
	return library.Content()
}

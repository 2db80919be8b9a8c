//go:build darwin && amd64 && !tango_token_installed

package native

import library "github.com/tango-token/tango-token/bindings/go/native/darwin_amd64"

const (
	embeddedPlatform = "darwin/amd64"
	embeddedLibc     = ""
)

func embedded() string {
	return library.Content()
}

//go:build darwin && arm64 && !tango_token_installed

package native

import library "github.com/tango-token/tango-token/bindings/go/native/darwin_arm64"

const (
	embeddedPlatform = "darwin/arm64"
	embeddedLibc     = ""
)

func embedded() string {
	return library.Content()
}

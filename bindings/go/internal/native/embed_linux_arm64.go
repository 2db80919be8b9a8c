//go:build linux && arm64 && !musl && !tango_token_installed

package native

import library "github.com/tango-token/tango-token/bindings/go/native/linux_arm64"

const (
	embeddedPlatform = "linux/arm64 with glibc"
	embeddedLibc     = "glibc"
)

func embedded() string {
	return library.Content()
}

//go:build linux && arm64 && musl && !tango_token_installed

package native

import library "github.com/tango-token/tango-token/bindings/go/native/linux_arm64_musl"

const (
	embeddedPlatform = "linux/arm64 with musl"
	embeddedLibc     = "musl"
)

func embedded() string {
	return library.Content()
}

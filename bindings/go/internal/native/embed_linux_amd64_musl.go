//go:build linux && amd64 && musl && !tango_token_installed

package native

import library "github.com/tango-token/tango-token/bindings/go/native/linux_amd64_musl"

const (
	embeddedPlatform = "linux/amd64 with musl"
	embeddedLibc     = "musl"
)

func embedded() string {
	return library.Content()
}

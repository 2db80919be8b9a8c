//go:build tango_token_installed || !((linux && (amd64 || arm64)) || (windows && amd64) || (darwin && (amd64 || arm64)))

package native

// Nothing is embedded: the build tag tango_token_installed forbids it, or there is no library for this platform.
const (
	embeddedPlatform = ""
	embeddedLibc     = ""
)

func embedded() string {
	return ""
}

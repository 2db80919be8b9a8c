//go:build tango_token_installed || !((linux && (amd64 || arm64)) || (windows && amd64) || (darwin && (amd64 || arm64)))

package native

// Nothing is embedded: the build tag says so, or there is no library for this platform.
const (
	embeddedMode = ""
	embeddedLibc = ""
)

func embedded() string {
	return ""
}

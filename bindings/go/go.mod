module github.com/tango-token/tango-token/bindings/go

go 1.25.0

require (
	github.com/ebitengine/purego v0.11.3
	golang.org/x/oauth2 v0.36.0
	golang.org/x/sys v0.42.0
)

// The native library: a program has, and downloads when it is built, that of its own platform.
require (
	github.com/tango-token/tango-token/bindings/go/native/darwin_amd64 v0.1.0
	github.com/tango-token/tango-token/bindings/go/native/darwin_arm64 v0.1.0
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64 v0.1.0
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64_musl v0.1.0
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64 v0.1.0
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64_musl v0.1.0
	github.com/tango-token/tango-token/bindings/go/native/windows_amd64 v0.1.0
)

// In a clone. Modules that use this one ignore it.
replace (
	github.com/tango-token/tango-token/bindings/go/native/darwin_amd64 => ./native/darwin_amd64
	github.com/tango-token/tango-token/bindings/go/native/darwin_arm64 => ./native/darwin_arm64
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64 => ./native/linux_amd64
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64_musl => ./native/linux_amd64_musl
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64 => ./native/linux_arm64
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64_musl => ./native/linux_arm64_musl
	github.com/tango-token/tango-token/bindings/go/native/windows_amd64 => ./native/windows_amd64
)

module github.com/tango-token/tango-token/examples/go

go 1.25.0

require github.com/tango-token/tango-token/bindings/go v0.0.0

require (
	github.com/ebitengine/purego v0.11.3 // indirect
	github.com/tango-token/tango-token/bindings/go/native/darwin_amd64 v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/darwin_arm64 v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64 v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64_musl v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64 v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64_musl v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/windows_amd64 v0.1.0 // indirect
	golang.org/x/sys v0.42.0 // indirect
)

// What is in this clone. Outside of one, `go get github.com/tango-token/tango-token/bindings/go` is all.
replace (
	github.com/tango-token/tango-token/bindings/go => ../../bindings/go
	github.com/tango-token/tango-token/bindings/go/native/darwin_amd64 => ../../bindings/go/native/darwin_amd64
	github.com/tango-token/tango-token/bindings/go/native/darwin_arm64 => ../../bindings/go/native/darwin_arm64
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64 => ../../bindings/go/native/linux_amd64
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64_musl => ../../bindings/go/native/linux_amd64_musl
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64 => ../../bindings/go/native/linux_arm64
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64_musl => ../../bindings/go/native/linux_arm64_musl
	github.com/tango-token/tango-token/bindings/go/native/windows_amd64 => ../../bindings/go/native/windows_amd64
)

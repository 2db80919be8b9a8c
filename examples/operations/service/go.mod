module github.com/tango-token/tango-token/examples/operations/service

go 1.25.0

require (
	github.com/prometheus/client_golang v1.23.2
	github.com/tango-token/tango-token/bindings/go v0.1.0
	github.com/tango-token/tango-token/bindings/go/tangoprometheus v0.1.0
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/ebitengine/purego v0.11.3 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.2 // indirect
	github.com/prometheus/common v0.66.1 // indirect
	github.com/prometheus/procfs v0.16.1 // indirect
	github.com/tango-token/tango-token/bindings/go/native/darwin_amd64 v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/darwin_arm64 v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64 v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64_musl v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64 v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64_musl v0.1.0 // indirect
	github.com/tango-token/tango-token/bindings/go/native/windows_amd64 v0.1.0 // indirect
	go.yaml.in/yaml/v2 v2.4.2 // indirect
	golang.org/x/sys v0.42.0 // indirect
	google.golang.org/protobuf v1.36.8 // indirect
)

// What is in this clone. Outside of one, `go get` the two modules.
replace (
	github.com/tango-token/tango-token/bindings/go => ../../../bindings/go
	github.com/tango-token/tango-token/bindings/go/native/darwin_amd64 => ../../../bindings/go/native/darwin_amd64
	github.com/tango-token/tango-token/bindings/go/native/darwin_arm64 => ../../../bindings/go/native/darwin_arm64
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64 => ../../../bindings/go/native/linux_amd64
	github.com/tango-token/tango-token/bindings/go/native/linux_amd64_musl => ../../../bindings/go/native/linux_amd64_musl
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64 => ../../../bindings/go/native/linux_arm64
	github.com/tango-token/tango-token/bindings/go/native/linux_arm64_musl => ../../../bindings/go/native/linux_arm64_musl
	github.com/tango-token/tango-token/bindings/go/native/windows_amd64 => ../../../bindings/go/native/windows_amd64
	github.com/tango-token/tango-token/bindings/go/tangoprometheus => ../../../bindings/go/tangoprometheus
)

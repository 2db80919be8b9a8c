module github.com/tango-token/tango-token/examples/go

go 1.25.0

require github.com/tango-token/tango-token/bindings/go v0.0.0

require github.com/ebitengine/purego v0.11.3 // indirect

replace github.com/tango-token/tango-token/bindings/go => ../../bindings/go

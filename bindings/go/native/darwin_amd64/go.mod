module github.com/tango-token/tango-token/bindings/go/native/darwin_amd64

go 1.25.0

module github.com/tango-token/tango-token/bindings/go/native/linux_arm64

go 1.25.0

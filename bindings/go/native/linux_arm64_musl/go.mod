module github.com/tango-token/tango-token/bindings/go/native/linux_arm64_musl

go 1.25.0

module github.com/tango-token/tango-token/bindings/go

go 1.25.0

require github.com/ebitengine/purego v0.11.3

require golang.org/x/oauth2 v0.36.0

package native

// fileName contains the ABI version, like the library's install name.
const fileName = "libtango_token.1.dylib"

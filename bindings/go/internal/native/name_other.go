//go:build !(darwin || windows)

package native

// fileName ends with the ABI version, like the library's SONAME.
const fileName = "libtango_token.so.1"

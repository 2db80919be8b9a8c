//go:build darwin || freebsd || linux || netbsd

package native

import "github.com/ebitengine/purego"

func dlopen(path string) (uintptr, error) {
	return purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func dlsym(library uintptr, name string) (uintptr, error) {
	return purego.Dlsym(library, name)
}

// Generate takes from include/tango_token.h what must not be copied by hand: the statuses and the other enums, the ABI
// version, and the signatures of all functions, which purego cannot check.
//
//	go generate ./...
package main

import (
	"log"
	"os"
	"path/filepath"
)

// header is the file's place in the repository, seen from the module's root.
const header = "../../include/tango_token.h"

func main() {
	files, err := generate(header)
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.FromSlash(name), content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the content of each generated file by its name, seen from the module's root.
func generate(header string) (map[string][]byte, error) {
	text, err := os.ReadFile(filepath.FromSlash(header))
	if err != nil {
		return nil, err
	}
	said, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	return write(said)
}

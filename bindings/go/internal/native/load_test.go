package native

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestErrorListsTheTriedPathsWhenTheLibraryIsMissing(t *testing.T) {
	t.Setenv(Variable, "")
	_, err := loadFirst([]place{file("here", "/not/here.so"), file("there", "/not/there.so")})
	var failure *LibraryError
	if !errors.As(err, &failure) || len(failure.Tried) != 2 {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{"here: /not/here.so", "there: /not/there.so", "make install", Variable, fileName} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not in: %v", part, err)
		}
	}
}

func TestPlacesAreTheVariableOrTheProgramItsDirectoryAndTheSystemsPath(t *testing.T) {
	t.Setenv(Variable, "/chosen.so")
	if all := places(); len(all) != 1 || !strings.Contains(all[0].description, "/chosen.so") {
		t.Errorf("%v", all)
	}
	t.Setenv(Variable, "")
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := places()
	inside := len(embeddedPlaces(embedded()))
	if len(all) != inside+2 || !strings.Contains(all[inside].description, filepath.Join(filepath.Dir(executable), fileName)) ||
		!strings.Contains(all[inside+1].description, "on the system's path") {
		t.Errorf("%v", all)
	}
}

func TestAnotherLibraryIsRefused(t *testing.T) {
	for name, row := range map[string]struct{ source, wanted string }{
		"with another ABI version": {"int tango_abi_version(void) { return 99; }", "ABI version 99 and this package needs version 1"},
		"of an older release":      {"int tango_abi_version(void) { return 1; }", "older than this package"},
		"of another project":       {"int something_else;", "not the library of tango-token"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := loadFirst([]place{file(name, compile(t, row.source))}); err == nil || !strings.Contains(err.Error(), row.wanted) {
				t.Errorf("%v", err)
			}
		})
	}
	textFile := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(textFile, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dlopen(textFile); err == nil {
		t.Error("a text file was loaded")
	}
}

func compile(t *testing.T, source string) string {
	t.Helper()
	directory := t.TempDir()
	file, library := filepath.Join(directory, "library.c"), filepath.Join(directory, "library.so")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return library
}

package native

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAMissingLibraryIsExplained(t *testing.T) {
	t.Setenv(Variable, "")
	_, err := loadFirst([]place{{"here", "/not/here.so"}, {"there", "/not/there.so"}})
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

func TestWhereItIsLookedFor(t *testing.T) {
	t.Setenv(Variable, "/chosen.so")
	if all := places(); len(all) != 1 || all[0].path != "/chosen.so" {
		t.Errorf("%v", all)
	}
	t.Setenv(Variable, "")
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := places()
	if len(all) != 2 || all[0].path != filepath.Join(filepath.Dir(executable), fileName) || all[1].path != fileName {
		t.Errorf("%v", all)
	}
}

func TestAnotherLibraryIsRefused(t *testing.T) {
	for name, row := range map[string]struct{ source, wanted string }{
		"of another ABI version": {"int tango_abi_version(void) { return 99; }", "ABI version 99, and this package needs 1"},
		"that is older":          {"int tango_abi_version(void) { return 1; }", "older than this package"},
		"of something else":      {"int something_else;", "no library of tango-token"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := open(compile(t, row.source)); err == nil || !strings.Contains(err.Error(), row.wanted) {
				t.Errorf("%v", err)
			}
		})
	}
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(text); err == nil {
		t.Error("a text was loaded")
	}
}

func compile(t *testing.T, source string) string {
	t.Helper()
	folder := t.TempDir()
	file, library := filepath.Join(folder, "library.c"), filepath.Join(folder, "library.so")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return library
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

func TestGeneratedFilesAreThoseOfTheHeader(t *testing.T) {
	t.Chdir(root)
	files, err := generate(header)
	if err != nil {
		t.Fatal(err)
	}
	for name, wanted := range files {
		committed, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		if string(committed) != string(wanted) {
			t.Errorf("%s is not what include/tango_token.h makes: run go generate ./... and commit it", name)
		}
	}
}

func TestAHeaderThatIsNotUnderstoodIsRefused(t *testing.T) {
	const (
		version  = "#define TANGO_ABI_VERSION 1\n"
		function = "tango_client *tango_client_clone(const tango_client *client);\n"
		enum     = "/**\n * What.\n */\nenum tango_verdict\n {\n    /**\n     * Done.\n     */\n    TANGO_VERDICT_DONE = 1,\n};\n"
		whole    = version + enum + function
	)
	if _, err := parse(whole); err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{
		"empty":            "",
		"no version":       enum + function,
		"no functions":     version + enum,
		"no enums":         version + function,
		"an enum missed":   whole + "enum tango_other {\n  TANGO_OTHER_ONE = 1,\n};\n",
		"a function type":  whole + "int32_t tango_sort(int32_t (*order)(int32_t, int32_t));\n",
		"an unknown type":  whole + "int32_t tango_sum(double number);\n",
		"an odd parameter": whole + "int32_t tango_sum(int32_t numbers[2]);\n",
	} {
		path := filepath.Join(t.TempDir(), "tango_token.h")
		if err := os.WriteFile(path, []byte(header), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := generate(path); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNames(t *testing.T) {
	for c, wanted := range map[string]string{
		"quota_refused": "QuotaRefused", "TLS_FAILED": "TLSFailed", "dpop_key_public_jwk": "DPoPKeyPublicJWK", "EDDSA": "EdDSA",
	} {
		if got := camel(c); got != wanted {
			t.Errorf("%s becomes %s", c, got)
		}
	}
	if text := plain(" * One line\n * and another.\n "); text != "One line and another." || strings.Contains(text, "*") {
		t.Error(text)
	}
}

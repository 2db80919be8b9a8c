package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"strings"
	"text/template"
)

// What C names and Go spells in another way.
var spelling = map[string]string{
	"ABI": "ABI", "API": "API", "CA": "CA", "DPOP": "DPoP", "EDDSA": "EdDSA", "HTTP": "HTTP", "I18N": "I18n", "ID": "ID",
	"JWK": "JWK", "MS": "MS", "OAUTH": "OAuth", "OK": "OK", "PEM": "PEM", "TLS": "TLS", "URL": "URL",
	"ES256": "ES256", "ES384": "ES384", "PS256": "PS256", "RS256": "RS256",
}

// The Go types of the enums, in the order in which they are written. The statuses have a file of their own.
var goEnums = []struct{ C, Go, Prefix string }{
	{"tango_algorithm", "Algorithm", "Algorithm"},
	{"tango_dpop_mode", "DPoPMode", "DPoP"},
	{"tango_environment", "Environment", "Environment"},
	{"tango_verdict", "Verdict", "Verdict"},
	{"tango_log_level", "logLevel", "logLevel"},
}

//go:embed templates.txt
var templateText string

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"camel":    camel,
	"goType":   goType,
	"goResult": goResult,
	"goName":   goName,
	"trim":     strings.TrimPrefix,
	"upper":    strings.ToUpper,
	"quote":    func(text string) string { return fmt.Sprintf("%q", text) },
}).Parse(templateText))

func write(said abi) (map[string][]byte, error) {
	files := map[string][]byte{}
	data := struct {
		abi
		GoEnums []struct{ C, Go, Prefix string }
	}{said, goEnums}
	for name, template := range map[string]string{
		"status_generated.go":                    "status",
		"enums_generated.go":                     "enums",
		"internal/native/functions_generated.go": "functions",
	} {
		var content bytes.Buffer
		if err := templates.ExecuteTemplate(&content, template, data); err != nil {
			return nil, err
		}
		formatted, err := format.Source(content.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", name, err, &content)
		}
		files[name] = formatted
	}
	return files, nil
}

// camel turns quota_refused and QUOTA_REFUSED into QuotaRefused.
func camel(name string) string {
	var result strings.Builder
	for word := range strings.SplitSeq(strings.ToUpper(name), "_") {
		if spelled, ok := spelling[word]; ok {
			result.WriteString(spelled)
		} else {
			result.WriteString(word[:1] + strings.ToLower(word[1:]))
		}
	}
	return result.String()
}

// goName keeps C's names of parameters, but for those that mean something else in Go.
func goName(name string) string {
	switch name {
	case "error":
		return "failure"
	case "type", "func", "range":
		return name + "_"
	}
	head, tail, _ := strings.Cut(name, "_")
	if tail == "" {
		return head
	}
	return head + camel(tail)
}

// goType is the type that purego passes as what the header wants. Objects are numbers to Go, so that its garbage
// collector and its checks of pointers leave them alone.
func goType(c string) (string, error) {
	switch c {
	case "int32_t", "tango_status":
		return "int32", nil
	case "int64_t", "uint32_t":
		return strings.TrimSuffix(c, "_t"), nil
	case "int32_t *":
		return "*int32", nil
	case "const char *":
		return "*byte", nil
	case "const char **":
		return "**byte", nil
	case "void *":
		return "uintptr", nil
	}
	object, isObject := strings.CutPrefix(strings.TrimPrefix(c, "const "), "tango_")
	switch {
	case !isObject:
		return "", fmt.Errorf("no Go type for %q", c)
	case strings.HasSuffix(object, " **"):
		return "*" + camel(strings.TrimSuffix(object, " **")), nil
	case strings.HasSuffix(object, " *"):
		return camel(strings.TrimSuffix(object, " *")), nil
	}
	return "uintptr", nil // a function that the library calls
}

func goResult(c string) (string, error) {
	if c == "void" {
		return "", nil
	}
	return goType(c)
}

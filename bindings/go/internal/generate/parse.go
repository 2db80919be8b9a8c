package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// abi is what the header says, as far as the binding needs it.
type abi struct {
	Version   string
	Enums     map[string]enum // by their name in C
	Functions []function
}

type enum struct {
	Doc     string
	Members []member
}

type member struct {
	Name, Number, Doc string
}

type function struct {
	Name, Result string
	Parameters   []parameter
}

type parameter struct {
	Name, Type string
}

var (
	versionLine  = regexp.MustCompile(`#define TANGO_ABI_VERSION (\d+)`)
	enumBlock    = regexp.MustCompile(`(?s)/\*\*\n([^/]*?)\*/\nenum (tango_\w+)\n(?:#if.*?#endif[^\n]*\n)? ?\{(.*?)\n\};`)
	memberLine   = regexp.MustCompile(`(?s)/\*\*\n(.*?)\*/\s*(TANGO_\w+) = (\d+),`)
	declaration  = regexp.MustCompile(`(?m)^((?:const )?\w+ \*?)(tango_\w+)\(([^()]*)\);`)
	parameterEnd = regexp.MustCompile(`^(.*?)(\w+)$`)
	spaces       = regexp.MustCompile(`\s+`)
)

func parse(header string) (abi, error) {
	result := abi{Enums: map[string]enum{}}
	if version := versionLine.FindStringSubmatch(header); version != nil {
		result.Version = version[1]
	}
	members := 0
	for _, block := range enumBlock.FindAllStringSubmatch(header, -1) {
		one := enum{Doc: plain(block[1])}
		for _, line := range memberLine.FindAllStringSubmatch(block[3], -1) {
			one.Members = append(one.Members, member{Doc: plain(line[1]), Name: line[2], Number: line[3]})
		}
		result.Enums[block[2]] = one
		members += len(one.Members)
	}
	for _, found := range declaration.FindAllStringSubmatch(header, -1) {
		parameters, err := parseParameters(found[3])
		if err != nil {
			return abi{}, fmt.Errorf("%s: %w", found[2], err)
		}
		result.Functions = append(result.Functions, function{found[2], strings.TrimSpace(found[1]), parameters})
	}
	// A header that is written in another way must not pass for a smaller one: each function has a line that begins it,
	// and each member of an enum one of its own.
	lines := func(pattern string) int { return len(regexp.MustCompile(`(?m)`+pattern).FindAllString(header, -1)) }
	if result.Version == "" || len(result.Functions) == 0 || members == 0 ||
		len(result.Functions) != lines(`^\w[\w ]* \*?tango_\w+\(`) || members != lines(`^\s+TANGO_\w+ = \d+,$`) {
		return abi{}, errors.New("the header is not written as this program expects it")
	}
	return result, nil
}

func parseParameters(list string) ([]parameter, error) {
	list = spaces.ReplaceAllString(strings.TrimSpace(list), " ")
	if list == "void" {
		return nil, nil
	}
	var parameters []parameter
	for text := range strings.SplitSeq(list, ", ") {
		parts := parameterEnd.FindStringSubmatch(text)
		if parts == nil {
			return nil, fmt.Errorf("parameter %q is not understood", text)
		}
		parameters = append(parameters, parameter{Name: parts[2], Type: strings.TrimSpace(parts[1])})
	}
	return parameters, nil
}

// plain is the text of a C comment on one line.
func plain(comment string) string {
	comment = strings.ReplaceAll(comment, "* ", " ")
	return strings.TrimSpace(spaces.ReplaceAllString(comment, " "))
}

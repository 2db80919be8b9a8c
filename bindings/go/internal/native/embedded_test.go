package native

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// childVariable names a library that the test program loads as an embedded one, instead of running tests.
const childVariable = "TANGO_TEST_LOAD_EMBEDDED"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		if err := loadInChild(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// loadInChild loads from the first place that works, and prints its description.
func loadInChild(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, place := range embeddedPlaces(string(content)) {
		opened, err := place.open()
		if err != nil {
			fmt.Println(err)
			continue
		}
		if _, err = dlsym(opened, "tango_abi_version"); err != nil {
			return err
		}
		fmt.Println(place.description)
		return nil
	}
	return fmt.Errorf("the embedded library cannot be loaded")
}

func TestEmbeddedLibraryThatIsMissingIsNamed(t *testing.T) {
	_, err := loadFirst(embeddedPlaces(""))
	if err == nil || embeddedPlatform != "" && !strings.Contains(err.Error(), "make go-native") {
		t.Error(err)
	}
}

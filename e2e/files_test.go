package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository's folder.
const root = ".."

func readRepo(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// version is what VERSION says.
func version(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(readRepo(t, "VERSION"))
}

func TestVersionIsTheSameEverywhere(t *testing.T) {
	v := version(t)
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(v) {
		t.Errorf("VERSION %q is not a semantic version", v)
	}
	for file, want := range map[string]string{
		"docker-compose.yml": "image: landings:" + v + "\n",
		"Dockerfile":         `org.opencontainers.image.version="` + v + `"`,
	} {
		if !strings.Contains(readRepo(t, file), want) {
			t.Errorf("%s does not say %q, as VERSION does", file, want)
		}
	}
}

// The image needs to hold what the program is built from, and the build must not see more than that.
func TestImageBuildSeesItsSources(t *testing.T) {
	ignore := readRepo(t, ".dockerignore")
	for _, line := range strings.Split(readRepo(t, "Dockerfile"), "\n") {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "COPY" || strings.HasPrefix(words[1], "--from") {
			continue
		}
		for _, source := range words[1 : len(words)-1] {
			if !strings.Contains(ignore, "\n!"+source+"\n") {
				t.Errorf("the Dockerfile copies %s, which .dockerignore leaves out", source)
			}
		}
	}
}

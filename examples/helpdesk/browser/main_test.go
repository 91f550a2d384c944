package browser_test

import (
	_ "embed"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

//go:embed walks.txt
var walks string

func init() { browser.Images = filepath.Join("..", "..", "..", "docs", "images") }

func TestMain(m *testing.M) {
	code := browser.Main(m, walks)
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

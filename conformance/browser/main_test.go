package browser_test

import (
	_ "embed"
	"os"
	"testing"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

//go:embed walks.txt
var walks string

func TestMain(m *testing.M) { os.Exit(browser.Main(m, walks)) }

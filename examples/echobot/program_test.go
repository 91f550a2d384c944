package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asProgram in the environment makes the test binary the program itself.
const asProgram = "ECHOBOT_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The program on the fake answers over the port, and its page is there.
func TestProgram(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, "-listen", "127.0.0.1:0")
	command.Env = append(os.Environ(), asProgram+"=yes", "CHATAPI_URL=", "CHATAPI_TOKEN=")
	printed, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	defer func() { _ = command.Process.Kill() }()
	line, err := bufio.NewReader(printed).ReadString('\n')
	require.NoError(t, err)
	address, found := strings.CutSuffix(strings.TrimPrefix(line, "Open "), " and write to the bot. Ctrl-C ends it.\n")
	require.True(t, found, line)
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, "", ""},
		{http.MethodPost, "sim/customers/12025550143/says", `{"text": "Hello"}`},
		{http.MethodGet, "sim/wait?to=12025550143&text=said:%20Hello", ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, address+c.path, strings.NewReader(c.body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusOK, resp.StatusCode, c.path)
	}
	require.NoError(t, command.Process.Signal(os.Interrupt))
	require.NoError(t, command.Wait())
}

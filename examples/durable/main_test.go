package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

// The program is killed while it answers, several times, and started again. Each
// question is noted once, and answered once.
func TestKilledInTheMiddle(t *testing.T) {
	const people = 60
	program := filepath.Join(t.TempDir(), "bot")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	api := chatapitest.New(t, chatapitest.AllowUndelivered(), chatapitest.Redeliver(1000, 5*time.Millisecond)) // it does not give up while the program starts
	apiURL, err := api.Listen()
	require.NoError(t, err)
	bot := &bot{T: t, program: program, data: filepath.Join(t.TempDir(), "data"), env: append(os.Environ(),
		"CHATAPI_URL="+apiURL, "CHATAPI_TOKEN="+api.Token, "WEBHOOK_SECRET=s3cret")}
	bot.start("127.0.0.1:0")
	api.Webhook("http://"+bot.address+"/webhooks/s3cret", nil)
	customer := func(n int) *chatapitest.Customer { return api.Customer(fmt.Sprintf("120255501%02d", n)) }
	for n := range people {
		customer(n).Says(fmt.Sprintf("question %d", n)) // returns when the program has answered with 200
		if n%15 == 7 {
			bot.kill()
			bot.start(bot.address)
		}
	}
	answers := func() (all int) {
		for n := range people {
			all += len(customer(n).Received())
		}
		return all
	}
	inside, err := sqlite.Inspect(t.Context(), bot.data)
	require.NoError(t, err)
	noted := func() (n int) {
		_ = sqlite.DB(inside).QueryRowContext(t.Context(), "SELECT count(*) FROM shop_question").Scan(&n)
		return n
	}
	// A message that was on its way at a kill waits until its outcome is known.
	assert.Eventually(t, func() bool { return noted() == people && answers() >= people-people/15*4 }, time.Minute, 50*time.Millisecond)
	require.NoError(t, inside.Close())
	bot.stop()

	for n := range people {
		for _, m := range customer(n).Received() {
			assert.Equal(t, fmt.Sprintf("You asked: question %d", n), m.Text)
		}
		assert.LessOrEqual(t, len(customer(n).Received()), 1, "question %d", n)
	}
	bot.check(people, api)
}

// check looks into the folder of the program.
func (b *bot) check(people int, api *chatapitest.API) {
	b.Helper()
	store, err := sqlite.Open(b.Context(), b.data)
	require.NoError(b, err)
	defer store.Close()
	rows, different := 0, 0
	require.NoError(b, sqlite.DB(store).QueryRowContext(b.Context(), "SELECT count(*), count(DISTINCT question) FROM shop_question").Scan(&rows, &different))
	assert.Equal(b, people, different)
	assert.Equal(b, people, rows)
	channels := chatapi.NewChannels()
	desk, err := durable.Open(b.Context(), store, channels)
	require.NoError(b, err)
	planned := 0
	for q, err := range desk.Outbox.List(b.Context(), durable.QueueFilter{}) {
		require.NoError(b, err)
		planned++
		received := len(api.Customer(q.To.Value()).Received())
		switch q.State {
		case durable.StateSent:
			assert.Equal(b, 1, received)
		case durable.StateReserved, durable.StateUnknown: // it was on its way at a kill
		default:
			assert.Equal(b, durable.StatePlanned, q.State, q.Why)
			assert.Zero(b, received)
		}
	}
	assert.Equal(b, people, planned)
}

// bot is the running program.
type bot struct {
	*testing.T
	program, data, address string
	env                    []string
	command                *exec.Cmd
}

// start starts the program and waits until it listens.
func (b *bot) start(listen string) {
	b.Helper()
	b.command = exec.CommandContext(context.WithoutCancel(b.Context()), b.program, "-listen", listen, "-data", b.data)
	b.command.Env, b.command.Stderr = b.env, b.Output()
	printed, err := b.command.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, b.command.Start())
	b.Cleanup(func() { _ = b.command.Process.Kill() })
	line, err := bufio.NewReader(printed).ReadString('\n')
	require.NoError(b, err)
	b.address = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

func (b *bot) kill() {
	b.Helper()
	require.NoError(b, b.command.Process.Kill())
	_ = b.command.Wait()
}

func (b *bot) stop() {
	b.Helper()
	require.NoError(b, b.command.Process.Signal(os.Interrupt))
	require.NoError(b, b.command.Wait())
}

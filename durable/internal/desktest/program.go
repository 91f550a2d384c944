package desktest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/store"
)

// ProgramStore is the variable that names the store of a program of its own, which the
// main function of a test then is: it opens the store and gives it to Program.
const ProgramStore = "CHATAPI_DESKTEST_STORE"

// Program works on the events of a store until none is open. It dies of an event whose
// text is "poison", and says "slow" when it begins to work on one with that text, which
// takes a second.
func Program(s store.Store) error {
	desk, err := durable.Open(context.Background(), s, chatapi.NewChannels(), quick, durable.Workers(4))
	if err != nil {
		return err
	}
	desk.Inbox.Handle(func(ctx context.Context, e chatapi.Event, w *durable.Work) error {
		switch e.(*chatapi.MessageEvent).Text {
		case "poison":
			os.Exit(3)
		case "slow":
			fmt.Println("slow")
			time.Sleep(time.Second)
		}
		return Effect(ctx, e, w)
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() {
		for open := 1; open > 0; time.Sleep(20 * time.Millisecond) {
			if open, _, err = s.Depth(ctx); err != nil {
				open = 1
			}
		}
		cancel()
	}()
	err = desk.Run(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.New("events are open after a minute")
	}
	return err
}

// Start starts the program of a test on a store.
func Start(t testing.TB, name string) (cmd *exec.Cmd, lines *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ProgramStore+"="+name)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

// PoisonKillsPrograms checks that an event of which real programs die becomes a dead
// letter, and that all others are worked on once.
func PoisonKillsPrograms(t *testing.T, name string, open func() (store.Store, func() error)) {
	s, closeStore := open()
	desk, err := durable.Open(context.Background(), s, chatapi.NewChannels())
	require.NoError(t, err)
	b := &Box{Desk: desk, Store: s, t: t}
	require.NoError(t, s.Update(context.Background(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, effectTable)
		return err
	}))
	messages := []string{Message("poison", 0, "poison"), Message("behind", 0, "x")}
	for n := range 8 {
		messages = append(messages, Message(fmt.Sprint(n), n+1, "x"))
	}
	b.Accept(messages...)
	require.NoError(t, closeStore())
	deaths := 0
	for ; deaths < 10; deaths++ {
		cmd, lines := Start(t, name)
		for lines.Scan() {
		}
		err := cmd.Wait()
		if err == nil {
			break
		}
		require.ErrorContains(t, err, "exit status 3")
	}
	assert.GreaterOrEqual(t, deaths, 3)
	assert.LessOrEqual(t, deaths, 5, "the first death may be counted by nobody")
	s, closeStore = open()
	defer func() { require.NoError(t, closeStore()) }()
	desk, err = durable.Open(context.Background(), s, chatapi.NewChannels())
	require.NoError(t, err)
	letters := (&Box{Desk: desk, Store: s, t: t}).letters(durable.DeadFilter{})
	require.Len(t, letters, 1)
	assert.True(t, strings.HasPrefix(letters[0].Reason, "the program ended each time"), letters[0].Reason)
	assert.Equal(t, []string{"behind"}, Effects(t, s, Phone(0)))
	for n := range 8 {
		assert.Equal(t, []string{fmt.Sprint(n)}, Effects(t, s, Phone(n+1)))
	}
}

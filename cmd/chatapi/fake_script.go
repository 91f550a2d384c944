package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
)

// script is a script of the arguments.
type script struct {
	*chatapitest.Script
	path string
}

// readScript reads a file of -script, which may be a tape.
func readScript(path string) (script, error) {
	text := ""
	if isTape(path) {
		recorded, err := tape.Load(path)
		if err != nil {
			return script{}, fmt.Errorf("-script: %w", err)
		}
		if text, err = recorded.Script(); err != nil {
			return script{}, fmt.Errorf("-script %s: %w", path, err)
		}
	} else {
		data, err := os.ReadFile(path)
		if err != nil {
			return script{}, fmt.Errorf("-script %s cannot be read: %w", path, cause(err))
		}
		text = string(data)
	}
	empty := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		empty = empty && (line == "" || line[0] == '#')
	}
	if empty {
		return script{}, fmt.Errorf("-script %s has no line to play; write, for example, \"Ann is +1 202 555 0143\" and \"Ann: order\"", path)
	}
	parsed, err := chatapitest.ParseScript(path, text)
	return script{parsed, path}, err
}

func isTape(path string) bool { return filepath.Ext(path) == ".tape" }

// play plays the scripts, once the bot listens, and says how each went. Each begins anew.
func (f *fake) play(ctx context.Context) error {
	for _, hook := range f.hooks {
		if err := f.await(ctx, hook); err != nil {
			return err
		}
	}
	var problems []error
	for i, s := range f.scripts {
		if i > 0 {
			if err := f.api.Reset(f.state.beginning()); err != nil {
				return errors.New(plain(err))
			}
		}
		ended := make(chan error, 1)
		go func() { ended <- f.playOne(s) }()
		select {
		case <-ctx.Done():
			return errors.Join(append(problems, fmt.Errorf("%s was ended in the middle", s.path))...)
		case err := <-f.watch.loop:
			return errors.Join(append(problems, err)...)
		case err := <-ended:
			f.watch.look()
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// playOne plays a script and, if the arguments say so, writes it as the conversation went.
func (f *fake) playOne(s script) error {
	s.Within = f.within
	played, err := s.Play(f.api)
	if err == nil {
		fmt.Fprintf(f.out, "%s: the bot answers as the script says.\n", s.path)
		return nil
	}
	if _, mistake := errors.AsType[*chatapitest.ScriptError](err); mistake || !f.update {
		return err
	}
	if err := replace(s.path, []byte(played)); err != nil {
		return fmt.Errorf("-update: %w", err)
	}
	fmt.Fprintf(f.out, "%s: the conversation went otherwise, and the file is written anew. Look at the difference before you keep it.\n", s.path)
	return nil
}

// await waits until something listens at the address of a webhook.
func (f *fake) await(ctx context.Context, hook string) error {
	u, err := url.Parse(hook)
	if err != nil {
		return err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	ctx, cancel := context.WithTimeout(ctx, f.wait)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("-hook %s: nothing listens there, also after %s; start the bot, or give the address at which it listens", hook, f.wait)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

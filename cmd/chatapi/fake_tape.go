package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/tape"
)

// readTape reads the file of -tape.
func readTape(path string) (*tape.Tape, error) {
	recorded, err := tape.Load(path)
	if err != nil {
		return nil, fmt.Errorf("-tape: %w", err)
	}
	if !recorded.KeepsTexts {
		return nil, fmt.Errorf("-tape %s: the tape has the shapes of texts only, so there is nothing to read on the phones; record it with tape.KeepTexts", path)
	}
	return recorded, nil
}

// show shows the conversation of the tape on the phones: the customers act as the script
// of the tape says, and for each line of the bot the fake gets the call on the tape.
func (f *fake) show(ctx context.Context) error {
	text, err := f.tape.Script()
	if err != nil {
		return fmt.Errorf("-tape: %w", err)
	}
	var sends []*tape.Call
	for _, e := range f.tape.Entries {
		if e.Call != nil && strings.HasPrefix(e.Call.Path, "send") {
			sends = append(sends, e.Call)
		}
	}
	ids := map[string]string{} // of the bot's messages, on the tape and here
	for line := range strings.Lines(text) {
		if err := ctx.Err(); err != nil {
			return nil // the person has ended the fake
		}
		line = strings.TrimSpace(line)
		refused := strings.HasPrefix(line, "# refused: ")
		if bot := strings.HasPrefix(line, "Bot") || strings.HasPrefix(line, "# The bot writes "); (bot || refused) && len(sends) > 0 {
			if bot {
				err = f.repeat(ctx, sends[0], ids)
			}
			sends = sends[1:]
		} else {
			err = f.act(line)
		}
		if err != nil {
			f.problems.say("-tape: left out %q: %v", line, err)
		}
	}
	return nil
}

// act plays a line of the customers.
func (f *fake) act(line string) error {
	script, err := chatapitest.ParseScript("", line)
	if err != nil {
		return err
	}
	_, err = script.Play(f.api)
	return err
}

// repeat makes a call of the tape to the fake.
func (f *fake) repeat(ctx context.Context, call *tape.Call, ids map[string]string) error {
	body := call.Body
	for was, is := range ids {
		body = bytes.ReplaceAll(body, []byte(was), []byte(is))
	}
	reply, err := f.post(ctx, call.Path, body)
	if err != nil {
		// The message that it quotes is one of a customer, whose ids differ here.
		if members := map[string]json.RawMessage{}; json.Unmarshal(body, &members) == nil && members["quotedMsgId"] != nil {
			delete(members, "quotedMsgId")
			body, _ = json.Marshal(members)
			reply, err = f.post(ctx, call.Path, body)
		}
	}
	if err != nil {
		return err
	}
	if was := idOf(call.Answer.Body); was != "" {
		ids[was] = idOf(reply)
	}
	return nil
}

// post makes a call to the fake. The error is the reason of a refusal.
func (f *fake) post(ctx context.Context, path string, body []byte) (reply []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.api.URL+"/"+path+"?token="+f.api.Token, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := f.api.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if reply, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	if idOf(reply) == "" {
		return nil, errors.New("the fake refuses the message: " + strings.TrimSpace(string(reply)))
	}
	return reply, nil
}

// idOf returns the id of the message in the answer to a send.
func idOf(reply []byte) string {
	var answer struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(reply, &answer) // a refusal has no id
	return answer.ID
}

package phones

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file has the requests about the fake as a whole.

func getState(_ *sim, r *request) (any, error) {
	var state []byte
	err, done := bounded(r, func() (err error) {
		state, err = r.api.State()
		return err
	})
	switch {
	case !done:
		return nil, wrong(http.StatusConflict, "after %s webhooks are still not answered, for which the state waits; POST /sim/reset drops them", patience)
	case err != nil:
		return nil, wrong(http.StatusConflict, "%v", err)
	case len(state) > maxState:
		return nil, wrong(http.StatusConflict, "the state has %d bytes, and this request returns at most %d; send fewer or smaller files", len(state), maxState)
	}
	return plain{"application/json", state}, nil
}

func putState(_ *sim, r *request) (any, error) {
	if r.body == nil {
		r.body = []byte{}
	}
	return nil, r.api.Reset(r.body)
}

func reset(_ *sim, r *request) (any, error) {
	if _, err := readObject(r.body); err != nil {
		return nil, err
	}
	return nil, r.api.Reset(nil)
}

func getTranscript(_ *sim, r *request) (any, error) {
	text := r.api.Transcript()
	if len(text) > maxTranscript {
		_, end, _ := strings.Cut(text[len(text)-maxTranscript:], "\n")
		text = fmt.Sprintf("# %d lines came before\n", strings.Count(text[:len(text)-len(end)], "\n")) + end
	}
	return plain{"text/plain; charset=utf-8", []byte(text)}, nil
}

// scriptBody is a script to play.
type scriptBody struct {
	Script string `json:"script" doc:"the conversation; see chatapitest.Script"`
	Name   string `json:"name,omitempty" doc:"a name for the errors, such as that of the file"`
	Within string `json:"within,omitempty" doc:"how long an expected message is waited for, such as 500ms; 5s by default, at most 1m"`
}

type scriptError struct {
	Name    string `json:"name,omitempty"`
	Line    int    `json:"line" doc:"from 1"`
	Column  int    `json:"column" doc:"from 1, in signs"`
	Problem string `json:"problem"`
}

type scriptResult struct {
	OK     bool          `json:"ok" doc:"the conversation went as the script says"`
	Played string        `json:"played" doc:"the conversation as it went, which is a script"`
	Error  string        `json:"error,omitempty" doc:"the differing lines, and the likely reason"`
	Lines  []scriptError `json:"lines,omitempty" doc:"the lines that cannot be played"`
}

func playScript(s *sim, r *request) (any, error) {
	var body scriptBody
	if err := decode(r.body, &body); err != nil {
		return nil, err
	}
	script, err := chatapitest.ParseScript(cut(body.Name), body.Script)
	if err != nil {
		return nil, problem{Problem: err.Error(), Lines: scriptErrors(err), status: http.StatusBadRequest}
	}
	if body.Within != "" {
		if script.Within, err = time.ParseDuration(body.Within); err != nil || script.Within <= 0 || script.Within > maxWait {
			return nil, fmt.Errorf("within: %q is no time up to %s, such as 500ms or 5s", cut(body.Within), maxWait)
		}
	}
	if !s.playing.TryLock() {
		return nil, wrong(http.StatusConflict, "another script is being played, and two would mix up their messages; wait for its end")
	}
	defer s.playing.Unlock()
	played, err := script.Play(r.api)
	result := scriptResult{OK: err == nil, Played: played, Lines: scriptErrors(err)}
	if err != nil {
		result.Error = err.Error()
	}
	return result, nil
}

// scriptErrors returns the mistakes in an error of a script.
func scriptErrors(err error) (all []scriptError) {
	if one, ok := err.(*chatapitest.ScriptError); ok {
		return []scriptError{scriptError(*one)}
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, each := range e.Unwrap() {
			all = append(all, scriptErrors(each)...)
		}
	case interface{ Unwrap() error }:
		return scriptErrors(e.Unwrap())
	}
	return all
}

// simChannel is a channel of the fake.
type simChannel struct {
	ID         chatapi.ChannelID `json:"id"`
	Phone      string            `json:"phone"`
	URL        string            `json:"url" doc:"the API URL, for a client"`
	Token      string            `json:"token" doc:"made up by the fake"`
	State      string            `json:"state" doc:"what GET /status answers"`
	Blocked    string            `json:"blocked,omitempty" doc:"the text of a blocked subscription"`
	Expired    bool              `json:"expired" doc:"the token has expired"`
	Standby    bool              `json:"standby" doc:"another agent holds the chats"`
	Webhooks   []simWebhook      `json:"webhooks"`
	Calls      int               `json:"calls"`
	Deliveries int               `json:"deliveries" doc:"webhooks that are acknowledged or given up"`
	Pending    int               `json:"pending" doc:"webhooks whose turn has not come, or that are being delivered"`
	Held       int               `json:"held" doc:"webhooks that are held back on purpose"`
	Faults     int               `json:"faults" doc:"faults that are armed"`
}

type simWebhook struct {
	URL      string `json:"url"`
	Disabled bool   `json:"disabled"`
	Memory   bool   `json:"memory" doc:"it has a handler in the fake's own program"`
	Failed   int    `json:"failed" doc:"how many webhooks in a row were given up"`
	Problem  string `json:"problem,omitempty" doc:"why the last one was"`
}

type simChannels struct {
	Now      time.Time    `json:"now" doc:"the clock of the fake"`
	Channels []simChannel `json:"channels"`
}

func (s *sim) show(c *chatapitest.API) simChannel {
	info := c.Info()
	got := simChannel{ID: info.ID, Phone: info.Phone, URL: info.URL, Token: info.Token, State: info.State, Blocked: info.Blocked, Expired: info.Expired,
		Standby: info.Standby, Webhooks: []simWebhook{}, Calls: info.Calls, Deliveries: info.Deliveries, Pending: info.Pending, Held: info.Held, Faults: len(info.Faults)}
	if s.reached != "" {
		got.URL = s.reached + "/" + string(info.ID)
	}
	for _, h := range info.Webhooks {
		got.Webhooks = append(got.Webhooks, simWebhook(h))
	}
	return got
}

func listChannels(s *sim, _ *request) (any, error) {
	list := simChannels{Now: s.api.Now().Round(0)}
	for _, c := range s.api.Channels() {
		list.Channels = append(list.Channels, s.show(c))
	}
	return list, nil
}

// channelBody is a channel to add.
type channelBody struct {
	ID    string `json:"id" doc:"1 to 64 letters, digits, dashes and underscores"`
	Phone string `json:"phone,omitempty" doc:"the business number; made up by default"`
	Token string `json:"token,omitempty" doc:"made up by default"`
}

func addChannel(s *sim, r *request) (any, error) {
	var body channelBody
	if err := decode(r.body, &body); err != nil {
		return nil, err
	}
	s.adding.Lock()
	defer s.adding.Unlock()
	if len(s.api.Channels()) >= maxChannels {
		return nil, wrong(http.StatusConflict, "the fake has %d channels, and no more are added here", maxChannels)
	}
	if _, err := s.api.Perform("adds channel", "", map[string]string{"channel": body.ID, "phone": body.Phone, "token": body.Token}); err != nil {
		return nil, err
	}
	made, err := s.channel(body.ID)
	if err != nil {
		return nil, err
	}
	return s.show(made), nil
}

func getDocument(s *sim, _ *request) (any, error) {
	return plain{"application/json", s.document()}, nil
}

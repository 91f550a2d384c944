package chatapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi"
)

// stateVersion counts the forms of a state. Raise it when a state of before would be
// read wrongly.
const (
	stateFormat  = "chatapitest state"
	stateVersion = 1
	maxState     = 256 << 20
)

// savedState is the state of a fake as JSON.
type savedState struct {
	Format   string         `json:"format"`
	Version  int            `json:"version"`
	Now      time.Time      `json:"now"`
	Files    string         `json:"files"` // the address below which the fake served media
	Channels []savedChannel `json:"channels"`
}

// State returns the state of the fake with all its channels, as JSON, for [API.Load]:
// tokens, settings, webhook lists, templates, files, groups, flows, customers, messages
// and the clock. It first waits for pending webhooks, as [API.Settle] does. A state has
// no handlers, options such as [Quirks], faults, held back webhooks, calls that go on, and
// lists of what happened ([API.Calls], [API.Delivered], [API.Transcript]).
//
// The tokens in it are those of the fake; a state is no secret unless [Token] gave the
// fake a real one. A state of more than 256 MiB, which only files can fill, is an error.
func (a *API) State() ([]byte, error) {
	if err := a.stray(); err != nil {
		return nil, err
	}
	a.settle()
	w := a.world
	s := savedState{Format: stateFormat, Version: stateVersion, Now: a.now().Round(0)}
	w.mu.Lock()
	s.Files = w.files
	w.mu.Unlock()
	for _, c := range w.all() {
		c.mu.Lock()
		s.Channels = append(s.Channels, c.save())
		c.mu.Unlock()
	}
	data, err := json.MarshalIndent(s, "", " ")
	switch {
	case err != nil:
		return nil, fmt.Errorf("chatapitest: State: %w", err)
	case len(data) > maxState:
		return nil, fmt.Errorf("chatapitest: State: it has %d bytes, and Load reads at most %d; send fewer or smaller files", len(data), maxState)
	}
	return data, nil
}

// Load replaces the state of the fake by one that [API.State] returned. Channels that
// the fake does not have are added; those that it has must be in the state. It gives
// each channel the token of the state, so load it before you make clients, and before
// other goroutines use the fake. Handlers stay with their addresses. A [Customer] of
// before is of no use: ask [API.Customer] again. [API.Calls], [API.Delivered],
// [API.Undelivered] and [API.Transcript] begin anew.
//
// The clock does not go back: if the state is of a later time, by the fake's clock, the
// clock moves there, and otherwise it stays, so that windows have closed meanwhile.
//
// The error is a sentence, and the fake is unchanged: a state that is cut off or damaged,
// of a newer version, of more than 256 MiB, or of other channels.
func (a *API) Load(state []byte) error {
	if err := a.stray(); err != nil {
		return err
	}
	s, err := readState(state)
	if err != nil {
		return fmt.Errorf("chatapitest: Load: %w", err)
	}
	if err := s.check(a.world.all()); err != nil {
		return fmt.Errorf("chatapitest: Load: %w", err)
	}
	a.settle()
	w := a.world
	w.loading.Lock()
	defer w.loading.Unlock()
	sum := fnv.New64a()
	sum.Write(state)
	w.mu.Lock()
	files := w.files
	w.dropped += len(w.log)
	w.log = nil
	w.mu.Unlock()
	if ahead := s.Now.Sub(a.now()); ahead > 0 {
		w.offset.Add(int64(ahead))
	}
	for i, saved := range s.Channels {
		to := a.channelOf("/" + saved.ID)
		if to.channel != saved.ID {
			to = a.AddChannel(chatapi.ChannelID(saved.ID), Phone(saved.Phone))
		}
		fresh := saved.restore(to, s.Files, files)
		fresh.random = rand.New(rand.NewPCG(sum.Sum64(), uint64(i)))
		to.mu.Lock()
		to.adopt(fresh)
		if to.Token != saved.Token {
			to.Token = saved.Token
		}
		to.mu.Unlock()
	}
	return nil
}

// readState reads the JSON of a state.
func readState(data []byte) (s savedState, err error) {
	const advice = "load an older copy, or begin without a state"
	if len(data) > maxState {
		return s, fmt.Errorf("the state has %d bytes, and at most %d are read", len(data), maxState)
	}
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	err = json.Unmarshal(data, &head)
	syntax, isSyntax := errors.AsType[*json.SyntaxError](err)
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return s, errors.New("the state is empty; " + advice)
	case isSyntax && syntax.Offset >= int64(len(bytes.TrimRight(data, " \r\n\t"))):
		return s, fmt.Errorf("the state is cut off after %d bytes; %s", len(data), advice)
	case isSyntax:
		return s, fmt.Errorf("the state is damaged at byte %d: %w; %s", syntax.Offset, err, advice)
	case err != nil || head.Format != stateFormat:
		return s, errors.New("this is no state of a fake; give the bytes that API.State returned")
	case head.Version > stateVersion:
		return s, fmt.Errorf("the state has version %d, and this chatapitest reads up to %d; update the SDK, or begin without a state", head.Version, stateVersion)
	case head.Version < 1:
		return s, fmt.Errorf("the state has the version %d, which never was; %s", head.Version, advice)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("the state is damaged near byte %d: %w; %s", decoder.InputOffset(), err, advice)
	}
	return s, nil
}

// check compares the channels of the state with those of the fake, and each number in it
// with the list that it points into.
func (s savedState) check(have []*API) error {
	seen := map[string]bool{}
	for _, saved := range s.Channels {
		switch {
		case !channelPattern.MatchString(saved.ID):
			return fmt.Errorf("the state has a channel with the wrong id %q", short(saved.ID))
		case seen[saved.ID]:
			return fmt.Errorf("the state has the channel %q twice", saved.ID)
		case !phonePattern.MatchString(saved.Phone):
			return fmt.Errorf("the channel %q of the state has the wrong number %q", saved.ID, short(saved.Phone))
		}
		seen[saved.ID] = true
		if err := saved.check(); err != nil {
			return fmt.Errorf("the channel %q of the state: %w; load an older copy, or begin without a state", saved.ID, err)
		}
	}
	for _, c := range have {
		if !seen[c.channel] {
			return fmt.Errorf("the fake has the channel %q, which the state has not; give New the option Channel with an id of the state", c.channel)
		}
	}
	return nil
}

// adopt takes over what a state has; the caller holds mu.
func (a *API) adopt(fresh *API) {
	a.abandon("the fake has loaded another state")
	for _, c := range a.customers {
		c.gone = true
	}
	a.random, a.phone = fresh.random, fresh.phone
	a.blocked, a.expired, a.state, a.standby = fresh.blocked, fresh.expired, fresh.state, fresh.standby
	a.profile, a.settings, a.templates, a.media = fresh.profile, fresh.settings, fresh.templates, fresh.media
	a.customers, a.people, a.names, a.groups = fresh.customers, fresh.people, fresh.names, fresh.groups
	a.history, a.messages, a.family, a.hooks = fresh.history, fresh.messages, fresh.family, fresh.hooks
	a.calls, a.deliveries = nil, nil
	a.faults, a.misdeliveries = nil, nil
	for _, g := range a.family.groups {
		g.api = a
		a.changed(g.thread)
	}
	for _, c := range a.customers {
		a.changed(c.thread)
	}
	a.changed()
}

// moved returns an address of a file below the address at which the fake serves files
// now.
func moved(address, before, now string) string {
	if before == "" {
		return address
	}
	if name, ok := strings.CutPrefix(address, before); ok {
		return now + name
	}
	return address
}

// numbersOf returns the places of customers in the list.
func numbersOf(list, of []*Customer) (numbers []int) {
	for _, c := range of {
		numbers = append(numbers, slices.Index(list, c))
	}
	return numbers
}

package phones

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file carries out acts.

// acted is the answer to an act.
type acted struct {
	ID      string `json:"id" doc:"the id of the message or call; empty if the act has none, and while it is pending"`
	Pending bool   `json:"pending,omitempty" doc:"the act is done, but after 30 seconds its webhooks are not all answered; GET /sim/channels and GET /sim/deliveries tell more"`
}

// serveAct carries out an act of the path.
func (s *sim) serveAct(w http.ResponseWriter, r *http.Request) {
	limit := int64(maxBody)
	act, known := actOf(r.PathValue("act"))
	if known && slices.ContainsFunc(act.Args, func(a chatapitest.Arg) bool { return a.Kind == chatapitest.ArgFile }) {
		limit = maxFileBody
	}
	s.serve(w, r, limit, func(s *sim, got *request) (any, error) {
		actor, who := chatapitest.Actor(r.PathValue("actor")), r.PathValue("who")
		if actor == "" {
			actor = chatapitest.ActorCustomer
		}
		switch {
		case !known: // Perform knows the likeliest one that was meant
			_, err := got.api.Perform(r.PathValue("act"), who, nil)
			return nil, wrong(http.StatusNotFound, "%v; GET /sim/acts lists them", strings.TrimSuffix(err.Error(), "; Acts lists them"))
		case act.Actor != actor:
			return nil, wrong(http.StatusNotFound, "%q is an act of the %s: POST %s", act.Name, act.Actor, pathOf(act))
		}
		args, err := readArgs(act, got.body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", act.Name, err)
		}
		return s.perform(got, act.Name, who, args)
	})
}

// actOf returns the act of a path.
func actOf(name string) (chatapitest.Act, bool) {
	name = strings.ReplaceAll(name, "-", " ")
	for _, act := range chatapitest.Acts() {
		if act.Name == name {
			return act, true
		}
	}
	return chatapitest.Act{}, false
}

// pathOf returns the path of an act.
func pathOf(act chatapitest.Act) string {
	name := strings.ReplaceAll(act.Name, " ", "-")
	if act.Actor == chatapitest.ActorCustomer {
		return "/sim/customers/{who}/" + name
	}
	return "/sim/" + string(act.Actor) + "/" + name
}

// perform carries out an act. It does not wait for ever for a bot that does not answer.
func (s *sim) perform(got *request, name, who string, args map[string]string) (any, error) {
	var id string
	err, done := bounded(got, func() (err error) {
		id, err = got.api.Perform(name, who, args)
		return err
	})
	if !done {
		return acted{Pending: true}, nil
	}
	return acted{ID: id}, err
}

// bounded calls do, and reports whether do has returned before the patience ends or the
// caller goes away.
func bounded(got *request, do func() error) (err error, done bool) {
	result := make(chan error, 1)
	go aside(do, result)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-result:
		return err, true
	case <-timer.C:
	case <-got.Context().Done():
	}
	return nil, false
}

// aside calls do. A fake that delivers a webhook over a real connection knows this
// function by its name: the request may come from the program that has to answer, so an
// act below it does not wait for the webhook.
func aside(do func() error, result chan<- error) {
	err := errors.New("the act has ended its goroutine")
	defer func() { result <- err }()
	err = do()
}

// readArgs reads the arguments of an act from a JSON object.
func readArgs(act chatapitest.Act, body []byte) (map[string]string, error) {
	members, err := readObject(body)
	if err != nil {
		return nil, err
	}
	args := map[string]string{}
	for _, member := range slices.Sorted(maps.Keys(members)) {
		name, kind := member, chatapitest.ArgText
		for _, arg := range act.Args {
			if memberOf(arg) == strings.NewReplacer(" ", "_", "-", "_").Replace(member) {
				name, kind = arg.Name, arg.Kind
			}
		}
		if _, twice := args[name]; twice {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		if args[name], err = readArg(kind, members[member]); err != nil {
			return nil, fmt.Errorf("%s: %w", cut(member), err)
		}
	}
	return args, nil
}

// memberOf returns the name of an argument in JSON.
func memberOf(arg chatapitest.Arg) string { return strings.ReplaceAll(arg.Name, " ", "_") }

// readObject reads a JSON object; an empty body is an empty one.
func readObject(body []byte) (map[string]json.RawMessage, error) {
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return nil, errors.New("the body is no JSON object")
	}
	return members, nil
}

// readArg returns the text of an argument. A number and a flag may stand for their texts.
func readArg(kind chatapitest.ArgKind, value json.RawMessage) (text string, err error) {
	if string(value) == "null" {
		return "", nil
	}
	switch value[0] {
	case '"':
		err = json.Unmarshal(value, &text)
	case '{', '[':
		if kind != chatapitest.ArgJSON {
			return "", errors.New("give a text, not an object or a list")
		}
		return string(value), nil
	default:
		text = string(value)
	}
	if err == nil && kind == chatapitest.ArgFile {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", fmt.Errorf("this is no base64: %w", err)
		}
		return string(data), nil
	}
	return text, err
}

// decode reads a JSON object into a body. An unknown member is an error.
func decode(body []byte, into any) error {
	if _, err := readObject(body); err != nil {
		return err
	}
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

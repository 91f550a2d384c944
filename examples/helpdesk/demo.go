package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

// demo is the made-up Chat API with its customers.
type demo struct {
	api     *chatapitest.API // the channel of Sales
	support *chatapitest.API // a channel that is not connected yet
	page    *phones.Handler
	address string // of the phones
	apiURL  string // of the channel of Sales
	state   string // file in which the fake is kept; "" in a folder that does not stay
	fresh   bool   // the fake is not one of before
	saved   uint64 // the number of changes that the file has

	jumped chan struct{} // receives when the clock has jumped
	stop   context.CancelFunc
	ended  chan struct{}
}

// The channels of the demo.
const (
	salesChannel   = "ABC100000001"
	supportChannel = "ABC100000002"
)

// demoPast is how long before now the demo's fake begins, so that its sample chats have a
// past.
const demoPast = 27 * time.Hour

func startDemo(s *settings) (*demo, error) {
	d := &demo{state: filepath.Join(s.dir, "phones.json"), jumped: make(chan struct{}, 1), ended: make(chan struct{})}
	saved, err := os.ReadFile(d.state)
	d.fresh = errors.Is(err, fs.ErrNotExist)
	if err != nil && !d.fresh {
		return nil, err
	}
	options := []chatapitest.Option{chatapitest.Channel(salesChannel), chatapitest.AllowUndelivered(),
		chatapitest.Redeliver(0, 500*time.Millisecond), chatapitest.ApproveAfter(10 * time.Second)}
	if d.fresh {
		options = append(options, chatapitest.At(time.Now().Add(-demoPast)))
	}
	if d.api, err = chatapitest.Start(options...); err != nil {
		return nil, err
	}
	if err := d.fill(saved); err != nil {
		d.api.Close()
		return nil, err
	}
	if err := d.listen(s.phones); err != nil {
		d.api.Close()
		return nil, err
	}
	watching, stop := context.WithCancel(context.Background())
	d.stop = stop
	go d.watch(watching)
	return d, nil
}

// fill gives the fake the state of before, or its second channel and its templates.
func (d *demo) fill(saved []byte) error {
	if d.fresh {
		d.support = d.api.AddChannel(supportChannel)
		for _, c := range []*chatapitest.API{d.api, d.support} {
			c.Template("order_ready", "en", "Hello {{1}}, your order {{2}} is ready.")
			c.Template("visit_reminder", "en", "Hello {{1}}, we see you on {{2}} at {{3}}.")
		}
		return nil
	}
	if err := d.api.Load(saved); err != nil {
		return fmt.Errorf("the phones of %s cannot go on: %w", filepath.Dir(d.state), err)
	}
	for _, c := range d.api.Channels() {
		if c.ChannelID() == supportChannel {
			d.support = c
		}
	}
	if d.support == nil {
		return fmt.Errorf("%s is not of this demo: it has no channel %s", d.state, supportChannel)
	}
	return nil
}

// listen serves the phones and the fake at one port.
func (d *demo) listen(address string) (err error) {
	var page atomic.Pointer[phones.Handler]
	d.apiURL, err = d.api.ListenAt(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := page.Load(); h != nil {
			h.ServeHTTP(w, r)
		}
	}))
	if errors.Is(err, syscall.EADDRINUSE) {
		return portTaken("-phones", address)
	}
	if err != nil {
		return fmt.Errorf("-phones %s: %s", address, strings.TrimPrefix(err.Error(), "chatapitest: ListenAt: "))
	}
	d.address = strings.TrimSuffix(d.apiURL, "/"+salesChannel)
	d.page = phones.New(d.api, phones.Title("Phones of the demo"), phones.ServedAt(d.address), phones.Cabinet(
		phones.CabinetLine{Label: "Support, not connected yet: API URL", Value: d.address + "/" + supportChannel},
		phones.CabinetLine{Label: "Support: Token", Value: d.support.Token},
		phones.CabinetLine{Label: "A wrong token", Value: strings.ToLower(d.support.Token[len(d.support.Token)/2:]) + "wrong"},
		phones.CabinetLine{Label: "A wrong API URL", Value: "http://127.0.0.1:1/" + supportChannel},
	))
	page.Store(d.page)
	return nil
}

// clientOptions let the channels' clients fetch customers' files from the fake, which is on
// this machine.
func (d *demo) clientOptions() []chatapi.Option {
	return []chatapi.Option{chatapi.WithUnguardedMediaTransport(http.DefaultTransport)}
}

// watch tells when the fake's clock has jumped, and keeps the state in its file.
func (d *demo) watch(ctx context.Context) {
	defer close(d.ended)
	offset := time.Until(d.api.Now())
	var saved time.Time
	for {
		n, changed := d.api.Changes()
		if now := time.Until(d.api.Now()); (now - offset).Abs() > time.Second {
			offset = now
			select {
			case d.jumped <- struct{}{}:
			default:
			}
		}
		if n != d.saved && time.Since(saved) > 3*time.Second {
			saved = time.Now()
			_ = d.save() // the end says what is wrong
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(3 * time.Second):
		}
	}
}

// save writes the state, whole or not at all.
func (d *demo) save() error {
	n, _ := d.api.Changes()
	data, err := d.api.State()
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.state+".new", data, 0o600); err != nil {
		return err
	}
	d.saved = n
	return os.Rename(d.state+".new", d.state)
}

// close ends the phones and keeps their state.
func (d *demo) close() error {
	d.stop()
	<-d.ended
	d.page.Close()
	err := d.save()
	d.api.Close()
	return err
}

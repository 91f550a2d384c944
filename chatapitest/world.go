package chatapitest

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chatapi-go/chatapi"
)

// world is the part of a fake that all its channels share.
type world struct {
	origin

	offset atomic.Int64 // of the fake's clock from package time
	born   time.Time    // package time at the start, without a monotonic part
	at     time.Time    // the clock at the start; zero if it is package time
	bubble string       // the synctest bubble that made the fake; empty outside

	channels atomic.Pointer[[]*API] // in the order in which they were added; the list is never changed, but replaced

	loading sync.Mutex // held by Load and Reset; taken before any other lock

	mu       sync.Mutex // guards the rest; no other lock is taken while it is held
	tb       testing.TB // nil for programs and after Close
	problems []error
	hosts    map[string]bool
	files    string // the address below which the fake serves media
	strayed  bool   // use outside the bubble was reported
	log      []entry
	dropped  int // entries that the log no longer has
	changes  uint64
	next     chan struct{} // closed at the next change; nil if nobody waits
}

// origin is the source of everything that a fake makes up.
type origin struct {
	name   string // of the test; empty for a program
	seed   uint64
	given  bool   // the seed was given
	place  uint64 // among the open fakes of that name that were given no seed
	opened bool   // place is taken
}

// open counts the fakes without a seed of their own, by the name of their test.
var open = struct {
	sync.Mutex
	fakes map[string]*struct{ now, ever uint64 }
}{fakes: map[string]*struct{ now, ever uint64 }{}}

// newOrigin returns the origin of a fake. Two fakes that are open at the same time
// differ, unless both have the same name and were given the same seed.
func newOrigin(name string, seed uint64, given bool) origin {
	o := origin{name: name, seed: seed, given: given}
	if given {
		return o
	}
	open.Lock()
	defer open.Unlock()
	count := open.fakes[name]
	if count == nil {
		count = &struct{ now, ever uint64 }{}
		open.fakes[name] = count
	}
	o.place, o.opened = count.ever, true
	count.now, count.ever = count.now+1, count.ever+1
	return o
}

// close gives the place back: when the last fake of a name is closed, the next one
// begins again.
func (o *origin) close() {
	if !o.opened {
		return
	}
	o.opened = false
	open.Lock()
	defer open.Unlock()
	count := open.fakes[o.name]
	if count.now--; count.now == 0 {
		delete(open.fakes, o.name)
	}
}

// random returns the source of the nth channel's ids, or of the host for hostSource.
func (o origin) random(nth int) *rand.Rand {
	sum := fnv.New64a()
	fmt.Fprint(sum, o.name)
	return rand.New(rand.NewPCG(o.seed, sum.Sum64()^(o.place<<16|uint64(nth))*0x9e3779b97f4a7c15))
}

const hostSource = 0xffff // no fake has so many channels

// The fake's host in memory is a name below apiHost, and mediaHost is the host of
// the files that customers send. Every fake answers at both, too. No such name
// exists on any network.
const (
	apiHost   = "chatapi.test"
	mediaHost = "media.chatapi.test"
)

// newWorld returns a world with a host of its own.
func newWorld(o origin) (w *world, host string) {
	label := fmt.Sprintf("%08x", o.random(hostSource).Uint32())
	host = label + "." + apiHost
	media := "media." + host
	return &world{origin: o, born: time.Now().Round(0), bubble: bubble(), files: "https://" + media + "/",
		hosts: map[string]bool{host: true, media: true, apiHost: true, mediaHost: true}}, host
}

// all returns the channels; the caller must not change the list.
func (w *world) all() []*API {
	if list := w.channels.Load(); list != nil {
		return *list
	}
	return nil
}

// channelOf returns the channel of a path, such as "/ABC100000001/status", or a
// itself if the fake has no such channel.
func (a *API) channelOf(path string) *API {
	id, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for _, other := range a.world.all() {
		if other.channel == id {
			return other
		}
	}
	return a
}

// AddChannel adds a channel to the fake and returns it. The channel has its own
// token, webhooks, templates, customers and history. It shares the fake's host,
// its Transport, its ports and its clock, so that [API.Advance] of one channel
// moves the time of all. A person who writes to two channels is a customer of
// each. [API.Close] of any channel closes all, and [API.Settle] waits for all.
//
// The number of the second channel is "12025550101" by default, that of the third
// "12025550102" and so on. The options [At] and [Seed] belong to the fake: they
// fail the test here. A channel that the fake has already fails the test too, and
// AddChannel returns it.
func (a *API) AddChannel(id chatapi.ChannelID, opts ...Option) *API {
	nth := len(a.world.all())
	o := options{seed: a.world.seed, channel: string(id), phone: fmt.Sprint(12025550100 + nth)}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if !o.at.IsZero() || o.seeded {
		a.report("AddChannel: At and Seed belong to the whole fake; give them to New or Start")
	}
	made, err := a.addChannel(o)
	a.ok(err)
	return made
}

// addChannel adds a channel, or returns the one that the fake has already. Wrong options
// are replaced by their defaults.
func (a *API) addChannel(o options) (*API, error) {
	problem := o.mend()
	if problem != nil {
		problem = fmt.Errorf("AddChannel: %w", problem)
	}
	if had := a.channelOf(o.channel); had.channel == o.channel {
		return had, errors.Join(problem, fmt.Errorf("AddChannel: the fake has a channel %q already", short(o.channel)))
	}
	made := a.world.add(o, strings.TrimSuffix(a.URL, "/"+a.channel))
	made.changed()
	return made, problem
}

// add makes a channel at an address.
func (w *world) add(o options, address string) *API {
	w.mu.Lock()
	defer w.mu.Unlock()
	channels := w.all()
	a := newAPI(w, o, len(channels))
	a.URL = address + "/" + o.channel
	channels = append(slices.Clone(channels), a)
	w.channels.Store(&channels)
	return a
}

// mend replaces wrong options by their defaults and names them.
func (o *options) mend() error {
	var problem error
	if !channelPattern.MatchString(o.channel) {
		problem = errors.Join(problem, fmt.Errorf("Channel: %q must be 1 to 64 letters, digits, dashes or underscores", o.channel))
		o.channel = "ABC100000001"
	}
	if !phonePattern.MatchString(o.phone) {
		problem = errors.Join(problem, fmt.Errorf("Phone: %q must be 6 to 15 digits", o.phone))
		o.phone = "12025550100"
	}
	if o.tries < 0 || o.pause < 0 {
		problem = errors.Join(problem, errors.New("Redeliver: tries and pause must not be negative"))
		o.tries, o.pause = 0, 0
	}
	return problem
}

// token returns a token of a channel's source. A program that gives no seed gets
// another token each time, so that no web page can guess it.
func (o origin) token(random *rand.Rand) string {
	made := fmt.Sprintf("faketoken%016x", random.Uint64()) // always, so that the ids stay the same
	if o.name == "" && !o.given {
		return "faketoken" + strings.ToLower(crand.Text())
	}
	return made
}

// report keeps a problem for Err and fails the test, if there is one.
func (a *API) report(format string, args ...any) {
	err := fmt.Errorf("chatapitest: "+format, args...)
	w := a.world
	w.mu.Lock()
	w.problems = append(w.problems, err)
	tb := w.tb
	w.mu.Unlock()
	if tb != nil {
		tb.Helper()
		tb.Error(err)
	}
}

// bubble returns the synctest bubble of the calling goroutine, such as "synctest
// bubble 1"; empty outside. The runtime tells it only in the first line of a stack.
func bubble() string {
	var stack [96]byte
	line, _, _ := strings.Cut(string(stack[:runtime.Stack(stack[:], false)]), "\n")
	if _, name, ok := strings.Cut(line, "synctest bubble "); ok {
		name, _, _ = strings.Cut(name, "]")
		return "synctest bubble " + name
	}
	return ""
}

// stray returns an error if the caller is in another synctest bubble than the fake,
// where the runtime would end the program. It looks at the clock first, because
// the clock of a bubble begins in the year 2000 and a look at the stack is slow.
func (a *API) stray() error {
	w := a.world
	elapsed := time.Now().Round(0).Sub(w.born)
	if w.bubble == "" && elapsed >= -24*time.Hour && elapsed < 365*24*time.Hour {
		return nil
	}
	if bubble() == w.bubble {
		return nil
	}
	w.mu.Lock()
	first := !w.strayed
	w.strayed = true
	w.mu.Unlock()
	if first {
		a.report("%w", errStray)
	}
	return errStray
}

var errStray = errors.New("the fake was made outside the testing/synctest bubble that uses it, or is used outside its bubble; call chatapitest.New inside the function that synctest.Test runs")

// guard refuses the requests that a web page could make a browser send to a port of
// this machine: those for another host, whose name may lead here, and those from
// another site.
func (a *API) guard(port string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, at, err := net.SplitHostPort(r.Host)
		ip := net.ParseIP(host)
		if err != nil || at != port || !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "chatapitest: the fake serves only this machine, at 127.0.0.1 and localhost; the Host of the request is another", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign reports whether a browser says that a page of another site made the
// request. Browsers send Sec-Fetch-Site since 2023 and Origin with every POST; other
// programs send neither.
func foreign(header http.Header) bool {
	if header.Get("Sec-Fetch-Site") == "cross-site" {
		return true
	}
	origin := header.Get("Origin")
	return origin != "" && !loopback(origin)
}

package browser_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

// probed is the customer whose request Ann has open.
const probed = "12025550199"

// watchProbes notes in the page when each probe was painted: after the second frame, when
// the first one has been shown.
const watchProbes = `window.painted = {}
new MutationObserver(() => {
	const found = [...document.querySelector("#thread").innerText.matchAll(/probe (\d+) /g)].map(m => m[1]).filter(n => !(n in painted))
	for (const n of found) painted[n] = 0
	requestAnimationFrame(() => requestAnimationFrame(() => { for (const n of found) painted[n] = Date.now() }))
}).observe(document.querySelector("#thread"), {childList: true, subtree: true, characterData: true}); true`

// TestLoad lets customers write while two agents work. "make load" does it for a minute
// with 200 messages a second, and prints what it measured beside the bars.
func TestLoad(t *testing.T) {
	seconds, rate := setting("HELPDESK_LOAD_SECONDS", 5), setting("HELPDESK_LOAD_RATE", 40)
	browser.Walk(t, "load: customers write while two agents work", func(w *browser.Walker) {
		s := startService(w)
		p, ann := startReal(w, s)
		numbers := p.more(ann)
		max := w.Tab()
		max.Go(p.address + "/requests")
		p.says(probed, "I have a question")
		max.Sees("I have a question") // and so the request of the probes is the first one
		p.says("12025550198", "And I have another one")
		max.Sees("And I have another one")
		ann.Go(p.address + "/requests/1")
		ann.Until("!!document.querySelector('#composer-text')", "there is no composer")
		browser.Eval[bool](ann, watchProbes)
		probes := &probes{s: s, p: p}
		idle := probes.during(w, ann, time.Duration(seconds)*time.Second, func() {})
		stop := s.load(w, numbers, rate)
		began, work := time.Now(), 0
		loaded := probes.during(w, ann, time.Duration(seconds)*time.Second, func() {
			work++
			answer(ann, fmt.Sprintf("answer %d of Ann", work))
			max.Go(fmt.Sprintf("%s/requests/%d", p.address, 2+work%9))
			answer(max, fmt.Sprintf("answer %d of Max", work))
		})
		took := time.Since(began)
		written := stop()
		probes.writers.Wait()
		const questions = "FROM desk_message WHERE body LIKE 'question % of the crowd'"
		require.Eventually(w, func() bool { return p.count("SELECT count(*) "+questions) >= written }, time.Minute, 100*time.Millisecond, "messages are missing")
		behind := time.Since(began) - took
		assert.Equal(w, written, p.count("SELECT count(*) "+questions), "no message is there twice")
		assert.Equal(w, written, p.count("SELECT count(DISTINCT body) "+questions+" AND request > 0"), "each is in a request")
		assert.Equal(w, 2*work, p.count("SELECT count(*) FROM desk_message WHERE direction = 'out'"), "each answer is one message")
		sizes, perAgent := p.weigh(w)
		fmt.Printf("BenchmarkHelpdeskLoad %d %.0f messages/s %.0f ms-behind %d answers %s%s%.0f x-helpdesk-agent-memory %s\n",
			written, float64(written)/took.Seconds(), float64(behind.Milliseconds()), 2*work, idle.metrics("-idle"), loaded.metrics(""), perAgent, sizes)
	})
}

// setting reads a number of the environment.
func setting(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

// answer writes and sends an answer, and waits until the field is empty.
func answer(page *browser.Page, text string) {
	page.Until("!!document.querySelector('#composer-text')", "there is no composer")
	browser.Eval[bool](page, `(document.querySelector("#composer-text").value = "`+text+`", document.querySelector("[data-panel=reply]").requestSubmit(), true)`)
	empties(page)
}

// probes are messages of one customer, some a second, whose way to the screen is measured.
type probes struct {
	s       *service
	p       *program
	count   int
	writers sync.WaitGroup
}

// latencies are how long messages took until they were painted: from their arrival at the
// helpdesk, and from the customer, with the made-up service.
type latencies struct{ server, customer []time.Duration }

// metrics returns the medians and 95th percentiles in milliseconds.
func (l latencies) metrics(when string) string {
	at := func(all []time.Duration, share float64) float64 {
		return float64(all[int(math.Ceil(float64(len(all))*share))-1].Microseconds()) / 1000
	}
	return fmt.Sprintf("%.0f x-helpdesk-painted%s %.0f ms-painted-median%s %.0f ms-from-customer%s %.0f ms-from-customer-median%s ",
		at(l.server, 0.95), when, at(l.server, 0.5), when, at(l.customer, 0.95), when, at(l.customer, 0.5), when)
}

// during sends probes while agents work, and returns how long they took.
func (b *probes) during(w *browser.Walker, page *browser.Page, long time.Duration, work func()) (l latencies) {
	w.Helper()
	sent, first := []time.Time{}, b.count
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(300 * time.Millisecond) { // a real page in real time
			b.count++
			sent = append(sent, time.Now())
			text := fmt.Sprintf("probe %d !", b.count)
			b.writers.Go(func() { b.s.write(w, probed, text) })
		}
	}()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-time.After(500 * time.Millisecond):
			work()
		}
	}
	page.Until(fmt.Sprintf("window.painted[%d] > 0", b.count), "the last message is not painted")
	painted, arrived := browser.Eval[map[string]float64](page, "window.painted"), b.p.arrived(w)
	for n, at := range sent {
		name := strconv.Itoa(first + n + 1)
		require.Positive(w, painted[name], "message %s was never painted", name)
		require.Contains(w, arrived, name)
		on := time.UnixMilli(int64(painted[name]))
		l.server, l.customer = append(l.server, on.Sub(arrived[name])), append(l.customer, on.Sub(at))
	}
	slices.Sort(l.server)
	slices.Sort(l.customer)
	return l
}

// arrived returns when the webhooks of probes arrived at the helpdesk, by their numbers.
func (p *program) arrived(w *browser.Walker) map[string]time.Time {
	w.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.dir, "accept.db")+"?mode=ro")
	require.NoError(w, err)
	defer db.Close()
	rows, err := db.QueryContext(w.Context(), "SELECT received, body FROM delivery WHERE CAST(body AS TEXT) LIKE '%probe % !%'")
	require.NoError(w, err)
	defer rows.Close()
	all := map[string]time.Time{}
	for rows.Next() {
		var received int64
		var body []byte
		require.NoError(w, rows.Scan(&received, &body))
		_, text, _ := strings.Cut(string(body), "probe ")
		number, _, _ := strings.Cut(text, " !")
		all[number] = time.UnixMicro(received)
	}
	require.NoError(w, rows.Err())
	return all
}

// more connects seven more numbers, to which the crowd writes, and returns their channels.
// The made-up service delivers a number's webhooks one after the other. With a single number
// messages would wait for their turn there, and the helpdesk would wait for messages.
func (p *program) more(page *browser.Page) (numbers []string) {
	p.w.Helper()
	for n := range 7 {
		added := p.post("/sim/channels", map[string]any{"id": fmt.Sprintf("ABC20000000%d", n)})
		connect(page, added["url"].(string), added["token"].(string))
		numbers = append(numbers, added["id"].(string))
	}
	return numbers
}

// load lets 200 customers write to some numbers at a rate until it is stopped, and returns
// how many messages there were.
func (s *service) load(w *browser.Walker, numbers []string, rate int) (stop func() int) {
	ctx, cancel := context.WithCancel(w.Context())
	due := time.NewTicker(time.Second / time.Duration(rate))
	began := make(chan int, 1)
	var writers sync.WaitGroup
	go func() {
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				began <- n
				return
			case <-due.C:
			}
			customer := n % 200
			who := fmt.Sprintf("1%d55501%02d?channel=%s", 212+customer/100, customer%100, numbers[customer%len(numbers)])
			writers.Go(func() { s.write(w, who, fmt.Sprintf("question %05d of the crowd", n)) })
		}
	}()
	return func() int {
		cancel()
		due.Stop()
		written := <-began
		writers.Wait()
		return written
	}
}

// many keeps the connections of many who write at once.
var many = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// write lets a customer write a text, "12025550143" or "12025550143?channel=ABC200000001".
// The service answers late while others write, since it waits until no webhook is on its way.
func (s *service) write(w *browser.Walker, who, text string) bool {
	number, query, _ := strings.Cut(who, "?")
	answer, err := many.Post(s.address+"/sim/customers/"+number+"/says?"+query, "application/json", strings.NewReader(fmt.Sprintf(`{"text":%q}`, text))) //nolint:noctx // the message is not to be cut off
	if err != nil {
		w.Errorf("a customer could not write: %v", err)
		return false
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode/100 != 2 { // 202 says that other webhooks were on their way for 30 seconds
		w.Errorf("a customer could not write: the service answered %d", answer.StatusCode)
		return false
	}
	return true
}

// weigh starts the program anew and returns how many bytes pages, script and style have, as
// metrics, and how many bytes of memory it needs for each open stream.
func (p *program) weigh(w *browser.Walker) (sizes string, perAgent float64) {
	w.Helper()
	w.Allow("failed request", "answer 503") // while the program is not there
	p.kill()
	p.run()
	jar, err := cookiejar.New(nil)
	require.NoError(w, err)
	client := &http.Client{Jar: jar, Transport: &http.Transport{}}
	w.Cleanup(client.CloseIdleConnections)
	signed, err := client.Post(p.links["ann@example.com"], "", http.NoBody) //nolint:noctx // of a test
	require.NoError(w, err)
	require.NoError(w, signed.Body.Close())
	get := func(path string) []byte {
		resp, err := client.Get(p.address + path) //nolint:noctx // of a test
		require.NoError(w, err)
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		require.NoError(w, err)
		require.Equal(w, http.StatusOK, resp.StatusCode, path)
		return data
	}
	page := get("/requests/1")
	kilobytes := map[string]float64{}
	for _, name := range []string{"/requests", "/requests/1", "/manage/channels"} {
		kilobytes["page"] = max(kilobytes["page"], float64(len(get(name)))/1000)
	}
	for _, file := range regexp.MustCompile(`/static/[^"]+\.(js|css)`).FindAllSubmatch(page, -1) {
		kilobytes[string(file[1])] += float64(len(get(string(file[0])))) / 1000
	}
	const streams = 300
	before := p.memory(w)
	for range streams {
		stream, err := client.Get(p.address + "/events?after=0") //nolint:noctx // of a test
		require.NoError(w, err)
		require.Equal(w, http.StatusOK, stream.StatusCode)
		w.Cleanup(func() { _ = stream.Body.Close() })
	}
	perAgent = float64(p.memory(w)-before) / streams
	return fmt.Sprintf("%.1f x-helpdesk-page-kb %.1f x-helpdesk-script-kb %.1f x-helpdesk-style-kb", kilobytes["page"], kilobytes["js"], kilobytes["css"]), perAgent
}

// memory returns how many bytes of memory the program has.
func (p *program) memory(w *browser.Walker) int {
	w.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	require.NoError(w, err)
	_, rest, found := bytes.Cut(status, []byte("VmRSS:"))
	require.True(w, found)
	kilobytes, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	require.NoError(w, err)
	return kilobytes * 1024
}

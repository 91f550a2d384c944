package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/internal/deskbench"
	"github.com/chatapi-go/chatapi/durable/internal/desktest"
	"github.com/chatapi-go/chatapi/durable/internal/store"
	"github.com/chatapi-go/chatapi/durable/postgres"
	"github.com/chatapi-go/chatapi/internal/pgtest"
)

func place(b *testing.B) deskbench.Place {
	server := pgtest.Shared(b)
	return deskbench.Place{
		New: func(b *testing.B) store.Store { return open(b, database(b)) },
		// Sixteen connections, whose commits share what the disk has to do.
		Alone: func(b *testing.B, s store.Store) func(do func(ctx context.Context, tx store.Tx) error) error {
			pool := bare(b, address(b, s.(*postgres.Store)), 16)
			return func(do func(ctx context.Context, tx store.Tx) error) error {
				return pgx.BeginFunc(context.Background(), pool, func(own pgx.Tx) error {
					return do(context.Background(), postgres.Own(s.(*postgres.Store), own))
				})
			}
		},
		Fill: func(b *testing.B, s store.Store, from, to int) {
			series := fmt.Sprintf(" FROM generate_series(%d, %d) AS i", from+1, to)
			now := fmt.Sprint(time.Now().UnixMicro())
			const key, bytes = "uuid_send(gen_random_uuid())", "decode(repeat(md5(i::text), 9), 'hex')"
			run(b, address(b, s.(*postgres.Store)), "SET search_path = chatapi",
				"INSERT INTO seen (khash) SELECT "+key+series,
				"INSERT INTO delivery SELECT i, 'ABC100000001', "+now+", "+now+", '', "+bytes+" || "+bytes+" || "+bytes+" || "+bytes+series,
				"INSERT INTO inbox SELECT i, i, 0, "+key+", 'ABC100000001 ' || (i % 100000), "+now+", false"+series,
				fmt.Sprintf("SELECT setval('delivery_number', %d), setval('inbox_number', %[1]d)", to),
				deskbench.FillOutbox(key, bytes+" || "+bytes, now)+series,
				"INSERT INTO outbox_attempt SELECT i, 1, "+bytes+" || "+bytes+", "+now+", '', 'sent'"+series,
				"ANALYZE")
		},
		CPU: func() time.Duration { return serverCPU(server.PID()) },
	}
}

// serverCPU is the processor time of a server's processes, those that have ended too, where the system
// tells of it in /proc.
func serverCPU(server int) (used time.Duration) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if parent, _ := strconv.Atoi(fields[1]); parent != server && pid != server {
			continue
		}
		times := fields[11:13] // of the process
		if pid == server {
			times = fields[11:15] // and of its children that have ended
		}
		for _, ticks := range times {
			n, _ := strconv.Atoi(ticks)
			used += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return used
}

// BenchmarkDeskTakeover kills a program with a hundred chats under way, and measures until
// another one has handled all that it left.
func BenchmarkDeskTakeover(b *testing.B) {
	const chats, kills = 100, 5
	var waits []time.Duration
	for b.Loop() {
		url := database(b)
		var handled sync.Map // of the times, by the keys of events
		desktest.Open(b, open(b, url), chatapi.NewChannels(), func(_ context.Context, e chatapi.Event, _ *durable.Work) error {
			handled.LoadOrStore(e.Key(), time.Now())
			return nil
		})
		for kill := range kills {
			program := exec.Command(os.Args[0], "-test.run=^TestProgramThatIsKilled$", "-test.v")
			program.Env = append(os.Environ(), "CHATAPI_KILLED="+url, fmt.Sprint("CHATAPI_KILLED_ROUND=", kill))
			out, err := program.StdoutPipe()
			require.NoError(b, err)
			require.NoError(b, program.Start())
			for lines := bufio.NewScanner(out); lines.Scan() && !strings.Contains(lines.Text(), "under way"); {
			}
			now := time.Now()
			require.NoError(b, program.Process.Kill())
			_ = program.Wait()
			for n := range chats {
				key := desktest.Delivery(desktest.Message(fmt.Sprintf("%d-%d", kill, n), n, "x")).Events[0].Key()
				at, ok := handled.Load(key)
				for ; !ok; at, ok = handled.Load(key) {
					time.Sleep(20 * time.Millisecond)
				}
				waits = append(waits, at.(time.Time).Sub(now))
			}
		}
	}
	slices.Sort(waits)
	b.ReportMetric(waits[len(waits)/2].Seconds(), "x-desk-takeover")
	b.ReportMetric(waits[len(waits)-1].Seconds(), "x-desk-takeover-worst")
}

// TestProgramThatIsKilled is the program of BenchmarkDeskTakeover: its handlers never end.
func TestProgramThatIsKilled(t *testing.T) {
	url := os.Getenv("CHATAPI_KILLED")
	if url == "" {
		return
	}
	box := desktest.Open(t, open(t, url), chatapi.NewChannels(), func(context.Context, chatapi.Event, *durable.Work) error { select {} })
	for n := range 100 {
		box.Accept(desktest.Message(fmt.Sprint(os.Getenv("CHATAPI_KILLED_ROUND"), "-", n), n, "x"))
	}
	fmt.Println("under way")
	select {}
}

func BenchmarkDeskAccept(b *testing.B)  { deskbench.Accept(b, place(b)) }
func BenchmarkDeskLatency(b *testing.B) { deskbench.Latency(b, place(b)) }
func BenchmarkDeskDrain(b *testing.B)   { deskbench.Drain(b, place(b)) }
func BenchmarkDeskOutbox(b *testing.B)  { deskbench.Outbox(b, place(b)) }
func BenchmarkDeskGrowth(b *testing.B)  { deskbench.Growth(b, place(b)) }
func BenchmarkDeskMemory(b *testing.B)  { deskbench.Memory(b, place(b)) }
func BenchmarkDeskCrowd(b *testing.B)   { deskbench.Crowd(b, place(b)) }

package lanes_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/durable/internal/lanes"
)

var system = lanes.Clock{Now: time.Now}

// start runs a Runner until the returned function is called, which returns what Run
// returned.
func start(r *lanes.Runner, drain time.Duration) (stop func() []string) {
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan []string)
	go func() { left <- r.Run(ctx, drain) }()
	return func() []string {
		cancel()
		return <-left
	}
}

func TestOneAtATimeAndNoWakeIsLost(t *testing.T) {
	var want, seen [8]atomic.Int64
	var running [8]atomic.Int32
	runner := lanes.New(4, system, func(_ context.Context, key string) time.Time {
		n := key[0] - '0'
		if running[n].Add(1) != 1 {
			t.Error("a key runs twice at once")
		}
		seen[n].Store(want[n].Load())
		running[n].Add(-1)
		return time.Time{}
	})
	stop := start(runner, time.Minute)
	var wakers sync.WaitGroup
	for n := range want {
		wakers.Go(func() {
			for range 20_000 {
				want[n].Add(1)
				runner.Wake(fmt.Sprint(n))
			}
		})
	}
	wakers.Wait()
	for n := range want {
		require.Eventually(t, func() bool { return seen[n].Load() == 20_000 && !runner.Knows(fmt.Sprint(n)) }, time.Minute, time.Millisecond)
	}
	assert.Empty(t, stop())
}

func TestKeysTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		runner := lanes.New(1, system, func(_ context.Context, key string) time.Time {
			if order = append(order, key); len(order) < 6 {
				return time.Unix(1, 0)
			}
			return time.Time{}
		})
		for _, key := range []string{"a", "b", "a", "c"} {
			runner.Wake(key)
		}
		assert.Equal(t, 3, runner.Ready())
		stop := start(runner, 0)
		synctest.Wait()
		assert.Equal(t, []string{"a", "b", "c", "a", "b", "c", "a", "b"}, order)
		stop()
	})
}

func TestDoWaitsForALookAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		runner := lanes.New(1, system, func(context.Context, string) time.Time {
			looks++
			time.Sleep(time.Second)
			if looks == 3 {
				return time.Now().Add(time.Hour)
			}
			return time.Time{}
		})
		stop := start(runner, 0)
		begin := time.Now()
		runner.Do(t.Context(), "a")
		assert.Equal(t, time.Second, time.Since(begin))
		runner.Wake("a")
		synctest.Wait()
		runner.Do(t.Context(), "a") // the look that runs has begun before the call
		assert.Equal(t, 3*time.Second, time.Since(begin))
		assert.Equal(t, 3, looks)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		runner.Do(ctx, "a") // earlier than its alarm
		assert.Equal(t, 4*time.Second, time.Since(begin))
		stop()
		runner.Do(ctx, "b")
		assert.Equal(t, 63*time.Second, time.Since(begin), "nothing begins any more")
		assert.Equal(t, []string{"b"}, runner.Waiting())
	})
}

func TestAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var mu sync.Mutex
		ran := map[string][]time.Duration{}
		runner := lanes.New(2, system, func(_ context.Context, key string) time.Time {
			mu.Lock()
			defer mu.Unlock()
			ran[key] = append(ran[key], time.Since(begin))
			if key == "again" && len(ran[key]) < 3 {
				return time.Now().Add(7 * time.Hour)
			}
			return time.Time{}
		})
		stop := start(runner, 0)
		runner.WakeAt("later", begin.Add(2*time.Hour))
		runner.WakeAt("later", begin.Add(time.Hour))
		runner.WakeAt("later", begin.Add(3*time.Hour))
		runner.Wake("again")
		for n := range 10_000 {
			runner.WakeAt(fmt.Sprint(n), begin.Add(1000*time.Hour))
		}
		time.Sleep(20 * time.Hour)
		synctest.Wait()
		assert.Equal(t, map[string][]time.Duration{"later": {time.Hour}, "again": {0, 7 * time.Hour, 14 * time.Hour}}, ran)
		assert.False(t, runner.Knows("later"))
		stop()
	})
}

func TestJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		changed := make(chan struct{})
		clock := lanes.Clock{Jumps: new(lanes.Jumps), Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
		go clock.Jumps.Follow(t.Context(), changed)
		var ran atomic.Int32
		runner := lanes.New(1, clock, func(context.Context, string) time.Time { ran.Add(1); return time.Time{} })
		stop := start(runner, 0)
		begin := time.Now()
		runner.WakeAt("a", clock.Now().Add(48*time.Hour))
		synctest.Wait()
		assert.Zero(t, ran.Load())
		ahead.Store(int64(49 * time.Hour))
		changed <- struct{}{}
		synctest.Wait()
		assert.EqualValues(t, 1, ran.Load())
		assert.Zero(t, time.Since(begin))

		runner.WakeAt("a", clock.Now().Add(48*time.Hour)) // the wall clock is set, and nobody says so
		ahead.Add(int64(49 * time.Hour))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 2, ran.Load())
		stop()
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var ended, began atomic.Int32
		runner := lanes.New(3, system, func(ctx context.Context, key string) time.Time {
			began.Add(1)
			switch key {
			case "quick":
				time.Sleep(time.Second)
			case "obeys":
				<-ctx.Done()
				assert.ErrorIs(t, context.Cause(ctx), lanes.ErrDrained)
			case "stuck":
				<-release
			}
			ended.Add(1)
			return time.Now()
		})
		for _, key := range []string{"quick", "obeys", "stuck", "never begins"} {
			runner.Wake(key)
		}
		stop := start(runner, 10*time.Second)
		synctest.Wait()
		begin := time.Now()
		assert.Equal(t, []string{"stuck"}, stop())
		assert.Equal(t, 11*time.Second, time.Since(begin))
		assert.True(t, runner.Ending())
		assert.EqualValues(t, 3, began.Load())
		assert.EqualValues(t, 2, ended.Load())
		close(release)
		synctest.Wait()
		assert.EqualValues(t, 3, began.Load())
	})
}

func TestFirstOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		var runner *lanes.Runner
		runner = lanes.New(1, system, func(_ context.Context, key string) time.Time {
			if order = append(order, key); key == "a" && len(order) == 2 {
				runner.WakeFirst("c") // which waits
				runner.WakeFirst("d") // which is new
				runner.WakeFirst("a") // which runs
			}
			return time.Time{}
		})
		for _, key := range []string{"b", "a", "e", "c"} {
			runner.Wake(key)
		}
		stop := start(runner, 0)
		synctest.Wait()
		stop()
		assert.Equal(t, []string{"b", "a", "a", "d", "c", "e"}, order)
	})
}

// A clock that is set back wakes every key that has an alarm.
func TestSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		ahead.Store(int64(24 * time.Hour))
		clock := lanes.Clock{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())).Round(0) }}
		var ran atomic.Int32
		runner := lanes.New(1, clock, func(context.Context, string) time.Time { ran.Add(1); return time.Time{} })
		stop := start(runner, 0)
		runner.WakeAt("a", clock.Now().Add(time.Hour))
		synctest.Wait()
		ahead.Store(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 1, ran.Load())
		stop()
	})
}

package chatapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// outboxRow is a message in an outbox. A database would hold it as JSON.
type outboxRow struct {
	State   string            `json:"state,omitempty"` // planned, reserved, sent, unknown or failed
	Message *chatapi.Prepared `json:"message"`
	Attempt *chatapi.Attempt  `json:"attempt,omitempty"` // set before the send
	ID      string            `json:"id,omitempty"`      // set after it
}

// An outbox stores the attempt directly before the request leaves, and plans the
// repetitions itself. A row that is planned was not written, even if the program is
// killed while it waits for the pace or a token: it is simply sent. Only a row that is
// reserved is looked up after a crash.
func ExampleBeforeWrite() {
	api, _ := sample()
	defer api.Close()
	client := api.Client(chatapi.WithPace(chatapi.Pace{Pair: time.Minute, PairBurst: 1}))
	api.Customer("12025550143").Says("Is it ready?")
	var stored []byte
	save := func(row outboxRow) (err error) {
		stored, err = json.Marshal(row)
		return err
	}

	// The sender has claimed the row: no other process takes it now.
	send := func(ctx context.Context, row outboxRow) error {
		receipt, err := client.SendPrepared(ctx, row.Message, chatapi.OneWrite(),
			chatapi.BeforeWrite(func(_ context.Context, attempt chatapi.Attempt) error {
				row.State, row.Attempt = "reserved", &attempt
				return save(row) // an error refuses the write
			}))
		var failed *chatapi.Error
		switch {
		case err == nil:
			row.State, row.ID = "sent", receipt.ID
		case errors.Is(err, chatapi.ErrOutcomeUnknown):
			row.State = "unknown" // ask client.Resolve about row.Attempt
		case errors.As(err, &failed) && (!failed.Sent || failed.Retry == chatapi.RetryBackoff):
			row.State, row.Attempt = "planned", nil // for later, see failed.RetryAfter
		default:
			row.State = "failed"
		}
		return save(row)
	}

	prepared, err := client.Prepare(chatapi.Phone("12025550143"), chatapi.Text{Body: "It is!"})
	if err != nil {
		log.Fatal(err) // the message itself is wrong
	}
	for range 2 { // the second one waits a minute for its turn, and the program ends
		row := outboxRow{State: "planned", Message: prepared}
		if err := save(row); err != nil {
			log.Fatal(err)
		}
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		if err := send(ctx, row); err != nil {
			log.Fatal(err)
		}
		stop()
		if err := json.Unmarshal(stored, &row); err != nil {
			log.Fatal(err)
		}
		fmt.Println(row.State, row.Attempt != nil)
	}
	// Output:
	// sent true
	// planned false
}

// An outbox looks up the message of an attempt that it stored before the send. So a
// program that is killed in between neither forgets the message nor sends it twice.
func ExampleUnderAttempt() {
	api, client := sample()
	defer api.Close()
	ctx := context.Background()
	api.Customer("12025550143").Says("Is it ready?")
	var stored []byte
	save := func(row outboxRow) {
		var err error
		if stored, err = json.Marshal(row); err != nil {
			log.Fatal(err)
		}
	}

	prepared, err := client.Prepare(chatapi.Phone("12025550143"), chatapi.Text{Body: "It is!"})
	if err != nil {
		log.Fatal(err) // the message itself is wrong
	}
	save(outboxRow{Message: prepared})

	// The sender. The message goes out, but the program is killed before it sees
	// the reply.
	attempt := prepared.Attempt(time.Now())
	save(outboxRow{Message: prepared, Attempt: &attempt})
	api.Fail(chatapitest.Fault{Operation: "sendMessage", Status: http.StatusBadGateway, Accepted: true})
	_, _ = client.SendPrepared(ctx, prepared, chatapi.UnderAttempt(attempt))

	// The next start. A row with an attempt and without an id was on its way.
	var row outboxRow
	if err := json.Unmarshal(stored, &row); err != nil {
		log.Fatal(err)
	}
	ledger := chatapi.NewLedger(chatapi.Account{})
	resolution, err := client.Resolve(ctx, *row.Attempt)
	switch {
	case err != nil:
		log.Fatal(err)
	case resolution.Outcome == chatapi.OutcomeAccepted:
		row.ID = resolution.ID
		receipt := &chatapi.Receipt{ID: row.ID, Attempt: *row.Attempt}
		if err := ledger.RecordSend(receipt, row.Message, time.Time{}); err != nil {
			log.Fatal(err)
		}
	case resolution.Outcome == chatapi.OutcomeNotFound: // send it under a new attempt
	case resolution.Outcome == chatapi.OutcomeUnknown: // ask again in a minute, then a person
	}
	save(row)
	fmt.Println(resolution.Outcome, row.ID == api.Customer("12025550143").LastReceived().ID)
	// Output: accepted true
}

package chatapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

// outboxRow is a message in an outbox. A database would hold it as JSON.
type outboxRow struct {
	Message *chatapi.Prepared `json:"message"`
	Attempt *chatapi.Attempt  `json:"attempt,omitempty"` // set before the send
	ID      string            `json:"id,omitempty"`      // set after it
}

// An outbox stores an attempt before it sends. So a program that is killed in
// between neither forgets the message nor sends it twice.
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

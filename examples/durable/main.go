// Command durable is a shop's bot that notes and answers each question once, also if
// it is killed in the middle. Try it: kill it with kill -9, and start it again.
//
//	CHATAPI_URL=… CHATAPI_TOKEN=… WEBHOOK_SECRET=… go run ./examples/durable
//
// The service has to deliver to http://…/webhooks/SECRET.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/durable"
	"github.com/chatapi-go/chatapi/durable/sqlite"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address of the webhook server")
	data := flag.String("data", "data", "folder of the database")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *data); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, listen, data string) error {
	channels := chatapi.NewChannels()
	if _, err := channels.Put(os.Getenv("CHATAPI_URL"), os.Getenv("CHATAPI_TOKEN")); err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, data)
	if err != nil {
		return err
	}
	defer store.Close()
	err = sqlite.Update(ctx, store, func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS shop_question (person TEXT NOT NULL, question TEXT NOT NULL)`)
		return err
	})
	if err != nil {
		return err
	}
	desk, err := durable.Open(ctx, store, channels, durable.Logger(slog.Default()))
	if err != nil {
		return err
	}
	desk.Inbox.Handle(answer)

	hooks := chatapi.NewDeliveryHandler(desk.Inbox.Accept, chatapi.WebhookSecret(os.Getenv("WEBHOOK_SECRET")))
	if err := hooks.Err(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: hooks, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Println("listening on", listener.Addr())

	err = desk.Run(ctx) // until the program is asked to end; then what has begun ends
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(ending))
}

// answer handles one event. The note and the answer are committed together with the
// mark that the event is done.
func answer(_ context.Context, e chatapi.Event, w *durable.Work) error {
	m, ok := e.(*chatapi.MessageEvent)
	if !ok || m.Text == "" {
		return nil
	}
	err := w.InTx(func(ctx context.Context, tx durable.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO shop_question (person, question) VALUES ($1, $2)`, m.From.Key(), m.Text)
		return err
	})
	if err != nil {
		return err
	}
	_, err = w.Send(m.AnswerTo(), chatapi.Text{Body: "You asked: " + m.Text})
	return err
}

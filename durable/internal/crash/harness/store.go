//go:build unix

package harness

import (
	"context"
	"database/sql"

	"github.com/chatapi-go/chatapi/durable"
)

// Plug is what the harness needs of a store.
type Plug struct {
	Name    string
	Open    func(ctx context.Context, at Place) (*Opened, error)
	Workers int      // that run at the same time
	Points  []string // where a worker dies, and the names of the server's and the leader's deaths

	// Acceptors are how many more workers only accept.
	Acceptors int

	// Start starts the server of the database. It is nil if the store has none.
	Start func(ctx context.Context) (*Server, error)
}

// Place is where the store of a run is.
type Place struct {
	Dir     string // of the run's data
	Address string // of the server
	Break   string // a deliberate fault; "" is none
}

// Server is the server of a database.
type Server struct {
	Address string

	// Deaths kill the server, each in its way, and return when it answers again.
	Deaths map[string]func(ctx context.Context) error

	// Leader returns the number of the process that leads the engine of wake-ups; 0 if
	// none does.
	Leader func(ctx context.Context) (process int, err error)

	Close func()
}

// Opened is an opened store with what the worker and the check need beside it.
type Opened struct {
	Store durable.Store

	// Update writes to tables of the worker's own, and DB reads them and those of the desk.
	Update func(ctx context.Context, do func(ctx context.Context, tx durable.Tx) error) error
	DB     *sql.DB

	// Serial defines a key that the database counts up.
	Serial string

	// Sync returns an error if a commit is not on the disk when it is acknowledged, as
	// far as the settings say.
	Sync func(ctx context.Context) error

	// Syncs compares commits with the syncs that the database counts, and says so. It is
	// nil if the database does not count them. Nobody else may write meanwhile.
	Syncs func(ctx context.Context) (string, error)

	Close func() error
}

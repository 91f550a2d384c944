package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/chatapi-go/chatapi/durable"
)

//go:embed schema/*.sql
var schema embed.FS

// dialect is where the databases differ in the schema.
type dialect struct {
	id, bytes string
	schema    string // before the name of a new table
}

var created = regexp.MustCompile(`(CREATE TABLE )(desk_)`)

// statements returns those of a file.
func (d dialect) statements(text string) []string {
	text = strings.NewReplacer("{id}", d.id, "{bytes}", d.bytes).Replace(text)
	text = created.ReplaceAllString(text, "${1}"+d.schema+"${2}")
	var all []string
	var one strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimRight(line, "\n"), "--")
		one.WriteString(line + "\n")
		if strings.HasSuffix(strings.TrimSpace(line), ";") {
			all = append(all, strings.TrimSpace(one.String()))
			one.Reset()
		}
	}
	return all
}

// migrate brings the tables to the newest schema, one file a transaction. The number at
// the beginning of its name is the version.
func (db *DB) migrate(ctx context.Context, kind dialect) error {
	files, err := fs.Glob(schema, "schema/*.sql")
	if err != nil {
		return err
	}
	newest := len(files)
	for version := 1; version <= newest; version++ {
		text, err := schema.ReadFile(files[version-1])
		if err != nil {
			return err
		}
		err = db.Update(ctx, func(ctx context.Context, tx durable.Tx) error {
			have, err := prepare(ctx, tx, kind)
			switch {
			case err != nil:
				return err
			case have > newest:
				return fmt.Errorf("the tables are of a newer release of the helpdesk (schema %d, this one knows %d): start the newer one", have, newest)
			case have >= version:
				return nil
			}
			return apply(ctx, tx, kind.statements(string(text)), version)
		})
		if err != nil {
			return fmt.Errorf("migrate the helpdesk's tables to schema %d: %w", version, err)
		}
	}
	return nil
}

// prepare returns the version of the tables. It makes the table that holds it.
func prepare(ctx context.Context, tx durable.Tx, kind dialect) (version int, err error) {
	if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+kind.schema+"desk_schema (version BIGINT NOT NULL)"); err != nil {
		return 0, err
	}
	_, err = Get(ctx, tx, "SELECT coalesce(max(version), 0) FROM desk_schema", nil, &version)
	return version, err
}

func apply(ctx context.Context, tx durable.Tx, statements []string, version int) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%w in %s", err, statement)
		}
	}
	_, err := tx.Exec(ctx, "INSERT INTO desk_schema (version) VALUES ("+strconv.Itoa(version)+")")
	return err
}

func closed(db *DB, err error) error { return errors.Join(err, db.Close()) }

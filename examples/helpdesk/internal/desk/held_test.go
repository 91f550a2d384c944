package desk_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/examples/helpdesk/internal/desk"
)

// A person is erased who has sent the file that an agent is sending to somebody else.
func TestAFileIsNotErasedWhileItIsSent(t *testing.T) {
	atCounter(t, func(t *testing.T, c *counter) {
		invoice := []byte("%PDF-1.4 an invoice")
		sum := sha256.Sum256(invoice)
		name := hex.EncodeToString(sum[:])
		eve, chat := c.person(c.channel, "Eve", "12025550144")
		hers := c.message(c.office.request(chat, c.sales, desk.StateNew, "An invoice"), desk.In, "")
		c.exec("INSERT INTO desk_media (message, state, sum, source, name, why) VALUES ($1, 'ready', $2, '', 'a.pdf', '')", hers, name)

		path := filepath.Join(t.TempDir(), "upload")
		require.NoError(t, os.WriteFile(path, invoice, 0o600))
		what := c.composition("Your invoice")
		what.File = &desk.Upload{Path: path, Name: "invoice.pdf"}
		c.api.Fail(chatapitest.Fault{Operation: "uploadMedia", Delay: 10 * time.Second})
		var message int64
		go func() {
			var err error
			message, err = c.view(c.max).Send(t.Context(), what)
			assert.NoError(t, err)
		}()
		synctest.Wait()
		require.NoError(t, c.view(c.boss).Erase(t.Context(), eve))
		time.Sleep(time.Minute)
		synctest.Wait()
		_, file, err := c.view(c.max).Media(t.Context(), message)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	})
}

package chatapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// UsersService blocks and unblocks people. See [Client.Users].
type UsersService struct{ service }

// BlockedUser is a person whose messages WhatsApp does not deliver to the
// channel.
type BlockedUser struct {
	// Phone is the number in digits. If the service gives no number, it is the
	// identifier that the service gives instead.
	Phone string

	// Raw is the entry as the service wrote it.
	Raw json.RawMessage
}

// ListBlocked returns all blocked people, in the service's order. The list has
// one page (contract, "blockedUsers"; entries untyped, observed). It changes
// nothing and is retried.
func (s UsersService) ListBlocked(ctx context.Context) ([]BlockedUser, error) {
	const op = "Users.ListBlocked"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "blockedUsers"}, &raw); err != nil {
		return nil, err
	}
	rows, err := s.rows(op, raw, "blockedUsers", "users", "data")
	if err != nil {
		return nil, err
	}
	users := make([]BlockedUser, len(rows))
	for i, row := range rows {
		entry := wire.Root(row)
		phone, _ := entry.Text()
		if entry.IsObject() {
			phone = firstText(entry, "phone", "wa_id", "id")
		}
		phone, _ = strings.CutSuffix(phone, suffixPerson)
		if digits := Phone(phone).Value(); isPhone(digits) {
			phone = digits
		}
		users[i] = BlockedUser{Phone: phone, Raw: row}
	}
	return users, nil
}

// Block stops the messages of a person. The service takes phone numbers only,
// so any recipient but a [Phone], or the [Chat] of one, is [ErrInvalid].
// WhatsApp blocks only people who wrote in the last 24 hours (general Cloud API
// knowledge). The call may be repeated without harm and is retried.
func (s UsersService) Block(ctx context.Context, who Recipient) error {
	return s.set(ctx, "Users.Block", "blockUser", who)
}

// Unblock lets the messages of a person arrive again. It takes the same
// recipients as Block. The call may be repeated without harm and is retried.
func (s UsersService) Unblock(ctx context.Context, who Recipient) error {
	return s.set(ctx, "Users.Unblock", "unblockUser", who)
}

func (s UsersService) set(ctx context.Context, op, path string, who Recipient) error {
	phone, bad := phoneOf("who", who)
	if bad != nil {
		return s.refuse(op, bad)
	}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: path, body: map[string]string{"phone": phone}}, nil)
}

package chatapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// This file holds the five legacy operations. They belong to the contract, but
// not to the service of 2026 (contract, "Legacy operations"):
// Channel.GetStatistics, Channel.ListExtendedStatistics, Channel.GetOutputIP,
// Channel.ListHookInfo and Media.DeleteLegacy. They may still work on a channel;
// elsewhere they are [ErrNotFound].

// ChannelStatistics holds the cost of templates in a month.
type ChannelStatistics struct {
	// Date is the month as "10.2026".
	Date string

	// TemplatesCost is an amount as the service writes it. The service names no
	// currency.
	TemplatesCost json.Number

	// Raw is the service's reply.
	Raw json.RawMessage
}

// GetStatistics returns the cost of templates in a month; the zero month is the
// current one. It changes nothing and is retried.
//
// Deprecated: the operation is not part of the service since 2026. [Ledger]
// computes costs from the events that you receive, and [Ledger.Bill] a month.
func (s ChannelService) GetStatistics(ctx context.Context, month YearMonth) (*ChannelStatistics, error) {
	const op = "Channel.GetStatistics"
	query := url.Values{}
	if month != (YearMonth{}) {
		if month.Month < time.January || month.Month > time.December || month.Year < 1 || month.Year > 9999 {
			return nil, s.refuse(op, invalid("month", "is not a month"))
		}
		query.Set("date", fmt.Sprintf("%02d.%04d", month.Month, month.Year))
	}
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "statistics", query: query}, &raw); err != nil {
		return nil, err
	}
	var body struct {
		Date wire.Text `json:"date"`
		Cost wire.Text `json:"templates_cost"`
	}
	if err := s.decode(op, raw, &body); err != nil {
		return nil, err
	}
	return &ChannelStatistics{Date: string(body.Date), TemplatesCost: json.Number(body.Cost), Raw: raw}, nil
}

// UsagePeriod counts the conversations of one period, in the billing model of
// 2022. Prices are as the service writes them. The service names no currency.
type UsagePeriod struct {
	// Date is the first day of the period, such as "2022-10-01".
	Date string

	// Conversations is the number of all; Paid and Free are parts of it.
	Conversations, Paid, Free int64

	// FreeTier and FreeEntryPoint are the parts of Free.
	FreeTier, FreeEntryPoint int64

	BusinessInitiated, BusinessInitiatedPaid int64
	UserInitiated, UserInitiatedPaid         int64

	TotalPrice, BusinessInitiatedPrice, UserInitiatedPrice json.Number

	// Raw is the period as the service wrote it.
	Raw json.RawMessage
}

// ListExtendedStatistics returns the usage by period. It changes nothing and is
// retried.
//
// Deprecated: the operation is not part of the service since 2026. Use
// [Ledger.Bill], which also knows the models after 2022.
func (s ChannelService) ListExtendedStatistics(ctx context.Context) ([]UsagePeriod, error) {
	const op = "Channel.ListExtendedStatistics"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "extendedStatistics"}, &raw); err != nil {
		return nil, err
	}
	rows, err := s.rows(op, raw, "data", "items")
	if err != nil {
		return nil, err
	}
	periods := make([]UsagePeriod, len(rows))
	for i, row := range rows {
		value := wire.Root(row)
		count := func(name string) int64 { n, _ := value.Get(name).Int(); return n }
		price := func(name string) json.Number { return json.Number(firstText(value, name)) }
		periods[i] = UsagePeriod{Date: firstText(value, "period_date"), Raw: row,
			Conversations: count("quantity"), Paid: count("paid_quantity"), Free: count("free_quantity"),
			FreeTier: count("free_tier"), FreeEntryPoint: count("free_entry_point"),
			BusinessInitiated: count("business_initiated_quantity"), BusinessInitiatedPaid: count("business_initiated_paid_quantity"),
			UserInitiated: count("user_initiated_quantity"), UserInitiatedPaid: count("user_initiated_paid_quantity"),
			TotalPrice: price("total_price"), BusinessInitiatedPrice: price("business_initiated_price"), UserInitiatedPrice: price("user_initiated_price")}
	}
	return periods, nil
}

// GetOutputIP returns the IP address from which the service fetched links and
// delivered webhooks. It changes nothing and is retried.
//
// Deprecated: the operation is not part of the service since 2026, and the
// address proves nothing. A webhook proves its origin by a secret: see
// [WebhookSecret].
func (s ChannelService) GetOutputIP(ctx context.Context) (string, error) {
	const op = "Channel.GetOutputIP"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "outputIP"}, &raw); err != nil {
		return "", err
	}
	address := firstText(wire.Root(raw), "result")
	if address == "" {
		return "", s.unreadable(op, raw, errors.New("it has no address"))
	}
	return address, nil
}

// HookRecord is one status of a message in the records of the service.
type HookRecord struct {
	MessageID string

	// Type is a word such as "message".
	Type string

	Status    Status
	Recipient Recipient

	// Time is the time of the status; zero if the record has none.
	Time time.Time

	// Pricing and Conversation are as the provider wrote them.
	Pricing, Conversation json.RawMessage

	// Raw is the record as the service wrote it.
	Raw json.RawMessage
}

// ListHookInfo returns the statuses of one message. It changes nothing and is
// retried.
//
// Deprecated: the operation is not part of the service since 2026. Statuses
// arrive as [*StatusEvent]; store them as they come.
func (s ChannelService) ListHookInfo(ctx context.Context, messageID string) ([]HookRecord, error) {
	const op = "Channel.ListHookInfo"
	if messageID == "" {
		return nil, s.refuse(op, invalid("messageID", "is empty"))
	}
	var raw json.RawMessage
	query := url.Values{"messageId": {messageID}}
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "hookInfo", query: query}, &raw); err != nil {
		return nil, err
	}
	rows, err := s.rows(op, raw, "hooks")
	if err != nil {
		return nil, err
	}
	records := make([]HookRecord, len(rows))
	for i, row := range rows {
		value := wire.Root(row)
		records[i] = HookRecord{MessageID: firstText(value, "id"), Type: firstText(value, "type"), Status: Status(firstText(value, "status")),
			Pricing: value.Get("pricing").Raw(), Conversation: value.Get("conversation").Raw(), Raw: row}
		if phone := firstText(value, "recipient_id"); phone != "" {
			records[i].Recipient = Phone(phone)
		}
		records[i].Time, _ = wire.ParseTime(firstText(value, "timestamp"))
	}
	return records, nil
}

// DeleteLegacy deletes a file by the operation of older generations of the
// service. It may be repeated without harm and is retried.
//
// Deprecated: use [MediaService.Delete], which does the same.
func (s MediaService) DeleteLegacy(ctx context.Context, id string) error {
	const op = "Media.DeleteLegacy"
	if _, bad := segment("id", id); bad != nil {
		return s.refuse(op, bad)
	}
	body := map[string]string{"mediaId": id}
	return s.call(ctx, request{op: op, method: http.MethodPost, path: "deleteMedia", body: body}, nil)
}

package chatapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// CatalogService reads and sets what customers see of the shop. It is
// [Client.Catalog], and safe for concurrent use. Its calls may be repeated
// without harm and are retried. The products themselves are in Meta's catalogue,
// which the service cannot change.
type CatalogService struct{ service }

// Commerce holds the settings of the shop.
type Commerce struct {
	// Cart lets customers collect products and order them.
	Cart bool

	// Visible shows the catalogue on the business profile.
	Visible bool
}

// CommerceInfo holds the settings of one catalogue.
type CommerceInfo struct {
	Commerce

	// ID is the service's id of the settings; keep it as a string.
	ID string

	// Raw is the entry as the service wrote it.
	Raw json.RawMessage
}

// GetCommerce returns the settings of the channel's catalogues, usually one entry.
// For a channel without a catalogue the provider answers with an error, mostly
// [ErrInvalid] with code 100 (contract, "/commerce"; inferred). GetCommerce is
// retried.
func (s CatalogService) GetCommerce(ctx context.Context) ([]CommerceInfo, error) {
	const op = "Catalog.GetCommerce"
	var raw json.RawMessage
	if err := s.call(ctx, request{op: op, method: http.MethodGet, path: "commerce"}, &raw); err != nil {
		return nil, err
	}
	rows, err := s.rows(op, raw, "data")
	if err != nil {
		return nil, err
	}
	list := make([]CommerceInfo, len(rows))
	for i, row := range rows {
		var body struct {
			ID      wire.Text `json:"id"`
			Cart    wire.Bool `json:"is_cart_enabled"`
			Visible wire.Bool `json:"is_catalog_visible"`
		}
		if err := s.decode(op, row, &body); err != nil {
			return nil, err
		}
		list[i] = CommerceInfo{Commerce{Cart: body.Cart.Value, Visible: body.Visible.Value}, string(body.ID), row}
	}
	return list, nil
}

// SetCommerce sets both settings, because the service takes them only together.
// While the subscription is over its limit, the error is [ErrBlocked]. SetCommerce
// may be repeated without harm and is retried.
func (s CatalogService) SetCommerce(ctx context.Context, shown Commerce) error {
	body := map[string]any{"params": map[string]bool{"is_cart_enabled": shown.Cart, "is_catalog_visible": shown.Visible}}
	return s.call(ctx, request{op: "Catalog.SetCommerce", method: http.MethodPost, path: "commerce", body: body}, nil)
}

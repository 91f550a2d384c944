package chatapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chatapi-go/chatapi/internal/wire"
)

// CatalogService tells what customers see of the shop. See [Client.Catalog].
// All its calls may be repeated without harm and are retried. The products
// themselves are kept in Meta's catalogue, out of this service's reach.
type CatalogService struct{ service }

// Commerce says what customers see of the shop.
type Commerce struct {
	// Cart lets customers collect products and order them.
	Cart bool

	// Visible shows the catalogue on the business profile.
	Visible bool
}

// CommerceInfo is what is set for one catalogue.
type CommerceInfo struct {
	Commerce

	// ID is the service's id of the setting; it is text.
	ID string

	// Raw is the entry as the service wrote it.
	Raw json.RawMessage
}

// GetCommerce returns what is set, one entry as a rule. A channel to which no
// catalogue is linked is an error of the provider, mostly [ErrInvalid] with
// code 100 (contract, "/commerce"; inferred).
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

// SetCommerce sets both, as the service wants them together. It is refused with
// [ErrBlocked] while the subscription is over its limit.
func (s CatalogService) SetCommerce(ctx context.Context, shown Commerce) error {
	body := map[string]any{"params": map[string]bool{"is_cart_enabled": shown.Cart, "is_catalog_visible": shown.Visible}}
	return s.call(ctx, request{op: "Catalog.SetCommerce", method: http.MethodPost, path: "commerce", body: body}, nil)
}

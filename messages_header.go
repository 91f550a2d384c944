package chatapi

import "fmt"

// Header is what stands above the text of a message with buttons or of a
// template, or on top of a card. Make one with [HeaderText], [HeaderImage],
// [HeaderVideo], [HeaderDocument], [HeaderLocation] or [HeaderProduct]; the zero
// Header is none.
type Header struct {
	kind     headerKind
	text     string
	name     string // of the variable, in a template with named ones
	media    Media
	location Location
	product  productID
}

// productID is a product of a catalogue, as Meta writes it.
type productID struct {
	Catalog string `json:"catalog_id"`
	Product string `json:"product_retailer_id"`
}

type headerKind string

const (
	headerText     headerKind = "text"
	headerImage    headerKind = "image"
	headerVideo    headerKind = "video"
	headerDocument headerKind = "document"
	headerLocation headerKind = "location"
	headerProduct  headerKind = "product"
)

// HeaderText returns a header of text. In a [Template] it is the value of the
// header's variable; in a message it is the text itself, up to 60 characters.
func HeaderText(text string) Header { return Header{kind: headerText, text: text} }

// HeaderNamedText is [HeaderText] for a template with named variables.
func HeaderNamedText(variable, text string) Header {
	return Header{kind: headerText, name: variable, text: text}
}

// HeaderImage returns a header with an image, by link or id: bytes have to be
// uploaded first.
func HeaderImage(image Media) Header { return Header{kind: headerImage, media: image} }

// HeaderVideo returns a header with a video, by link or id.
func HeaderVideo(video Media) Header { return Header{kind: headerVideo, media: video} }

// HeaderDocument returns a header with a document, by link or id. The customer
// sees the name, which may be empty for the last part of the link.
func HeaderDocument(document Media, name string) Header {
	document.name = name
	return Header{kind: headerDocument, media: document}
}

// HeaderLocation returns a header with a place; templates only.
func HeaderLocation(place Location) Header { return Header{kind: headerLocation, location: place} }

// HeaderProduct returns a product of a catalogue on top of a card; cards only.
func HeaderProduct(catalogID, productID string) Header {
	h := Header{kind: headerProduct}
	h.product.Catalog, h.product.Product = catalogID, productID
	return h
}

// IsZero reports whether there is no header.
func (h Header) IsZero() bool { return h.kind == "" }

// check reports what is wrong with the header itself.
func (h Header) check(c *checker) {
	c.optional("Header", h.name, 512)
	switch h.kind {
	case "", headerText:
	case headerLocation:
		var inner checker
		h.location.check(&inner)
		c.within("Header", inner)
		c.that(h.location.Name != "", "Header.Name", "is empty; a location header needs one")
	case headerProduct:
		c.that(isWord(h.product.Catalog) && isWord(h.product.Product), "Header", "needs the ids of a catalogue and a product")
	default:
		h.media.check(c, "Header")
		c.that(!h.media.inline, "Header", "has bytes; upload them first and use MediaID, or give a link")
		c.that(h.media.id == "" || h.media.kind == "" || string(h.media.kind) == string(h.kind),
			"Header", fmt.Sprintf("is %s but the uploaded file is %s", article(string(h.kind)), article(string(h.media.kind))))
	}
}

// object returns the header as Meta's parameter: its type and a member of the
// same name.
func (h Header) object() map[string]any {
	o := map[string]any{"type": h.kind}
	switch h.kind {
	case headerText:
		o["text"] = h.text
	case headerLocation:
		o["location"] = struct {
			Latitude  string `json:"latitude"`
			Longitude string `json:"longitude"`
			Name      string `json:"name"`
			Address   string `json:"address,omitempty"`
		}{degrees(h.location.Latitude), degrees(h.location.Longitude), h.location.Name, h.location.Address}
	case headerProduct:
		o["product"] = h.product
	case headerDocument:
		name := h.media.name
		if name == "" {
			name = h.media.fileName()
		}
		o["document"] = h.media.object(name)
	default:
		o[string(h.kind)] = h.media.object("")
	}
	return o
}

// orNil is object, or nil for no header.
func (h Header) orNil() map[string]any {
	if h.IsZero() {
		return nil
	}
	return h.object()
}

// checkInteractive is check for messages, where the header's text is the text.
func (h Header) checkInteractive(c *checker) {
	c.that(h.kind != headerLocation && h.kind != headerProduct, "Header", "must be text, an image, a video or a document")
	c.that(h.name == "", "Header", "has a variable outside of a template")
	if h.kind == headerText {
		c.text("Header", h.text, 60)
	}
	h.check(c)
}

func article(noun string) string {
	switch noun {
	case "image", "audio":
		return "an " + noun
	case "location", "text":
		return noun
	}
	return "a " + noun
}

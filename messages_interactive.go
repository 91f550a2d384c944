package chatapi

import (
	"fmt"
)

// Buttons is a text with one to three buttons that the customer taps to reply.
// The answer comes back as [Content.Reply]. It needs an open service window.
type Buttons struct {
	// Header is optional: text of up to 60 characters, an image, a video or
	// a document.
	Header Header

	// Body is 1 to 1024 characters, Footer up to 60.
	Body, Footer string

	// Buttons are 1 to 3.
	Buttons []Button
}

// Button is one reply button.
type Button struct {
	// ID comes back with the answer: 1 to 256 characters, unique in the
	// message.
	ID string

	// Title is what the customer sees: 1 to 20 characters, unique in the
	// message. The limits of both are Meta's (contract, "Limits"; inferred).
	Title string
}

func (m Buttons) encode() (encoded, error) {
	var c checker
	m.Header.checkInteractive(&c)
	c.text("Body", m.Body, maxBody)
	c.optional("Footer", m.Footer, 60)
	c.count("Buttons", len(m.Buttons), 1, 3, "buttons")
	ids, titles := unique{}, unique{}
	for i, b := range m.Buttons {
		c.text(at("Buttons", i, "ID"), b.ID, 256)
		ids.add(&c, at("Buttons", i, "ID"), b.ID)
		c.text(at("Buttons", i, "Title"), b.Title, 20)
		titles.add(&c, at("Buttons", i, "Title"), b.Title)
	}
	if err := c.err(); err != nil {
		return encoded{}, err
	}

	type reply struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	type button struct {
		Type  string `json:"type"`
		Reply reply  `json:"reply"`
	}
	body := struct {
		Header   map[string]any `json:"header,omitempty"`
		Body     string         `json:"body"`
		Footer   string         `json:"footer,omitempty"`
		Sections []button       `json:"sections"` // the service's word for the buttons
	}{Header: m.Header.objectOrNil(), Body: m.Body, Footer: m.Footer}
	for _, b := range m.Buttons {
		body.Sections = append(body.Sections, button{"reply", reply(b)})
	}
	return encoded{operation: "sendButton", body: body, historyText: m.Body}, nil
}

// List is a text with one button that opens a list to choose one row from. The
// answer comes back as [Content.Reply]. It needs an open service window.
type List struct {
	// Body is 1 to 1024 characters.
	Body string

	// Label is on the button that opens the list: 1 to 20 characters.
	Label string

	// Header and Footer are optional, up to 60 characters each.
	Header, Footer string

	// Sections are 1 to 10, with 1 to 10 rows over all of them together
	// (contract, "Limits"; the total is Meta's).
	Sections []Section
}

// Section is a group of rows in a [List].
type Section struct {
	// Title is up to 24 characters, and required when there is more than one
	// section.
	Title string

	Rows []Row
}

// Row is one choice in a [List].
type Row struct {
	// ID comes back with the answer: 1 to 200 characters, unique in the list.
	ID string

	// Title is 1 to 24 characters, Description up to 72.
	Title, Description string
}

func (m List) encode() (encoded, error) {
	var c checker
	c.text("Body", m.Body, maxBody)
	c.text("Label", m.Label, 20)
	c.optional("Header", m.Header, 60)
	c.optional("Footer", m.Footer, 60)
	c.count("Sections", len(m.Sections), 1, 10, "sections")

	type row struct {
		ID          string `json:"id"`
		Title       string `json:"title"`
		Description string `json:"description,omitempty"`
	}
	type section struct {
		Title string `json:"title,omitempty"`
		Rows  []row  `json:"rows"`
	}
	var sections []section
	ids, total := unique{}, 0
	for i, s := range m.Sections {
		title := at("Sections", i, "Title")
		if len(m.Sections) > 1 {
			c.text(title, s.Title, 24)
		}
		c.optional(title, s.Title, 24)
		rows := at("Sections", i, "Rows")
		c.count(rows, len(s.Rows), 1, 10, "rows")
		if total += len(s.Rows); total > 10 {
			c.fail(rows, fmt.Sprintf("brings the list to %d rows; at most 10 are allowed over all sections", total))
		}
		encodedRows := make([]row, 0, len(s.Rows))
		for j, r := range s.Rows {
			c.text(at(rows, j, "ID"), r.ID, 200)
			ids.add(&c, at(rows, j, "ID"), r.ID)
			c.text(at(rows, j, "Title"), r.Title, 24)
			c.optional(at(rows, j, "Description"), r.Description, 72)
			encodedRows = append(encodedRows, row(r))
		}
		sections = append(sections, section{s.Title, encodedRows})
	}
	return encoded{operation: "sendList", historyText: m.Body, body: struct {
		Body string `json:"body"`

		// Label and header have two names each, of two generations; whoever
		// reads one of them does not mind the other.
		ButtonText string    `json:"buttonText"`
		Action     string    `json:"action"`
		Header     string    `json:"header,omitempty"`
		Title      string    `json:"title,omitempty"`
		Footer     string    `json:"footer,omitempty"`
		Sections   []section `json:"sections"`
	}{m.Body, m.Label, m.Label, m.Header, m.Header, m.Footer, sections}}, c.err()
}

// LinkMessage is a text with one button that opens a page. It needs an open service
// window.
type LinkMessage struct {
	// Header is optional: text of up to 60 characters, an image, a video or
	// a document.
	Header Header

	// Body is 1 to 1024 characters, Footer up to 60.
	Body, Footer string

	// Label is on the button: 1 to 20 characters (contract, "Limits";
	// inferred). URL is the page.
	Label, URL string
}

func (m LinkMessage) encode() (encoded, error) {
	var c checker
	m.Header.checkInteractive(&c)
	c.text("Body", m.Body, maxBody)
	c.optional("Footer", m.Footer, 60)
	c.text("Label", m.Label, 20)
	c.url("URL", m.URL)
	body := struct {
		Header      map[string]any `json:"header,omitempty"`
		Body        string         `json:"body"`
		Footer      string         `json:"footer,omitempty"`
		DisplayText string         `json:"displayText"`
		URL         string         `json:"url"`
	}{m.Header.objectOrNil(), m.Body, m.Footer, m.Label, m.URL}
	return encoded{operation: "sendCtaUrl", body: body}, c.err()
}

// maxBody bounds the text of every interactive message.
const maxBody = 1024

// LocationRequest is a text with a button by which the customer sends a
// location. It needs an open service window.
type LocationRequest struct {
	// Body is 1 to 1024 characters.
	Body string
}

func (m LocationRequest) encode() (encoded, error) {
	var c checker
	c.text("Body", m.Body, maxBody)
	return encoded{operation: "sendLocationRequest", body: struct {
		Body string `json:"body"`
	}{m.Body}}, c.err()
}

// AddressRequest is a text with a form for a postal address. It needs an open
// service window, and works in India and Singapore alone: the business's and
// the customer's number have to be of that country. Elsewhere the service
// answers "Unsupported Interactive Message type" (contract, "Results and
// errors"), which is [ErrInvalid].
type AddressRequest struct {
	// Body is 1 to 1024 characters.
	Body string

	// Country is "IN" or "SG"; empty is IN.
	Country string

	// Values fills in the form, by Meta's names of the fields, such as
	// "in_pin_code".
	Values map[string]string

	// Saved are addresses to choose from.
	Saved []SavedAddress

	// Errors says, by field, what was wrong with the last answer.
	Errors map[string]string
}

// SavedAddress is an address that the customer gave before.
type SavedAddress struct {
	ID     string            `json:"id"`
	Values map[string]string `json:"value"`
}

func (m AddressRequest) encode() (encoded, error) {
	var c checker
	c.text("Body", m.Body, maxBody)
	c.require(m.Country == "" || m.Country == "IN" || m.Country == "SG", "Country", "is "+quote(m.Country)+"; it must be IN or SG")
	ids := unique{}
	for i, saved := range m.Saved {
		c.text(at("Saved", i, "ID"), saved.ID, 256)
		ids.add(&c, at("Saved", i, "ID"), saved.ID)
		c.require(len(saved.Values) > 0, at("Saved", i, "Values"), "are empty")
	}
	return encoded{operation: "sendAddressMessage", body: struct {
		Body    string            `json:"body"`
		Country string            `json:"country,omitempty"`
		Values  map[string]string `json:"values,omitempty"`
		Saved   []SavedAddress    `json:"saved_addresses,omitempty"`
		Errors  map[string]string `json:"validation_errors,omitempty"`
	}{m.Body, m.Country, m.Values, m.Saved, m.Errors}}, c.err()
}

// Flow is a text with a button that opens a flow, which is a form of several
// screens. It needs an open service window.
type Flow struct {
	// ID is the flow's id.
	ID string

	// Token comes back with the answers; it says which form this was.
	Token string

	// Label is on the button: 1 to 20 characters.
	Label string

	// Header is optional text of up to 60 characters. Body is 1 to 1024
	// characters, Footer up to 60.
	Header, Body, Footer string

	// Screen is where the flow begins. Where it is empty, the flow's endpoint
	// decides.
	Screen string

	// Data goes to the first screen; it needs a Screen.
	Data map[string]any

	// Draft sends a flow that is not published, for testing.
	Draft bool
}

func (m Flow) encode() (encoded, error) {
	var c checker
	c.require(isWord(m.ID), "ID", "is "+quote(m.ID)+", which is no flow id")
	c.text("Token", m.Token, 1024)
	c.text("Label", m.Label, 20)
	c.text("Body", m.Body, maxBody)
	c.optional("Header", m.Header, 60)
	c.optional("Footer", m.Footer, 60)
	c.optional("Screen", m.Screen, 256)
	c.require(len(m.Data) == 0 || m.Screen != "", "Data", "goes with a Screen only")
	c.json("Data", m.Data)
	type payload struct {
		Screen string         `json:"screen"`
		Data   map[string]any `json:"data,omitempty"`
	}
	body := struct {
		Header  string   `json:"header,omitempty"`
		Body    string   `json:"body"`
		Footer  string   `json:"footer,omitempty"`
		ID      string   `json:"flowId"`
		Token   string   `json:"flowToken"`
		Label   string   `json:"flowCta"`
		Action  string   `json:"flowAction"`
		Payload *payload `json:"flowActionPayload,omitempty"`
		Mode    string   `json:"mode"`
	}{m.Header, m.Body, m.Footer, m.ID, m.Token, m.Label, "data_exchange", nil, "published"}
	if m.Screen != "" {
		body.Action, body.Payload = "navigate", &payload{m.Screen, m.Data}
	}
	if m.Draft {
		body.Mode = "draft"
	}
	return encoded{operation: "sendFlow", body: body}, c.err()
}

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
		c.failIn("Header", inner)
		c.require(h.location.Name != "", "Header.Name", "is empty; a location header needs one")
	case headerProduct:
		c.require(isWord(h.product.Catalog) && isWord(h.product.Product), "Header", "needs the ids of a catalogue and a product")
	default:
		h.media.check(c, "Header")
		c.require(!h.media.inline, "Header", "has bytes; upload them first and use MediaID, or give a link")
		c.require(h.media.id == "" || h.media.kind == "" || string(h.media.kind) == string(h.kind),
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
func (h Header) objectOrNil() map[string]any {
	if h.IsZero() {
		return nil
	}
	return h.object()
}

// checkInteractive is check for messages, where the header's text is the text.
func (h Header) checkInteractive(c *checker) {
	c.require(h.kind != headerLocation && h.kind != headerProduct, "Header", "must be text, an image, a video or a document")
	c.require(h.name == "", "Header", "has a variable outside of a template")
	if h.kind == headerText {
		c.text("Header", h.text, 60)
	}
	h.check(c)
}

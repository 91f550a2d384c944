package chatapi

import "fmt"

// Buttons is a text with one to three reply buttons. The customer's choice
// arrives as [Content.Reply]. It needs an open service window.
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
	// ID comes back as [Reply.ID]: 1 to 256 characters, unique in the message.
	ID string

	// Title is the label that the customer sees: 1 to 20 characters, unique in
	// the message. The limits of both are Meta's (contract, "Limits";
	// inferred).
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
		Sections []button       `json:"sections"` // the service's name for the buttons
	}{Header: m.Header.objectOrNil(), Body: m.Body, Footer: m.Footer}
	for _, b := range m.Buttons {
		body.Sections = append(body.Sections, button{"reply", reply(b)})
	}
	return encoded{operation: "sendButton", body: body, historyText: m.Body}, nil
}

// List is a text with one button that opens a list. The customer chooses one
// row, which arrives as [Content.Reply]. It needs an open service window.
type List struct {
	// Body is 1 to 1024 characters.
	Body string

	// Label is the text of the button that opens the list: 1 to 20 characters.
	Label string

	// Header and Footer are optional, up to 60 characters each.
	Header, Footer string

	// Sections are 1 to 10, with 1 to 10 rows over all of them together
	// (contract, "Limits"; the total is Meta's).
	Sections []Section
}

// Section is a group of rows in a [List].
type Section struct {
	// Title is up to 24 characters. It is required if there is more than one
	// section.
	Title string

	Rows []Row
}

// Row is one choice in a [List].
type Row struct {
	// ID comes back as [Reply.ID]: 1 to 200 characters, unique in the list.
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
			c.fail(rows, fmt.Sprintf("bring the list to %d rows, but at most 10 are allowed over all sections; leave some out", total))
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

		// Label and header have an old and a new name each. A service that
		// reads one of the two ignores the other.
		ButtonText string    `json:"buttonText"`
		Action     string    `json:"action"`
		Header     string    `json:"header,omitempty"`
		Title      string    `json:"title,omitempty"`
		Footer     string    `json:"footer,omitempty"`
		Sections   []section `json:"sections"`
	}{m.Body, m.Label, m.Label, m.Header, m.Header, m.Footer, sections}}, c.err()
}

// LinkMessage is a text with one button that opens a web page. It needs an open
// service window.
type LinkMessage struct {
	// Header is optional: text of up to 60 characters, an image, a video or
	// a document.
	Header Header

	// Body is 1 to 1024 characters, Footer up to 60.
	Body, Footer string

	// Label is the text of the button: 1 to 20 characters (contract, "Limits";
	// inferred). URL is the address of the page.
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

// maxBody is the longest body of an interactive message, in characters.
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
// service window. It works only in India and Singapore, where the numbers of
// the business and of the customer have to be of the same country. Elsewhere
// the service answers "Unsupported Interactive Message type" (contract,
// "Results and errors"), which is [ErrInvalid].
type AddressRequest struct {
	// Body is 1 to 1024 characters.
	Body string

	// Country is "IN" or "SG", in any letter case; empty means IN. A recipient
	// whose number or BSUID is of neither country is [ErrInvalid].
	Country string

	// Values fills in fields of the form. The keys are Meta's names of the
	// fields, such as "in_pin_code".
	Values map[string]string

	// Saved are addresses that the customer can choose from.
	Saved []SavedAddress

	// Errors explains what was wrong with the last answer. The keys are the
	// names of the fields.
	Errors map[string]string
}

// SavedAddress is an address that the customer gave earlier.
type SavedAddress struct {
	ID     string            `json:"id"`
	Values map[string]string `json:"value"`
}

func (m AddressRequest) encode() (encoded, error) {
	var c checker
	c.text("Body", m.Body, maxBody)
	m.Country = upper(m.Country)
	c.require(m.Country == "" || m.Country == "IN" || m.Country == "SG", "Country", "is "+quote(m.Country)+", but must be IN or SG; WhatsApp offers the form in India and Singapore only")
	ids := unique{}
	for i, saved := range m.Saved {
		c.text(at("Saved", i, "ID"), saved.ID, 256)
		ids.add(&c, at("Saved", i, "ID"), saved.ID)
		c.require(len(saved.Values) > 0, at("Saved", i, "Values"), "are empty; fill in a part of the address, or leave it out")
	}
	return encoded{operation: "sendAddressMessage", inIndiaOrSingapore: true, body: struct {
		Body    string            `json:"body"`
		Country string            `json:"country,omitempty"`
		Values  map[string]string `json:"values,omitempty"`
		Saved   []SavedAddress    `json:"saved_addresses,omitempty"`
		Errors  map[string]string `json:"validation_errors,omitempty"`
	}{m.Body, m.Country, m.Values, m.Saved, m.Errors}}, c.err()
}

// Flow is a text with a button that opens a flow, a form of one or more
// screens. It needs an open service window. [FlowsService] manages flows.
type Flow struct {
	// ID is the flow's id.
	ID string

	// Token comes back with the answers and identifies the form: 1 to 1024
	// characters.
	Token string

	// Label is the text of the button: 1 to 20 characters.
	Label string

	// Header is optional text of up to 60 characters. Body is 1 to 1024
	// characters, Footer up to 60.
	Header, Body, Footer string

	// Screen is the first screen. If it is empty, the flow's endpoint chooses
	// the screen.
	Screen string

	// Data is the data of the first screen; it needs a Screen.
	Data map[string]any

	// Draft sends the draft of a flow, for testing.
	Draft bool
}

func (m Flow) encode() (encoded, error) {
	var c checker
	c.require(m.ID != "", "ID", "is empty; Flows.All lists the flows")
	c.require(isWord(m.ID), "ID", "is "+quote(m.ID)+", which is not a flow id; Flows.All lists them")
	c.text("Token", m.Token, 1024)
	c.text("Label", m.Label, 20)
	c.text("Body", m.Body, maxBody)
	c.optional("Header", m.Header, 60)
	c.optional("Footer", m.Footer, 60)
	c.optional("Screen", m.Screen, 256)
	c.require(len(m.Data) == 0 || m.Screen != "", "Data", "is given without a screen; name the first Screen, or leave the Data out")
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

// Header is the part above the text of an interactive message, a template or a
// card. Make one with [HeaderText], [HeaderImage], [HeaderVideo],
// [HeaderDocument], [HeaderLocation] or [HeaderProduct]. The zero Header means
// that there is no header.
type Header struct {
	kind     headerKind
	text     string
	name     string // the variable's name, in a template with named variables
	media    Media
	location Location
	product  productID
}

// productID is a product of a catalogue in Meta's form.
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

// HeaderText returns a text header. In a [Template] the text is the value of the
// header's variable; in another message it is the header itself. It has up to 60
// characters.
func HeaderText(text string) Header { return Header{kind: headerText, text: text} }

// HeaderNamedText returns the value of a named variable in a template's text
// header, up to 60 characters.
func HeaderNamedText(variable, text string) Header {
	return Header{kind: headerText, name: variable, text: text}
}

// HeaderImage returns a header with an image, given by link or id. Upload bytes
// first, with [MediaService.Upload].
func HeaderImage(image Media) Header { return Header{kind: headerImage, media: image} }

// HeaderVideo returns a header with a video, given by link or id.
func HeaderVideo(video Media) Header { return Header{kind: headerVideo, media: video} }

// HeaderDocument returns a header with a document, given by link or id. The
// customer sees the name; if it is empty, the last part of the link is used.
func HeaderDocument(document Media, name string) Header {
	document.name = name
	return Header{kind: headerDocument, media: document}
}

// HeaderLocation returns a header with a place, for templates only. The place
// needs a name.
func HeaderLocation(place Location) Header { return Header{kind: headerLocation, location: place} }

// HeaderProduct returns a header with a product of a catalogue, for cards only.
func HeaderProduct(catalogID, productID string) Header {
	h := Header{kind: headerProduct}
	h.product.Catalog, h.product.Product = catalogID, productID
	return h
}

// IsZero reports whether h is the zero Header.
func (h Header) IsZero() bool { return h.kind == "" }

// check notes the first problem of the header itself, in every kind of message.
func (h Header) check(c *checker) {
	c.optional("Header", h.name, 512)
	switch h.kind {
	case "", headerText:
	case headerLocation:
		var inner checker
		h.location.check(&inner)
		c.failIn("Header", inner)
		c.require(h.location.Name != "", "Header.Name", "is empty; a header with a place needs a name")
	case headerProduct:
		c.require(isWord(h.product.Catalog) && isWord(h.product.Product), "Header", "needs the ids of a catalogue and a product; give both to HeaderProduct")
	default:
		h.media.check(c, "Header")
		c.playable("Header", h.media, h.media.fileName())
		c.require(!h.media.inline, "Header", "has bytes; upload them first and use MediaID, or give a link")
		c.require(h.media.id == "" || h.media.kind == "" || string(h.media.kind) == string(h.kind),
			"Header", fmt.Sprintf("is %s, but the uploaded file is %s; use the Header function of that kind", article(string(h.kind)), article(string(h.media.kind))))
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

// objectOrNil returns the header's object, or nil if there is no header.
func (h Header) objectOrNil() map[string]any {
	if h.IsZero() {
		return nil
	}
	return h.object()
}

// checkInteractive is check for an interactive message, where the text of a
// header is the header itself and not the value of a variable.
func (h Header) checkInteractive(c *checker) {
	c.require(h.kind != headerLocation && h.kind != headerProduct, "Header", "must be text, an image, a video or a document; places and products go into templates and cards")
	c.require(h.name == "", "Header", "has a variable outside of a template; use HeaderText")
	if h.kind == headerText {
		c.text("Header", h.text, 60)
	}
	h.check(c)
}

package chatapi

import "fmt"

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
	}{Header: m.Header.orNil(), Body: m.Body, Footer: m.Footer}
	for _, b := range m.Buttons {
		body.Sections = append(body.Sections, button{"reply", reply(b)})
	}
	return encoded{operation: "sendButton", body: body}, nil
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
	return encoded{operation: "sendList", body: struct {
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

// CTAURL is a text with one button that opens a page. It needs an open service
// window.
type CTAURL struct {
	// Header is optional: text of up to 60 characters, an image, a video or
	// a document.
	Header Header

	// Body is 1 to 1024 characters, Footer up to 60.
	Body, Footer string

	// Label is on the button: 1 to 20 characters (contract, "Limits";
	// inferred). URL is the page.
	Label, URL string
}

func (m CTAURL) encode() (encoded, error) {
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
	}{m.Header.orNil(), m.Body, m.Footer, m.Label, m.URL}
	return encoded{operation: "sendCtaUrl", body: body}, c.err()
}

// maxBody bounds the text of every interactive message.
const maxBody = 1024

// unique finds the second use of an id; it maps the value to its first place.
type unique map[string]string

func (u unique) add(c *checker, field, value string) {
	if first, used := u[value]; used {
		c.fail(field, fmt.Sprintf("is %s, which %s is already", quote(value), first))
		return
	}
	u[value] = field
}

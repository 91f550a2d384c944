package chatapi

// This file has the messages that ask the customer for something with a form of
// its own: a place, an address, the screens of a flow.

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
	c.that(m.Country == "" || m.Country == "IN" || m.Country == "SG", "Country", "is "+quote(m.Country)+"; it must be IN or SG")
	ids := unique{}
	for i, saved := range m.Saved {
		c.text(at("Saved", i, "ID"), saved.ID, 256)
		ids.add(&c, at("Saved", i, "ID"), saved.ID)
		c.that(len(saved.Values) > 0, at("Saved", i, "Values"), "are empty")
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
	c.that(isWord(m.ID), "ID", "is "+quote(m.ID)+", which is no flow id")
	c.text("Token", m.Token, 1024)
	c.text("Label", m.Label, 20)
	c.text("Body", m.Body, maxBody)
	c.optional("Header", m.Header, 60)
	c.optional("Footer", m.Footer, 60)
	c.optional("Screen", m.Screen, 256)
	c.that(len(m.Data) == 0 || m.Screen != "", "Data", "goes with a Screen only")
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

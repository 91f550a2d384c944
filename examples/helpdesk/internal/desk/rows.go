package desk

import "time"

// State is how far a request has come.
type State string

// The states of a request.
const (
	StateNew     State = "new"     // nobody has answered or taken it
	StateOpen    State = "open"    // work is to do
	StateWaiting State = "waiting" // the customer's answer is awaited
	StateSolved  State = "solved"
)

// Box is a part of a list.
type Box string

// The boxes of the inbox.
const (
	BoxAll        Box = ""
	BoxMine       Box = "mine"
	BoxUnassigned Box = "unassigned"
)

// Filter chooses requests. Its zero value chooses every unsolved one that the agent sees.
type Filter struct {
	Displayed    bool // only of channels that are displayed in Omnichannel
	Box          Box
	State        State // "" is every state but solved; StateAny is every one
	Department   int64
	Assignee     int64
	Channel      int64 // the row's id
	NotDelivered bool  // only with a message that failed or is unknown
	Search       string
	Only         []int64 // of these requests, if there are any
	Before       string  // RequestRow.Cursor of the last row of the page before
	Limit        int     // 0 is 50
}

// StateAny is the Filter.State that chooses every state.
const StateAny State = "any"

// Name is the id and the name of a thing, for a link or a choice.
type Name struct {
	ID   int64
	Name string
}

// RequestRow is a request as lists show it. Its preview, times and counts are those of the
// request's own messages.
type RequestRow struct {
	ID         int64
	Chat       int64
	Subject    string
	Preview    string
	Person     string // the name to show
	Channel    Name
	Department Name
	Assignee   Name // zero for nobody
	State      State
	Last       time.Time // of the newest message
	Waits      time.Time // since when the customer waits; zero if he does not
	Closes     time.Time // when the service window closes; in the past if it is closed
	Unread     int
	Failed     int
	Undecided  int
	Draft      bool  // the agent has a draft in the chat
	MergedInto int64 // the request that has its messages now; 0 for none
	Cursor     string
}

// Counts are the numbers beside the boxes of the inbox.
type Counts struct{ Mine, Unassigned, All, Unread int }

// Request is a request with what its page shows beside the thread.
type Request struct {
	RequestRow
	Opened, FirstReply, Solved time.Time

	Contact    int64 // 0 for a group
	Profile    string
	Identities []Identity
	Ad         string // the headline of the ad that began the chat
	Blocked    bool
	OptedOut   bool // wants no marketing

	Earlier   []RequestRow // of the same chat that the agent may see, newest first
	Elsewhere []RequestRow // of the same person on other channels
	Mergeable []RequestRow // of the same chat, to merge into this one
	Merged    []RequestRow // merged into this one; View.UnmergeRequest undoes it
	Same      []Name       // contacts that may be the same person, for View.MergeContacts
	Joined    []Name       // contacts that were merged into this one by hand
	Hidden    []HiddenMessages
	Sendable  bool   // messages can be sent on the channel now
	Why       string // why not, in a sentence
	Live      bool   // the channel marks messages as read and shows typing
}

// HiddenMessages says how many messages of the chat belong to requests of a department that
// the agent does not see.
type HiddenMessages struct {
	Department string
	Messages   int
}

// Identity is a name by which WhatsApp knows a person.
type Identity struct{ Kind, Value string }

// Direction is who wrote a message.
type Direction string

// The directions of messages.
const (
	In     Direction = "in"     // the customer
	Out    Direction = "out"    // the business
	Note   Direction = "note"   // an agent, for colleagues only
	System Direction = "system" // WhatsApp, or the helpdesk
)

// Message is a message as the thread shows it.
type Message struct {
	ID        int64
	Request   int64
	Direction Direction
	Wamid     string
	Kind      string // chatapi.ContentType
	Body      string
	At        time.Time
	Author    string // who wrote it, if that is not the customer of the chat
	Agent     int64
	Mine      bool // the agent who looks wrote it

	Quoted      *Quote
	Reactions   []Reaction
	Media       *MediaRow
	Extra       Extra // what the kind needs to be shown
	Edits       []Edit
	Edited      time.Time
	Deleted     time.Time
	Placeholder bool   // something named the message before it came
	Origin      string // "", "history" or "standby"

	Status   MessageStatus
	StatusAt time.Time
	Sentence string // why it waits, failed, or is unknown
	Advice   string
	Retry    string // chatapi.RetryClass of a failure
	Again    int64  // the message that replaced this one
}

// MessageStatus is how far a message of the business has come.
type MessageStatus string

// The statuses of messages.
const (
	Queued    MessageStatus = "queued" // waits in the outbox; Sentence says for what
	Sent      MessageStatus = "sent"
	Delivered MessageStatus = "delivered"
	Read      MessageStatus = "read"
	Played    MessageStatus = "played"
	Failed    MessageStatus = "failed"
	Unknown   MessageStatus = "unknown" // nobody knows whether it went out
	Canceled  MessageStatus = "canceled"
)

// Quote is the message that another one answers.
type Quote struct {
	ID     int64  // 0 if the agent may not see it, or it never came
	Author string // "" for the customer
	Text   string // "a message with another department" if the agent may not see it
}

// Reaction is an emoji on a message.
type Reaction struct {
	Emoji string
	By    string // "" for the customer of the chat
	Own   bool   // by the business
}

// Edit is a text that a message had before.
type Edit struct {
	At   time.Time
	Body string
}

// MediaRow is the file of a message.
type MediaRow struct {
	State string // fetching, ready, refused, failed
	Type  string // sniffed, such as image/png
	Size  int64
	Name  string
	Why   string
}

// Extra is what only some kinds of messages have. It is stored as JSON.
type Extra struct {
	Buttons  []string  `json:"buttons,omitempty"`  // titles
	Rows     []Row     `json:"rows,omitempty"`     // of a list
	Label    string    `json:"label,omitempty"`    // of the list's button
	Header   string    `json:"header,omitempty"`   // above the text
	Footer   string    `json:"footer,omitempty"`   // below the text
	Template string    `json:"template,omitempty"` // name and language of a template
	Place    *Place    `json:"place,omitempty"`
	People   []Person  `json:"people,omitempty"` // shared contacts
	Items    []Item    `json:"items,omitempty"`  // of an order
	Choice   string    `json:"choice,omitempty"` // the id of a chosen button or row
	Form     []string  `json:"form,omitempty"`   // lines of a flow's answer
	Call     *CallLine `json:"call,omitempty"`
	Raw      string    `json:"raw,omitempty"` // of a kind that this version cannot show
	Why      string    `json:"why,omitempty"` // why it cannot be shown
}

// Row is a row of a list message.
type Row struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

// Place is a location that was shared.
type Place struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
}

// Person is a contact that was shared.
type Person struct {
	Name   string   `json:"name"`
	Phones []string `json:"phones,omitempty"`
}

// Item is a line of an order.
type Item struct {
	Product  string `json:"product"`
	Quantity int    `json:"quantity"`
	Price    string `json:"price,omitempty"` // with its currency
}

// CallLine is a call of the customer.
type CallLine struct {
	Direction string        `json:"direction"`
	Ended     string        `json:"ended,omitempty"`
	Duration  time.Duration `json:"duration,omitempty"`
}

// Thread is a page of a request's chat, oldest message first: the messages of all requests
// of the chat that the agent may see.
type Thread struct {
	Messages []Message
	Older    bool  // there are messages before the first
	Seq      int64 // the newest change that it shows
	LastSeen int64 // the id of the newest message; a composition carries it
}

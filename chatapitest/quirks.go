package chatapitest

// Quirk is a habit of the real service, or of one of its generations, that a
// client has to bear. Each is tied to an observation of the wire contract.
type Quirk string

const (
	// IntFlags writes fromMe and isForwarded as 0 or 1 and time as a number in
	// webhooks (observed 2022-2023).
	IntFlags Quirk = "int flags"

	// TextFlags writes self, fromMe and isForwarded as "0" or "1" in webhooks.
	TextFlags Quirk = "text flags"

	// BoolHistory writes the flags of GET /messages as booleans.
	BoolHistory Quirk = "bool history"

	// NoHistory keeps no history: GET /messages is empty, with a notice.
	NoHistory Quirk = "no history"

	// NoEchoes leaves out the webhooks that repeat the channel's own messages.
	// By default they come, as the contract says ("outgoing rows include API
	// sends"): a bot that answers them talks to itself.
	NoEchoes Quirk = "no echoes"

	// DoubleDeliveries delivers every webhook twice.
	DoubleDeliveries Quirk = "double deliveries"

	// StatusesReversed reports delivered before sent.
	StatusesReversed Quirk = "statuses reversed"

	// StatusesFirst delivers the webhooks of a send before its reply.
	StatusesFirst Quirk = "statuses first"

	// Refuse400 answers a refused send with status 400 instead of 200 and
	// sent: false.
	Refuse400 Quirk = "refuse 400"

	// TextSent writes sent as "true" or "false".
	TextSent Quirk = "text sent"

	// NoID answers an accepted send without its id.
	NoID Quirk = "no id"

	// SameTemplates ignores the offset of GET /templates, as Meta-hosted
	// channels do: each page is the first.
	SameTemplates Quirk = "same templates"

	// TextTemplates lists templates with their components as JSON text, the
	// language as an object and the namespace under another name.
	TextTemplates Quirk = "text templates"

	// BareTemplates lists templates as a bare array.
	BareTemplates Quirk = "bare templates"

	// CommaWebhooks tells the webhook list as one text with commas.
	CommaWebhooks Quirk = "comma webhooks"

	// NoBSUID refuses sends to a BSUID: "BSUID routing is disabled".
	NoBSUID Quirk = "no bsuid"

	// NoUsername refuses sends to a username: "username routing is disabled".
	NoUsername Quirk = "no username"

	// MMLite is a channel with Marketing Messages Lite: MARKETING templates take
	// that path unless useMMlite is false, and their acks say so.
	MMLite Quirk = "mm lite"

	// NoFlows answers flow management with 501.
	NoFlows Quirk = "no flows"

	// NoGroups answers the making of groups with an error under status 200.
	NoGroups Quirk = "no groups"

	// NoCatalog answers commerce calls with a provider error under status 200.
	NoCatalog Quirk = "no catalog"

	// NoCalls answers calls with a provider error (138000) under status 200.
	NoCalls Quirk = "no calls"
)

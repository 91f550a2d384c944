package chatapitest

// Quirk is a habit that the real service has, or had at some time, and that a
// client must handle. Each comes from an observation in the wire contract.
type Quirk string

const (
	// IntFlags writes fromMe and isForwarded as 0 or 1 and time as a number in
	// webhooks (observed 2022-2023).
	IntFlags Quirk = "int flags"

	// TextFlags writes self, fromMe and isForwarded as "0" or "1" in webhooks.
	TextFlags Quirk = "text flags"

	// BoolHistory writes the flags of GET /messages as booleans.
	BoolHistory Quirk = "bool history"

	// NoHistory keeps no history: GET /messages returns no messages, but a notice.
	NoHistory Quirk = "no history"

	// NoEchoes leaves out the webhooks that repeat the channel's own messages. By
	// default the fake sends them, as the contract says ("outgoing rows include
	// API sends"). A bot that answers them talks to itself.
	NoEchoes Quirk = "no echoes"

	// DoubleDeliveries delivers every webhook twice, one delivery after the other.
	DoubleDeliveries Quirk = "double deliveries"

	// DeliveriesAtOnce delivers every webhook twice at the same time, as the service
	// may if a handler is slow. Each copy reads the whole body before the other one
	// goes on, and the first request of each copy waits a moment for that of the other.
	// So a handler that asks first whether it knows the message, and notes it only
	// after it has answered, answers twice. [API.Misdeliver] does so with chosen webhooks.
	DeliveriesAtOnce Quirk = "deliveries at once"

	// LooseBodies accepts the bodies of careless clients: members that are null, empty
	// or unknown, ids of quoted messages from old generations, names in another case ("chatID"), numbers for texts and texts for
	// numbers ("lat": 38.9), a phone number with "+" and spaces, and several
	// recipients, of which chatId counts first. Every operation takes a form, and JSON
	// that is called a form or begins with a byte order mark is read. Nested objects
	// are not searched for unknown members.
	LooseBodies Quirk = "loose bodies"

	// VoiceType writes "voice" as the type of a voice note, as the vendor's
	// documentation says. By default the type is "ptt".
	VoiceType Quirk = "voice type"

	// AudioType writes "audio" as the type of a voice note, as for every other sound
	// (observed 2026-07, medium confidence).
	AudioType Quirk = "audio type"

	// TemplateType writes "template" as the type of the webhook that repeats a sent
	// template. By default the type is "chat" (observed 2026-07, medium confidence).
	TemplateType Quirk = "template type"

	// BareFailures leaves category and userName out of the acks with the status
	// failed.
	BareFailures Quirk = "bare failures"

	// StatusesReversed reports the status delivered before sent.
	StatusesReversed Quirk = "statuses reversed"

	// StatusesFirst delivers the webhooks of a send before its reply.
	StatusesFirst Quirk = "statuses first"

	// Refuse400 answers a refused send with status 400 instead of 200 and
	// sent: false.
	Refuse400 Quirk = "refuse 400"

	// TextSent writes sent as the text "true" or "false".
	TextSent Quirk = "text sent"

	// NoID answers an accepted send without its id.
	NoID Quirk = "no id"

	// SameTemplates ignores the offset of GET /templates, as Meta-hosted
	// channels do: each page is the first page.
	SameTemplates Quirk = "same templates"

	// TextTemplates lists templates with their components as JSON text, the
	// language as an object and the namespace under another name.
	TextTemplates Quirk = "text templates"

	// BareTemplates lists templates as a bare array.
	BareTemplates Quirk = "bare templates"

	// UpperTemplates lists templates with the status in capitals ("APPROVED"), as test
	// data does. By default only "approved" is in small letters.
	UpperTemplates Quirk = "upper templates"

	// LowerTemplates lists templates with every status in small letters. Only
	// "approved" was seen so, in production.
	LowerTemplates Quirk = "lower templates"

	// AnyNamespace accepts a template with every namespace. By default the namespace
	// of a send has to be that of the template. Whether the service checks it is not
	// known.
	AnyNamespace Quirk = "any namespace"

	// CommaWebhooks returns the webhook list as one text with commas.
	CommaWebhooks Quirk = "comma webhooks"

	// NoBSUID refuses sends to a BSUID: "BSUID routing is disabled".
	NoBSUID Quirk = "no bsuid"

	// NoUsername refuses sends to a username: "username routing is disabled".
	NoUsername Quirk = "no username"

	// MMLite gives the channel Marketing Messages Lite: MARKETING templates are
	// sent that way unless useMMlite is false, and their acks say so.
	MMLite Quirk = "mm lite"

	// NoFlows answers flow management with 501.
	NoFlows Quirk = "no flows"

	// NoGroups answers the creation of a group with status 200 and an error.
	NoGroups Quirk = "no groups"

	// NoCatalog answers commerce calls with status 200 and a provider error.
	NoCatalog Quirk = "no catalog"

	// NoCalls answers calls with status 200 and a provider error (138000).
	NoCalls Quirk = "no calls"
)

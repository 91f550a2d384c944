package tape

// This file knows the members of the service's and of WhatsApp's bodies by their meaning.

// class is the meaning of a member's value.
type class int

const (
	unknown  class = iota // shaped
	word                  // of the protocol: kept
	own                   // a word of the program, such as the id of a button: kept but for numbers and secrets
	says                  // a sentence of the service: kept but for numbers and secrets
	text                  // what people write: shaped, or kept but for numbers and secrets
	party                 // a person or a chat: a number, a chat id, a user id or a name
	person                // a name
	thing                 // the name of a group or a company
	username              // without @
	ident                 // an id
	instant               // a time
	place                 // a latitude or longitude
	hash                  // of a file
	size                  // of a file
	filename              // shaped, but for its end
	address               // an e-mail address
	network               // of a call: it holds network addresses
)

// classOf returns the meaning of a member by its name alone.
func classOf(name string) class {
	switch name {
	case "phone", "phones", "from", "to", "wa_id", "new_wa_id", "recipient_id", "display_phone_number", "author", "chatId", "chat_id", "chatID",
		"recipient_participant_id", "phone_number", "mentionedPhones", "participants", "customer", "senderName", "chatName", "mentions",
		"user_id", "from_user_id", "to_user_id", "recipient_user_id", "recipient_participant_user_id", "parent_user_id", "from_parent_user_id",
		"recipient_parent_user_id", "bsuid", "authorBsuid", "parentBsuid", "sender", "recipient", "input", "user", "requester", "blockedUsers", "added_participants",
		"removed_participants":
		return party
	case "formatted_name", "first_name", "last_name", "middle_name", "full_name", "pushName", "pushname", "verified_name", "requested_verified_name":
		return person
	case "groupName", "subject", "company", "org", "department":
		return thing
	case "userName", "username", "authorUserName":
		return username
	case "email":
		return address
	case "time", "timestamp", "start_time", "end_time", "expiration_timestamp", "expiration", "expires_at", "created_timestamp", "updated_timestamp",
		"category_update_timestamp", "creation_timestamp", "period_date", "disable_date", "ban_date", "waba_ban_date":
		return instant
	case "lat", "lng", "latitude", "longitude", "degreesLatitude", "degreesLongitude":
		return place
	case "sha256", "file_sha256", "hash":
		return hash
	case "file_size", "fileSize":
		return size
	case "filename", "profile_picture_file", "file":
		return filename
	case "sdp", "ip", "outputIp", "sip":
		return network
	}
	if c := classOfText(name); c != unknown {
		return c
	}
	return classOfWord(name)
}

func classOfText(name string) class {
	switch name {
	case "body", "text", "caption", "title", "description", "footer", "header", "headline", "displayText", "display_text", "buttonText",
		"quotedMsgBody", "about", "header_text", "body_text", "footer_text",
		"prompts", "command_name", "command_description", "label", "emails", "urls", "note", "summary", "linkTitle", "linkDescription", "flowCta",
		"message_template_element", "message_template_footer", "message_template_button_text", "website", "value":
		return text
	case "message", "error", "details", "reason", "error_msg", "errors", "error_user_title", "error_user_msg", "notice", "response", "detail",
		"rejected_reason", "rejection_reason", "recommendation", "alert_description", "result", "problem", "statusText":
		return says
	case "id", "ids", "messageId", "message_id", "quotedMsgId", "original_message_id", "phone_number_id", "waba_id", "catalog_id", "catalogId", "message_template_id",
		"mediaId", "media_id", "jobId", "flow_id", "flowId", "call_id", "callId", "source_id", "ctwa_clid", "fbtrace_id", "owner_business_id", "group_id", "groupId",
		"entity_id", "request_id", "solution_partner_business_ids", "meta_order_id", "namespace", "message_template_namespace", "flowToken", "flow_token",
		"business_public_key", "encryptionKey", "biz_opaque_callback_data", "referenceId", "reference_id", "handle", "instanceId", "channelId", "meta_info":
		return ident
	}
	return unknown
}

func classOfWord(name string) class {
	switch name {
	case "type", "status", "category", "sent", "success", "messaging_product", "field", "object", "event", "direction", "language", "code", "policy", "sub_type",
		"format", "mime_type", "mimeType", "mediaType", "pricing_model", "region", "currency", "country", "country_code", "accountStatus", "vertical",
		"recipient_type", "method", "parameter_format", "sdp_type", "quality_score", "previous_quality_score", "new_quality_score", "previous_category", "new_category",
		"correct_category", "message_template_language", "message_template_category", "emoji", "origin", "action", "phase", "set", "flowAction", "mode",
		"call_icon_visibility", "previous", "current", "decision", "restriction_type", "waba_ban_state", "alert_type", "alert_state", "alert_severity",
		"alert_status", "entity_type", "current_limit", "max_daily_conversations_per_business", "response_source", "source_type", "media_type", "error_code", "level",
		"messageActivitySharing", "business_public_key_signature_status", "webhookStatuses", "version", "voice", "fromMe", "self", "isForwarded",
		"typingIndicator", "preview_url", "billable", "categories", "entry", "changes", "contacts", "contact", "metadata", "statuses", "messages", "ack", "calls",
		"profile", "name", "meta", "image", "video", "audio", "document", "sticker", "location", "reaction", "interactive", "button", "order", "system",
		"template", "templates", "media", "groups", "flows", "settings", "webhook", "me", "users", "href", "url", "link", "image_url", "video_url", "thumbnail_url", "source_url",
		"webhookUrl", "invite_link", "screen", "product_retailer_id", "retailer_id", "payload", "buttons", "sections", "rows", "reply", "total", "offset", "limit",
		"message_template_name", "message_echoes", "history", "standby":
		return word
	}
	return unknown
}

// ownWord reports whether a word stands on many tapes because the protocol or this package
// writes it there.
func ownWord(word string) bool {
	switch word {
	case "chat", "sending", "delivered", "read", "failed", "viewed", "played", "deleted", "unknown", "unsupported", "example", "mail", "person", "file", "files",
		"test", "tape", "wamid", "true", "false", "null", "com", "https", "http", "json", "application", "post", "get", "delete", "patch", "put", "call", "answer",
		"path", "query", "the", "and", "for", "you", "not", "from", "with", "one", "all", "new", "sentto", "has", "been", "provider":
		return true
	}
	return false
}

// meaning returns the meaning of a value by its member, and by the object that holds it.
func meaning(at spot) class {
	inError := at.parent == "error" || at.parent == "errors" || at.parent == "error_data"
	switch at.name {
	case "id", "payload":
		switch at.parent {
		case "reply", "button_reply", "list_reply", "rows", "buttons", "button", "sections", "nfm_reply":
			return own
		case "groups", "group":
			return party
		}
		if at.name == "payload" {
			return own
		}
	case "name":
		if at.parent == "location" || at.siblings["lat"] != nil || at.siblings["latitude"] != nil {
			return unknown // where somebody lives
		}
		if at.siblings["language"] != nil || at.siblings["components"] != nil || at.parent == "template" || at.parent == "templates" || at.parent == "flows" ||
			at.siblings["validation_errors"] != nil {
			return word
		}
		return person
	case "template", "message_template_name", "screen", "product_retailer_id", "retailer_id":
		return own
	case "title", "description", "message", "text":
		if inError {
			return says
		}
		if at.name == "message" && at.siblings["sent"] == nil && at.part != inAnswer {
			return text
		}
		if at.name == "description" && at.siblings["sent"] != nil {
			return says
		}
	case "response", "errors":
		if at.part == inWebhook {
			return text
		}
	case "code": // of a country or a coupon, of an error
		if at.parent == "parameters" {
			return text
		}
	case "body":
		if at.siblings["type"] == "location" {
			return place
		}
	}
	return classOf(at.name)
}

// part says in which part of an entry a body stands.
type part int

const (
	inCall part = iota
	inAnswer
	inWebhook
)

// spot is the place of a value in a body.
type spot struct {
	part     part
	name     string         // of the member; of the list, for an element
	parent   string         // the name of the object that holds the member
	siblings map[string]any // the members of that object
}

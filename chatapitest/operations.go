package chatapitest

import (
	"maps"
	"net/http"
	"slices"
)

// operation is one operation of the contract: its request, the shape of its body,
// and the function that carries it out.
type operation struct {
	id     string // the contract's operationId
	method string
	path   string // below the channel, with {parameters}
	body   *shape // nil if it has no body
	form   bool   // the body may also be a form
	do     func(*API, *request) answer
}

// Operation names one operation of the contract that the fake serves. Members are the
// members that its body may have, in the order of the alphabet; nil if it has no body.
type Operation struct {
	ID, Method, Path string
	Members          []string
}

// Operations returns every operation that the fake serves, in the order of the
// contract. Each Path is below the channel and begins with a slash.
func Operations() []Operation {
	all := make([]Operation, len(operations))
	for i, op := range operations {
		all[i] = Operation{op.id, op.method, "/" + op.path, nil}
		if op.body != nil {
			all[i].Members = slices.Sorted(maps.Keys(op.body.members))
		}
	}
	return all
}

// sendBody returns the shape of a send's body: those members and the recipient.
func sendBody(required []string, members map[string]check) *shape {
	all := maps.Clone(recipients)
	maps.Copy(all, members)
	switch _, own := members["quotedMsgId"]; {
	case members["order"] != nil: // an order cannot quote
	case !own:
		all["quotedMsgId"] = id
	}
	return &shape{members: all, required: required}
}

// bodyOf returns the shape of a body with those members.
func bodyOf(required []string, members map[string]check) *shape {
	return &shape{members: members, required: required}
}

var (
	interactiveHeader = objectOf(shape{loose: true, required: []string{"type"}, members: map[string]check{
		"type": oneOf("text", "image", "video", "document"), "text": text(1, 60)}})
	replyButton = objectOf(shape{required: []string{"type", "reply"}, members: map[string]check{
		"type": oneOf("reply"), "reply": objectOf(shape{required: []string{"id", "title"}, members: map[string]check{"id": text(1, 256), "title": text(1, 20)}})}})
	plainButton = objectOf(shape{required: []string{"id", "title"}, members: map[string]check{"id": text(1, 256), "title": text(1, 20)}})
	listSection = objectOf(shape{required: []string{"rows"}, members: map[string]check{"title": text(0, 24), "rows": list(1, 10, objectOf(shape{
		required: []string{"id", "title"}, members: map[string]check{"id": text(1, 200), "title": text(1, 24), "description": text(0, 72)}}))}})
	contactName = objectOf(shape{required: []string{"formatted_name", "first_name|last_name|middle_name|suffix|prefix"}, members: map[string]check{
		"formatted_name": id, "first_name": anyText, "last_name": anyText, "middle_name": anyText, "suffix": anyText, "prefix": anyText}})
	contactCard = objectOf(shape{required: []string{"name"}, members: map[string]check{
		"name": contactName, "birthday": either(oneOf(""), matches(datePattern, "must be YYYY-MM-DD")), "org": texts("company", "department", "title"),
		"addresses": list(0, 0, texts("street", "city", "state", "zip", "country", "country_code", "type")),
		"emails":    list(0, 0, texts("email", "type")), "phones": list(0, 0, texts("phone", "type", "wa_id")), "urls": list(0, 0, texts("url", "type"))}})
	productAction = objectOf(shape{required: []string{"catalog_id", "product_retailer_id|sections"}, members: map[string]check{
		"catalog_id": id, "product_retailer_id": id, "sections": list(1, 10, objectOf(shape{required: []string{"product_items"}, members: map[string]check{
			"title": text(0, 24), "product_items": list(1, 30, objectOf(shape{required: []string{"product_retailer_id"}, members: map[string]check{"product_retailer_id": id}}))}}))}})
	carouselCard = objectOf(shape{loose: true, members: map[string]check{
		"header": objectOf(shape{loose: true, required: []string{"type"}, members: map[string]check{"type": oneOf("image", "video", "product")}}),
		"body":   texts("text"), "type": anyText, "action": anyObject}})
	carouselParam = objectOf(shape{loose: true, required: []string{"type"}, members: map[string]check{"type": id, "cards": list(2, 10, anyObject)}})
	language      = objectOf(shape{required: []string{"code"}, members: map[string]check{"policy": oneOf("deterministic"), "code": id}})
	parameter     = objectOf(shape{loose: true, required: []string{"type"}, members: map[string]check{"type": id}})
	templateParam = objectOf(shape{loose: true, required: []string{"type"}, members: map[string]check{
		"type": id, "sub_type": anyText, "index": index, "parameters": list(0, 0, parameter),
		"cards": list(1, 10, objectOf(shape{required: []string{"card_index", "components"}, members: map[string]check{
			"card_index": integer(0, 99), "components": list(0, 0, anyObject)}}))}})
	flowCategory = oneOf("SIGN_UP", "SIGN_IN", "APPOINTMENT_BOOKING", "LEAD_GENERATION", "CONTACT_US", "CUSTOMER_SUPPORT", "SURVEY", "OTHER")
	phoneOnly    = bodyOf([]string{"phone"}, map[string]check{"phone": matches(phonePattern, "must be 6 to 15 digits")})
	mediaOnly    = bodyOf([]string{"mediaId"}, map[string]check{"mediaId": id})
)

// texts accepts an object whose members are texts.
func texts(names ...string) check {
	members := map[string]check{}
	for _, name := range names {
		members[name] = anyText
	}
	return objectOf(shape{members: members})
}

var operations = slices.Concat(sendOperations(), messageOperations(), templateOperations(), channelOperations(), flowAndGroupOperations())

const (
	get   = http.MethodGet
	post  = http.MethodPost
	patch = http.MethodPatch
	del   = http.MethodDelete
)

// need lists required members.
func need(names ...string) []string { return names }

func sendOperations() []operation {
	type m = map[string]check
	send := func(name string, s *shape, read func(*API, *request) (outgoing, *answer)) operation {
		return operation{id: name, method: post, path: name, body: s, do: sender(read)}
	}
	form := func(op operation) operation { op.form = true; return op }
	interactive := plain("interactive")
	return []operation{
		form(send("sendMessage", sendBody(need("body"), m{"body": text(1, 4096),
			"quotedMsgId":     matches(wamidPattern, "must be a message id (wamid.…)"),
			"mentionedPhones": either(anyText, list(0, 0, anyText))}), plain("chat"))),
		form(send("sendFile", sendBody(need("body|mediaId"), m{"body": linkOrData, "filename": id, "mediaId": id,
			"mediaType": oneOf("image", "video", "audio", "document"), "voice": flag, "caption": text(0, 1024)}), readFile)),
		send("sendSticker", sendBody(need("mediaId|link"), m{"mediaId": id, "link": link}), readSticker),
		form(send("sendLocation", sendBody(need("lat", "lng"), m{"lat": coordinate(90), "lng": coordinate(180),
			"name": anyText, "address": anyText}), readLocation)),
		send("sendLocationRequest", sendBody(nil, m{"body": text(0, 1024)}), interactive),
		send("sendContact", sendBody(need("contact|contacts"), m{
			"contact":  objectOf(shape{required: need("name", "phone"), members: m{"name": either(id, anyObject), "phone": id, "email": anyText, "org": anyObject, "url": anyText}}),
			"contacts": list(1, 0, contactCard)}), readContact),
		send("sendButton", sendBody(need("body", "sections|buttons"), m{"body": text(1, 1024), "footer": text(0, 60), "header": interactiveHeader,
			"sections": list(1, 3, replyButton), "buttons": list(1, 3, plainButton)}), readButtons),
		send("sendList", sendBody(need("body", "sections", "buttonText|action"), m{"body": text(1, 1024), "buttonText": text(1, 20), "action": text(1, 20),
			"header": text(0, 60), "title": text(0, 60), "footer": text(0, 60), "sections": list(1, 10, listSection)}), readList),
		send("sendCtaUrl", sendBody(need("body", "displayText", "url"), m{"body": text(1, 1024), "displayText": text(1, 20), "url": link,
			"header": interactiveHeader, "footer": text(0, 60)}), readCTA),
		send("sendReaction", sendBody(need("body", "quotedMsgId"), m{"body": anyText}), readReaction),
		send("sendProduct", sendBody(need("action"), m{"action": productAction, "body": text(0, 1024), "header": text(0, 60), "footer": text(0, 60)}), readProduct),
		form(send("sendCarousel", sendBody(need("cards|params"), m{"body": text(0, 1024), "cards": list(2, 10, carouselCard),
			"params": list(1, 0, carouselParam)}), readCarousel)),
		form(send("sendFlow", sendBody(need("body", "flowId", "flowToken", "flowCta"), m{"body": text(1, 1024), "header": either(text(0, 60), anyObject),
			"footer": text(0, 60), "flowId": id, "flowToken": id, "flowCta": text(1, 20), "flowAction": oneOf("navigate", "data_exchange"),
			"flowActionPayload": anyObject, "flowActionScreen": anyText, "flowActionData": anyObject, "flowMessageVersion": anyText,
			"mode": oneOf("draft", "published")}), readFlow)),
		send("sendAddressMessage", sendBody(need("body"), m{"body": text(1, 1024), "country": oneOf("IN", "SG"), "values": anyObject,
			"saved_addresses": list(0, 0, anyObject), "validation_errors": anyObject}), readAddress),
		send("sendOrderDetails", sendBody(need("template", "namespace", "language", "order"), m{"template": id, "namespace": id, "language": language,
			"params": list(0, 0, templateParam), "referenceId": text(1, 35), "currency": anyText, "paymentSettings": anyObject,
			"order": objectOf(shape{loose: true, required: need("items"), members: m{"items": list(1, 0, anyObject)}})}), readOrderDetails),
		send("sendPaymentRequest", bodyOf(need("phone", "region"), m{"phone": matches(phonePattern, "must be 6 to 15 digits"), "region": oneOf("IN", "SG", "BR"),
			"body": anyText, "interactive": anyObject, "action": anyObject}), readPayment),
	}
}

func messageOperations() []operation {
	type m = map[string]check
	return []operation{
		{id: "createReadMessage", method: post, path: "readMessage", form: true, do: readMessage,
			body: bodyOf(need("messageId|msgId"), m{"messageId": id, "msgId": id, "typingIndicator": flag})},
		{id: "listMessages", method: get, path: "messages", do: listMessages},
		{id: "createUploadMedia", method: post, path: "uploadMedia", body: bodyOf(need("body|url"), m{"body": linkOrData, "url": link}), do: uploadMedia},
		{id: "retrieveMedia", method: get, path: "retrieveMedia", do: retrieveMedia},
		{id: "deleteMedia", method: del, path: "media/{mediaId}", do: deleteMedia},
		{id: "deleteMediaLegacy", method: post, path: "deleteMedia", body: mediaOnly, do: deleteMedia},
	}
}

func templateOperations() []operation {
	type m = map[string]check
	return []operation{
		{id: "listTemplates", method: get, path: "templates", do: listTemplates},
		{id: "addTemplate", method: post, path: "addTemplate", do: addTemplate, body: bodyOf(need("name", "category", "language", "components"), m{
			"name": id, "category": oneOf("MARKETING", "UTILITY", "AUTHENTICATION"), "language": id,
			"components": list(1, 0, objectOf(shape{loose: true, required: need("type"), members: m{"type": id, "text": anyText, "format": anyText,
				"buttons": list(0, 0, objectOf(shape{loose: true, required: need("type"), members: m{"type": id}}))}}))})},
		{id: "removeTemplate", method: post, path: "removeTemplate", body: bodyOf(need("name"), m{"name": id}), do: removeTemplate},
		{id: "sendTemplate", method: post, path: "sendTemplate", do: sendTemplate, body: sendBody(nil, m{"template": anyText, "namespace": anyText,
			"language": language, "params": list(0, 0, templateParam), "useMMlite": flag, "messageActivitySharing": flag,
			"messageSendTtlSeconds": integer(-1, 2592000)})},
	}
}

// sendTemplate refuses a template without a name or language in its own words.
func sendTemplate(a *API, r *request) answer {
	if r.body.text("template") == "" || !r.body.has("language") {
		return reply(http.StatusBadRequest, object{"message": "template is not defined"})
	}
	return sender(readTemplate)(a, r)
}

func channelOperations() []operation {
	type m = map[string]check
	return []operation{
		{id: "getMmLiteStatus", method: get, path: "mmLiteStatus", do: getMMLiteStatus},
		{id: "getStatus", method: get, path: "status", do: getStatus},
		{id: "getMe", method: get, path: "me", do: getMe},
		{id: "updateMe", method: post, path: "me", do: updateMe, body: &shape{loose: true, members: m{"about": text(0, 139), "address": text(0, 256),
			"description": text(0, 256), "email": text(0, 128), "vertical": text(0, 128), "photo": linkOrData, "websites": list(0, 2, link)}}},
		{id: "getWebhook", method: get, path: "webhook", do: getWebhook},
		{id: "setWebhook", method: post, path: "webhook", body: bodyOf(need("webhookUrl"), m{"webhookUrl": nil}), do: setWebhook},
		{id: "listSettings", method: get, path: "settings", do: getSettings},
		{id: "createSettings", method: post, path: "settings", do: updateSettings, body: bodyOf(nil, m{"webhookUrl": nil, "guaranteedHooks": flag,
			"ackNotificationsOn": flag, "rawHooks": flag, "template_analytics_enabled": flag, "cta_url_link_tracking_opted_out": flag})},
		{id: "listBlockedUsers", method: get, path: "blockedUsers", do: listBlocked},
		{id: "blockUser", method: post, path: "blockUser", body: phoneOnly, do: blockUser},
		{id: "unblockUser", method: post, path: "unblockUser", body: phoneOnly, do: unblockUser},
		{id: "getCallingSettings", method: get, path: "callingSettings", do: getCallingSettings},
		{id: "updateCallingSettings", method: post, path: "callingSettings", body: &shape{loose: true, members: m{"calling": anyObject}}, do: updateCallingSettings},
		{id: "initiateCall", method: post, path: "initiateCall", do: initiateCall, body: bodyOf(need("messaging_product", "action"), m{
			"messaging_product": oneOf("whatsapp"), "action": oneOf("connect", "pre_accept", "accept", "reject", "terminate"), "to": anyText,
			"call_id": id, "biz_opaque_callback_data": text(0, 512),
			"session": objectOf(shape{loose: true, required: need("sdp_type", "sdp"), members: m{"sdp_type": oneOf("offer", "answer"), "sdp": id}})})},
		{id: "getCommerce", method: get, path: "commerce", do: getCommerce},
		{id: "createCommerce", method: post, path: "commerce", do: setCommerce, body: bodyOf(need("params"), m{"params": objectOf(shape{loose: true,
			required: need("is_cart_enabled", "is_catalog_visible"), members: m{"is_cart_enabled": flag, "is_catalog_visible": flag}})})},
		{id: "getConversationalAutomation", method: get, path: "conversationalAutomation", do: getAutomation},
		{id: "setConversationalAutomation", method: post, path: "conversationalAutomation", do: setAutomation, body: &shape{loose: true, members: m{
			"enable_welcome_message": flag, "prompts": list(0, 4, text(1, 80)), "commands": list(0, 30, objectOf(shape{loose: true,
				required: need("command_name", "command_description"),
				members:  m{"command_name": text(1, 32), "command_description": text(1, 256)}}))}}},
	}
}

func flowAndGroupOperations() []operation {
	type m = map[string]check
	return []operation{
		{id: "listFlows", method: get, path: "flows", do: flows(listFlows)},
		{id: "createFlows", method: post, path: "flows", do: flows(createFlow), body: bodyOf(need("name", "categories"), m{"name": id,
			"categories": list(1, 0, flowCategory), "endpointUri": link, "publish": flag, "flowJson": anyObject})},
		{id: "getFlowsFlowId", method: get, path: "flows/{flowId}",
			do: withFlow(func(_ *API, _ *request, f *flow) answer { return reply(http.StatusOK, f.object()) })},
		{id: "deleteFlowsFlowId", method: del, path: "flows/{flowId}", do: withFlow(deleteFlow)},
		{id: "getFlowsFlowIdPreview", method: get, path: "flows/{flowId}/preview", do: withFlow(previewFlow)},
		{id: "createFlowsFlowIdPublish", method: post, path: "flows/{flowId}/publish", do: withFlow(changeFlowStatus("DRAFT", "PUBLISHED"))},
		{id: "createFlowsFlowIdDeprecate", method: post, path: "flows/{flowId}/deprecate", do: withFlow(changeFlowStatus("PUBLISHED", "DEPRECATED"))},
		{id: "patchFlowsFlowIdMetadata", method: patch, path: "flows/{flowId}/metadata", do: withFlow(updateFlow), body: bodyOf(nil, m{"name": id,
			"categories": list(1, 0, flowCategory), "endpointUri": link})},
		{id: "patchFlowsFlowIdAssets", method: patch, path: "flows/{flowId}/assets", do: withFlow(updateFlowAssets),
			body: bodyOf(need("flowJson"), m{"flowJson": anyObject})},
		{id: "getWhatsappBusinessEncryption", method: get, path: "whatsapp_business_encryption", do: getKey},
		{id: "setWhatsappBusinessEncryption", method: post, path: "whatsapp_business_encryption", do: setKey,
			body: bodyOf(need("business_public_key"), m{"business_public_key": id})},
		{id: "listGroups", method: get, path: "groups", do: listGroups},
		{id: "createGroups", method: post, path: "groups", do: createGroup, body: bodyOf(need("groupName"), m{"groupName": text(1, 128), "description": anyText})},
		{id: "getGroupsGroupId", method: get, path: "groups/{groupId}",
			do: withGroup(func(_ *API, _ *request, g *group) answer { return reply(http.StatusOK, g.object()) })},
		{id: "createGroupsGroupId", method: post, path: "groups/{groupId}", do: withGroup(updateGroup), body: bodyOf(nil, m{"subject": text(1, 128),
			"description": anyText, "profile_picture_file": linkOrData})},
		{id: "deleteGroupsGroupId", method: del, path: "groups/{groupId}", do: withGroup(deleteGroup)},
		{id: "getGroupsGroupIdInvitelink", method: get, path: "groups/{groupId}/inviteLink",
			do: withGroup(func(_ *API, _ *request, g *group) answer {
				return reply(http.StatusOK, object{"invite_link": g.link()})
			})},
		{id: "createGroupsGroupIdInvitelink", method: post, path: "groups/{groupId}/inviteLink", do: withGroup(resetInvite)},
		{id: "ackHookInfo", method: get, path: "hookInfo", do: hookInfo},
		{id: "getStatistics", method: get, path: "statistics", do: statistics},
		{id: "getExtendedStatistics", method: get, path: "extendedStatistics", do: extendedStatistics},
		{id: "outputIP", method: get, path: "outputIP", do: outputIP},
	}
}

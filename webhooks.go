package chatapi

// WebhooksService reads and changes the channel's webhook addresses. See
// [Client.Webhooks].
type WebhooksService service

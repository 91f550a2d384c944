package chatapi

// TemplatesService lists, creates and removes message templates. See
// [Client.Templates].
type TemplatesService service

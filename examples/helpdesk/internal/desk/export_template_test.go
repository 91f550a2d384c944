package desk

// ApplyTemplate is the handler of template events.
var ApplyTemplate = (*Desk).applyTemplate

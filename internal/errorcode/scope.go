package errorcode

// Scope returns who has to stop: "request", "recipient", "channel" or "account".
// Most rows follow from their class; the codes named here differ from it.
func (r Row) Scope() string {
	if scope := exception(r.Code); scope != "" {
		return scope
	}
	switch r.Class {
	case "window", "recipient", "marketing", "block":
		return "recipient"
	case "rate_limit", "auth", "account", "channel", "registration":
		return "channel"
	case "billing", "policy":
		return "account"
	}
	return "request"
}

// exception returns the scope of a code whose class says another one; empty for
// all other codes.
func exception(code string) string {
	switch code {
	case "131056", // the pace to one person
		"130497", "131030", "131207", // a country, a number, a group that this account may not write to
		"138001", "138003", "138006", "138009", "138012": // calls to one person
		return "recipient"
	case "4", "613", "80007", "80008", "131064", // quotas of the account
		"2050", "134011", "139000", "1752041", "d360:disabled":
		return "account"
	case "2", "1011", "1017", "1018", "131016", "131057", "2494100", // outages
		"http:502", "http:503", "http:504", "d360:502", "net:dial",
		"138000", "138002", "138005", "138018": // calls of the whole number
		return "channel"
	case "2025", "2028", "2029", "131211", "131214", "131215", "131208": // shops and groups, beside which messages go out
		return "request"
	}
	return ""
}

package chatapi

import "strings"

// checkRecipient returns the error of a message that WhatsApp does not deliver to
// this sort of recipient. A recipient whose country is not known passes.
func (e *encoded) checkRecipient(to Recipient) *Error {
	kind := to.Kind()
	authentication := len(e.category) >= len("AUTHENTICATION") && strings.EqualFold(e.category[:len("AUTHENTICATION")], "AUTHENTICATION")
	if authentication && (kind == RecipientBSUID || kind == RecipientUsername) {
		return invalid("recipient", "is not a phone number, and WhatsApp delivers authentication templates to nothing else (131062); "+
			"ask the customer for the number, or send the code in another way")
	}
	if e.inIndiaOrSingapore && to.isElsewhere() {
		return invalid("recipient", "is neither in India nor in Singapore, and WhatsApp offers the form only there; "+
			"ask for it in a text, or with a Flow")
	}
	return nil
}

// isElsewhere reports whether the number or the BSUID of a recipient is that of
// another country than India and Singapore. It is false if the country is not known.
func (r Recipient) isElsewhere() bool {
	if digits, ok := strings.CutPrefix(r.Key(), string(RecipientPhone)+":"); ok {
		return !strings.HasPrefix(digits, "91") && !strings.HasPrefix(digits, "65")
	}
	country, _, _ := strings.Cut(r.value, ".")
	return r.Kind() == RecipientBSUID && len(country) == 2 && country != "IN" && country != "SG"
}

package wire

// List returns a cursor over v's elements. A lone object counts as a list of one,
// because forwarders unwrap lists with one element.
func (v Value) List() Array {
	if v.IsObject() {
		return Array{doc: v.doc, at: v.node, list: v.node, memory: elementMemory}
	}
	return v.Array()
}

// IsNested reports whether v is an object or an array.
func (v Value) IsNested() bool { return v.IsObject() || v.IsArray() }

// IsBlank reports whether v says nothing: it is absent, null, false, zero or an
// empty text, or holds only such values. Forwarders that copy a message into
// typed structs write such values for what is not there.
func (v Value) IsBlank() bool {
	switch v.first() {
	case '{':
		for members := v.Object(); members.Next(); {
			if !members.Value.IsBlank() {
				return false
			}
		}
		return true
	case '[':
		for at, end := v.node+1, v.doc.nodes[v.node].next; at < end; at = v.doc.nodes[at].next {
			if !(Value{v.doc, at}).IsBlank() {
				return false
			}
		}
		return true
	}
	switch string(v.Raw()) {
	case "", "null", "false", "0", `""`:
		return true
	}
	return false
}

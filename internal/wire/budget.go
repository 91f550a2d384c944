package wire

// The limits of a document, whoever reads it.
const (
	// MaxElements is how many elements of a document's lists are read.
	MaxElements = 100_000

	// MemoryPerByte is how many bytes of memory a document may take for each of its
	// own bytes. LeastMemory is what any document may take.
	MemoryPerByte = 60
	LeastMemory   = 64 << 20

	// LongestText is the length in bytes of a text that is a name, an id or a
	// word, and not what somebody wrote.
	LongestText = 64 << 10

	// textPerByte is the part of MemoryPerByte that is kept back for the document
	// itself and the copies of its texts.
	textPerByte = 13

	// elementMemory is what an element of a list takes at most when a reader
	// appends it to a slice that grows: five times its size.
	elementMemory = 2 << 10
)

// budget is what may still be read of a document. Every list that is walked
// spends it, at whatever depth, so no shape of a document takes more memory than
// its size allows.
type budget struct {
	elements int // that may still be read
	memory   int // that they may still take
	spent    bool
}

// budgetFor returns the budget of a document of that size, which has memory for
// that many nodes.
func budgetFor(size, nodes int) budget {
	const nodeSize = 16
	return budget{elements: MaxElements, memory: max(MemoryPerByte*size, LeastMemory) - textPerByte*size - nodeSize*nodes}
}

// spend takes elements and their memory from the budget. It returns false if the
// budget does not have both; nothing more is to be read then.
func (b *budget) spend(elements, memory int) bool {
	if b.elements < elements || b.memory < memory {
		b.spent = true
		return false
	}
	b.elements -= elements
	b.memory -= memory
	return true
}

// Use takes memory for a thing that was read already. If the budget did not have
// it, nothing more can be spent.
func (b *budget) Use(memory int) { b.memory -= memory }

// Use takes memory from the budget of v's document; see Document.Use.
func (v Value) Use(memory int) {
	if v.doc != nil {
		v.doc.Use(memory)
	}
}

// Spent reports whether a part of the document was not read, because the budget
// did not allow it.
func (b *budget) Spent() bool { return b.spent }

// Spend takes memory from the budget of v's document; false means that v is not to
// be read. The elements of lists spend it by themselves. Spend is for whatever else
// is appended to a slice.
func (v Value) Spend(memory int) bool { return v.doc == nil || v.doc.spend(0, memory) }

// SpendContents takes the memory of all values in v from the budget, for a reader of
// another package, which appends whatever it finds.
func (v Value) SpendContents() bool {
	if v.doc == nil {
		return true
	}
	const valueMemory = 512
	return v.doc.spend(0, int(v.doc.nodes[v.node].next-v.node)*valueMemory)
}

// Spent reports whether the budget of v's document is used up.
func (v Value) Spent() bool { return v.doc != nil && v.doc.spent }

// SpendAll takes the elements of all lists in v, and the memory of all its values,
// from the budget of v's document. It returns false if the budget does not have
// them. It is for a document that is decoded as a whole.
func (v Value) SpendAll() bool {
	if v.doc == nil {
		return true
	}
	const valueMemory, rowMemory = 96, 512
	elements := 0
	end := max(v.doc.nodes[v.node].next, v.node+1)
	for at := v.node; at < end; at++ {
		if list := (Value{v.doc, at}); list.IsArray() {
			elements += list.lenUpTo(MaxElements + 1)
		}
	}
	return v.doc.spend(elements, elements*rowMemory+int(end-v.node)*valueMemory)
}

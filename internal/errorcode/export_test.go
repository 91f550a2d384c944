package errorcode

// All returns every row that is not a text pattern, in no order.
func All() []Row {
	rows := make([]Row, 0, len(load().rows))
	for _, row := range load().rows {
		rows = append(rows, row)
	}
	return rows
}

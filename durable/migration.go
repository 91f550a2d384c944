package durable

// Migration says what sqlite.Migrate or postgres.Migrate would do. The functions Pending
// of both packages return it.
type Migration struct {
	// Have is the version of the schema that is there, 0 if there is none, and Want that
	// of this release. Have is the greater one after a newer release has migrated.
	Have, Want int

	// MinReader is the oldest version of a program's schema that may work on the
	// database.
	MinReader int

	// Statements are what would run, in order; none if nothing is to do. On PostgreSQL
	// those for River's schema follow, which has versions of its own.
	Statements []string
}

// Pending reports whether something is to do.
func (m Migration) Pending() bool { return len(m.Statements) > 0 }

// TooOld reports whether this program is too old for the schema.
func (m Migration) TooOld() bool { return m.Have > m.Want && m.MinReader > m.Want }

package store

import "strings"

// Version is the version of the tables of working, and MinReader the oldest version
// of a program's tables that may still work on them.
const (
	Version   = 1
	MinReader = 1
)

// workTables are the tables of working. BLOB and SERIAL stand for the words of the
// database.
const workTables = `
CREATE TABLE attempt (
	seq BIGINT PRIMARY KEY, lane TEXT NOT NULL, attempts INTEGER NOT NULL,
	not_before BIGINT NOT NULL, running INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE INDEX attempt_lane ON attempt (lane);

CREATE TABLE running (id TEXT PRIMARY KEY, since BIGINT NOT NULL);

CREATE TABLE dead (
	seq BIGINT PRIMARY KEY, lane TEXT NOT NULL, channel TEXT NOT NULL, event_key TEXT NOT NULL,
	attempts INTEGER NOT NULL, reason TEXT NOT NULL, accepted BIGINT NOT NULL, died BIGINT NOT NULL,
	replay INTEGER NOT NULL);
CREATE INDEX dead_replay ON dead (lane, seq) WHERE replay > 0;

CREATE TABLE outbox (
	id SERIAL, channel TEXT NOT NULL, khash BLOB NOT NULL, key TEXT NOT NULL, chat TEXT NOT NULL,
	prio INTEGER NOT NULL, campaign TEXT NOT NULL, version INTEGER NOT NULL,
	prepared BLOB NOT NULL, fallback BLOB, fell_back INTEGER NOT NULL,
	state INTEGER NOT NULL, claim TEXT NOT NULL, claimed BIGINT NOT NULL,
	planned BIGINT NOT NULL, not_before BIGINT NOT NULL, until BIGINT NOT NULL,
	attempts INTEGER NOT NULL, reserved BIGINT NOT NULL, looked INTEGER NOT NULL,
	message_id TEXT NOT NULL, status TEXT NOT NULL, status_at BIGINT NOT NULL,
	reason TEXT NOT NULL, failure BLOB,
	quiet_from INTEGER NOT NULL DEFAULT 0, quiet_to INTEGER NOT NULL DEFAULT 0,
	quiet_zone TEXT NOT NULL DEFAULT '', quiet_answers INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX outbox_key ON outbox (channel, khash);
CREATE INDEX outbox_old ON outbox (planned, id) WHERE version > 0;
CREATE INDEX outbox_todo ON outbox (channel, prio, id) WHERE state = 1;
CREATE INDEX outbox_later ON outbox (channel, not_before) WHERE state = 9;
CREATE INDEX outbox_until ON outbox (channel, until) WHERE until > 0 AND state IN (1, 9);
CREATE INDEX outbox_open ON outbox (channel, chat, prio, id) WHERE state IN (1, 2, 3, 5, 9);
CREATE INDEX outbox_busy ON outbox (channel, chat) WHERE state IN (2, 3);
CREATE INDEX outbox_nameless ON outbox (channel, chat) WHERE state = 4 AND message_id = '' AND version > 0;
CREATE INDEX outbox_doubt ON outbox (channel, not_before) WHERE state = 5;
CREATE INDEX outbox_message ON outbox (channel, message_id) WHERE message_id <> '';

CREATE TABLE outbox_attempt (
	outbox BIGINT NOT NULL, number INTEGER NOT NULL, attempt BLOB NOT NULL, at BIGINT NOT NULL,
	message_id TEXT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (outbox, number));
CREATE INDEX outbox_attempt_message ON outbox_attempt (message_id) WHERE message_id <> '';

CREATE TABLE outbox_notice (
	outbox BIGINT PRIMARY KEY, channel TEXT NOT NULL, tries INTEGER NOT NULL, not_before BIGINT NOT NULL);
CREATE INDEX outbox_notice_due ON outbox_notice (channel, not_before);

CREATE TABLE early_status (
	channel TEXT NOT NULL, message_id TEXT NOT NULL, chat TEXT NOT NULL, text TEXT NOT NULL, status TEXT NOT NULL,
	at BIGINT NOT NULL, failure BLOB, arrived BIGINT NOT NULL, PRIMARY KEY (channel, message_id));
CREATE INDEX early_status_chat ON early_status (channel, chat);
CREATE INDEX early_status_old ON early_status (arrived);

CREATE TABLE service_window (
	channel TEXT NOT NULL, person TEXT NOT NULL, since BIGINT NOT NULL, PRIMARY KEY (channel, person));

CREATE TABLE opt_out (
	channel TEXT NOT NULL, person TEXT NOT NULL, stopped INTEGER NOT NULL, at BIGINT NOT NULL,
	PRIMARY KEY (channel, person));
CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL);

CREATE TABLE alias (
	channel TEXT NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL, renamed INTEGER NOT NULL,
	told INTEGER NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (channel, name, holder, renamed));
CREATE INDEX alias_holder ON alias (channel, holder);

CREATE TABLE activity (id SERIAL, at BIGINT NOT NULL, body BLOB NOT NULL);
CREATE INDEX activity_at ON activity (at);
CREATE TABLE ledger_snapshot (
	account TEXT NOT NULL, number BIGINT NOT NULL, part INTEGER NOT NULL, parts INTEGER NOT NULL,
	activity BIGINT NOT NULL, needed INTEGER NOT NULL, at BIGINT NOT NULL, body BLOB NOT NULL,
	PRIMARY KEY (account, number, part));
`

// Tables returns the statements that make the tables of working, in the words of a
// database: blob is its type for bytes, serial the definition of a key that the
// database counts up and never gives again.
func Tables(blob, serial string) []string {
	text := strings.NewReplacer("BLOB", blob, "id SERIAL", "id "+serial).Replace(workTables)
	var statements []string
	for statement := range strings.SplitSeq(text, ";") {
		if statement = strings.TrimSpace(statement); statement != "" {
			statements = append(statements, statement)
		}
	}
	return statements
}

-- Times are microseconds since 1970, in UTC; 0 means never. {id} is a number that the
-- database gives. Order and search go by the columns "folded", which Go has folded.

CREATE TABLE desk_setting (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
);

-- A change gets its number in the last statement before its commit, so that the order of
-- the numbers is the order of the commits.
CREATE TABLE desk_counter (
	name TEXT PRIMARY KEY,
	n    BIGINT NOT NULL
);
INSERT INTO desk_counter (name, n) VALUES ('change', 0);

CREATE TABLE desk_change (
	seq        BIGINT PRIMARY KEY,
	at         BIGINT NOT NULL,
	kind       TEXT NOT NULL,
	department BIGINT NOT NULL DEFAULT 0, -- who may learn of it; 0 for everybody
	object     BIGINT NOT NULL DEFAULT 0  -- a request, or what the kind says
);
CREATE INDEX desk_change_at ON desk_change (at);

CREATE TABLE desk_department (
	id      {id},
	name    TEXT NOT NULL,
	folded  TEXT NOT NULL UNIQUE,
	reopens BIGINT NOT NULL DEFAULT 72 -- hours in which a message reopens a solved request
);

CREATE TABLE desk_agent (
	id         {id},
	email      TEXT NOT NULL,
	folded     TEXT NOT NULL UNIQUE,
	name       TEXT NOT NULL,
	password   TEXT NOT NULL DEFAULT '', -- PHC string; empty until the agent sets one
	admin      BIGINT NOT NULL DEFAULT 0,
	active     BIGINT NOT NULL DEFAULT 1,
	epoch      BIGINT NOT NULL DEFAULT 1, -- raised, it ends the agent's sessions and streams
	theme      TEXT NOT NULL DEFAULT '',
	keys       BIGINT NOT NULL DEFAULT 1, -- single keys as shortcuts
	enter      BIGINT NOT NULL DEFAULT 1, -- Enter sends
	created    BIGINT NOT NULL
);

CREATE TABLE desk_agent_department (
	agent      BIGINT NOT NULL REFERENCES desk_agent (id),
	department BIGINT NOT NULL REFERENCES desk_department (id),
	PRIMARY KEY (agent, department)
);

CREATE TABLE desk_session (
	token   TEXT PRIMARY KEY, -- hashed
	data    {bytes} NOT NULL,
	agent   BIGINT NOT NULL REFERENCES desk_agent (id),
	epoch   BIGINT NOT NULL, -- of the agent at the sign-in
	expires BIGINT NOT NULL,
	seen    BIGINT NOT NULL
);
CREATE INDEX desk_session_agent ON desk_session (agent);

-- Links that sign in once.
CREATE TABLE desk_link (
	hash    TEXT PRIMARY KEY,
	agent   BIGINT NOT NULL REFERENCES desk_agent (id),
	expires BIGINT NOT NULL
);

CREATE TABLE desk_channel (
	id         {id},
	channel    TEXT NOT NULL UNIQUE, -- canonical
	account    TEXT NOT NULL DEFAULT '', -- WhatsApp's id of the account, once an event has named it
	department BIGINT NOT NULL REFERENCES desk_department (id),
	name       TEXT NOT NULL DEFAULT '',
	folded     TEXT NOT NULL DEFAULT '',
	phone      TEXT NOT NULL DEFAULT '',
	api_url    TEXT NOT NULL,             -- without a token
	token      {bytes} NOT NULL,             -- sealed
	generation BIGINT NOT NULL DEFAULT 1, -- of the webhook's secret
	state      TEXT NOT NULL,             -- connecting, connected, paused, removed
	displayed  BIGINT NOT NULL DEFAULT 0,
	marks_read BIGINT NOT NULL DEFAULT 1,
	health     TEXT NOT NULL DEFAULT '',
	reason     TEXT NOT NULL DEFAULT '',
	steps      TEXT NOT NULL DEFAULT '',  -- JSON: the newest check, step by step
	checked    BIGINT NOT NULL DEFAULT 0,
	token_at   BIGINT NOT NULL DEFAULT 0,
	token_by   BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE desk_template (
	channel  BIGINT NOT NULL REFERENCES desk_channel (id),
	name     TEXT NOT NULL,
	language TEXT NOT NULL,
	category TEXT NOT NULL,
	status   TEXT NOT NULL,
	quality  TEXT NOT NULL DEFAULT '',
	reason   TEXT NOT NULL DEFAULT '',
	advice   TEXT NOT NULL DEFAULT '', -- in WhatsApp's own words
	body     TEXT NOT NULL, -- JSON: the template as the service has it
	used     BIGINT NOT NULL DEFAULT 0,
	changed  BIGINT NOT NULL,
	PRIMARY KEY (channel, name, language)
);

CREATE TABLE desk_contact (
	id          {id},
	name        TEXT NOT NULL DEFAULT '', -- of the profile
	named       BIGINT NOT NULL DEFAULT 0, -- when the profile said so
	own_name    TEXT NOT NULL DEFAULT '', -- by an agent
	folded      TEXT NOT NULL DEFAULT '',
	merged_into BIGINT NOT NULL DEFAULT 0,
	blocked     BIGINT NOT NULL DEFAULT 0,
	created     BIGINT NOT NULL
);
CREATE INDEX desk_contact_merged ON desk_contact (merged_into) WHERE merged_into <> 0;
CREATE INDEX desk_contact_name ON desk_contact (name);

-- The scope of a BSUID is its account, or its channel until the account is known; that of a
-- number is ''.
CREATE TABLE desk_identity (
	scope   TEXT NOT NULL,
	kind    TEXT NOT NULL,
	value   TEXT NOT NULL,
	contact BIGINT NOT NULL REFERENCES desk_contact (id),
	at      BIGINT NOT NULL DEFAULT 0, -- when an event last said so, to about an hour
	ended   BIGINT NOT NULL DEFAULT 0, -- when the person gave the number up; later it is somebody else's
	PRIMARY KEY (scope, kind, value)
);
CREATE INDEX desk_identity_contact ON desk_identity (contact);
CREATE INDEX desk_identity_value ON desk_identity (value);

CREATE TABLE desk_chat (
	id      {id},
	channel BIGINT NOT NULL REFERENCES desk_channel (id),
	contact BIGINT NOT NULL DEFAULT 0, -- 0 for a group
	answer  TEXT NOT NULL,             -- the key of the recipient to answer
	title   TEXT NOT NULL DEFAULT '',  -- of a group
	ad      TEXT NOT NULL DEFAULT '',  -- headline of the ad that began the chat
	closes  BIGINT NOT NULL DEFAULT 0, -- when the service window closes
	last    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX desk_chat_contact ON desk_chat (contact);

-- Every name by which a chat's person is addressed on the channel.
CREATE TABLE desk_chat_key (
	channel BIGINT NOT NULL REFERENCES desk_channel (id),
	key     TEXT NOT NULL,
	chat    BIGINT NOT NULL REFERENCES desk_chat (id),
	PRIMARY KEY (channel, key)
);
CREATE INDEX desk_chat_key_chat ON desk_chat_key (chat);

CREATE TABLE desk_request (
	id          {id},
	channel     BIGINT NOT NULL REFERENCES desk_channel (id), -- that of the chat, for lists
	chat        BIGINT NOT NULL REFERENCES desk_chat (id),
	department  BIGINT NOT NULL REFERENCES desk_department (id),
	subject     TEXT NOT NULL DEFAULT '',
	folded      TEXT NOT NULL DEFAULT '',  -- subject and person, for the search
	state       TEXT NOT NULL,             -- new, open, waiting, solved
	assignee    BIGINT NOT NULL DEFAULT 0,
	opened      BIGINT NOT NULL,
	first_reply BIGINT NOT NULL DEFAULT 0,
	solved      BIGINT NOT NULL DEFAULT 0,
	merged_into BIGINT NOT NULL DEFAULT 0,  -- such a request is solved and not in lists
	merged_open BIGINT NOT NULL DEFAULT 0,  -- it was not solved when it was merged
	waits       BIGINT NOT NULL DEFAULT 0, -- since when the customer waits for an answer
	unread      BIGINT NOT NULL DEFAULT 0, -- customer's messages since the last answer
	preview     TEXT NOT NULL DEFAULT '',
	last        BIGINT NOT NULL,           -- time of the newest message
	failed      BIGINT NOT NULL DEFAULT 0, -- messages that were not delivered
	undecided   BIGINT NOT NULL DEFAULT 0  -- messages whose outcome nobody knows
);
CREATE UNIQUE INDEX desk_request_open ON desk_request (chat) WHERE state <> 'solved';
CREATE INDEX desk_request_chat ON desk_request (chat, id);
CREATE INDEX desk_request_merged ON desk_request (merged_into) WHERE merged_into <> 0;

-- Lists go through the newest first. Each index has all that a filter asks for, so that a
-- rare one looks at no row in vain.
CREATE INDEX desk_request_unsolved ON desk_request (last, id, department, assignee, channel, state, unread) WHERE state <> 'solved';
CREATE INDEX desk_request_all ON desk_request (last, id, department, assignee, channel, state) WHERE merged_into = 0;
CREATE INDEX desk_request_failed ON desk_request (last, id, department) WHERE failed + undecided > 0;

CREATE TABLE desk_message (
	id             {id},
	channel        BIGINT NOT NULL REFERENCES desk_channel (id),
	chat           BIGINT NOT NULL REFERENCES desk_chat (id),
	request        BIGINT NOT NULL DEFAULT 0, -- 0 for what belongs to none, such as history
	request_before BIGINT NOT NULL DEFAULT 0, -- of a merged request
	direction      TEXT NOT NULL,             -- in, out, note, system
	wamid          TEXT NOT NULL DEFAULT '',
	outbox_key     TEXT NOT NULL DEFAULT '',
	kind           TEXT NOT NULL DEFAULT '',  -- the SDK's content type
	body           TEXT NOT NULL DEFAULT '',
	folded         TEXT NOT NULL DEFAULT '',
	quoted         TEXT NOT NULL DEFAULT '',  -- wamid of the message that this one answers
	payload        TEXT NOT NULL DEFAULT '',  -- JSON: what the kind needs to be shown
	agent          BIGINT NOT NULL DEFAULT 0, -- author of an answer or a note
	author         TEXT NOT NULL DEFAULT '',  -- name of another author: in a group, or a colleague's phone
	at             BIGINT NOT NULL,
	edited         BIGINT NOT NULL DEFAULT 0,
	deleted        BIGINT NOT NULL DEFAULT 0,
	placeholder    BIGINT NOT NULL DEFAULT 0, -- something named it before it came
	origin         TEXT NOT NULL DEFAULT '',  -- '', history or standby
	status         TEXT NOT NULL DEFAULT '',  -- queued, sent, delivered, read, played, failed, unknown, canceled
	status_at      BIGINT NOT NULL DEFAULT 0,
	sentence       TEXT NOT NULL DEFAULT '',  -- why it waits or failed
	advice         TEXT NOT NULL DEFAULT '',
	retry          TEXT NOT NULL DEFAULT '',  -- the SDK's class of a failure
	again          BIGINT NOT NULL DEFAULT 0, -- the message that replaced this one
	composed       TEXT NOT NULL DEFAULT ''   -- JSON: what an agent composed, to send it again
);
CREATE UNIQUE INDEX desk_message_wamid ON desk_message (channel, wamid) WHERE wamid <> '';
CREATE UNIQUE INDEX desk_message_key ON desk_message (channel, outbox_key) WHERE outbox_key <> '';
CREATE INDEX desk_message_chat ON desk_message (chat, at, id);
CREATE INDEX desk_message_request ON desk_message (request, id);
CREATE INDEX desk_message_newest ON desk_message (request, at, id);
CREATE INDEX desk_message_trouble ON desk_message (request) WHERE status IN ('failed', 'unknown');
CREATE INDEX desk_message_status ON desk_message (status) WHERE status = 'unknown';

-- The texts that a message had before it was edited.
CREATE TABLE desk_edit (
	message BIGINT NOT NULL REFERENCES desk_message (id),
	at      BIGINT NOT NULL,
	body    TEXT NOT NULL,
	PRIMARY KEY (message, at)
);

CREATE TABLE desk_reaction (
	message BIGINT NOT NULL REFERENCES desk_message (id),
	author  TEXT NOT NULL, -- key of the person; '' for the business
	emoji   TEXT NOT NULL, -- '' after it was removed
	at      BIGINT NOT NULL,
	PRIMARY KEY (message, author)
);

CREATE TABLE desk_media (
	message BIGINT PRIMARY KEY REFERENCES desk_message (id),
	state   TEXT NOT NULL,            -- fetching, ready, refused, failed
	source  TEXT NOT NULL DEFAULT '', -- JSON: where the service keeps it
	type    TEXT NOT NULL DEFAULT '', -- sniffed
	size    BIGINT NOT NULL DEFAULT 0,
	sum     TEXT NOT NULL DEFAULT '', -- SHA-256, under which the file is kept
	name    TEXT NOT NULL DEFAULT '', -- for show only
	why     TEXT NOT NULL DEFAULT '',
	tries   BIGINT NOT NULL DEFAULT 0,
	due     BIGINT NOT NULL DEFAULT 0 -- when to try again
);
CREATE INDEX desk_media_fetching ON desk_media (due) WHERE state = 'fetching';
CREATE INDEX desk_media_sum ON desk_media (sum) WHERE sum <> '';

CREATE TABLE desk_draft (
	chat  BIGINT NOT NULL REFERENCES desk_chat (id),
	agent BIGINT NOT NULL REFERENCES desk_agent (id),
	body  TEXT NOT NULL,
	note  BIGINT NOT NULL DEFAULT 0,
	at    BIGINT NOT NULL,
	PRIMARY KEY (chat, agent, note)
);

CREATE TABLE desk_canned (
	id         {id},
	short      TEXT NOT NULL,
	folded     TEXT NOT NULL,
	body       TEXT NOT NULL,
	department BIGINT NOT NULL DEFAULT 0 -- 0 for all
);
CREATE UNIQUE INDEX desk_canned_folded ON desk_canned (department, folded);

CREATE TABLE desk_seen (
	request BIGINT NOT NULL REFERENCES desk_request (id),
	agent   BIGINT NOT NULL REFERENCES desk_agent (id),
	message BIGINT NOT NULL,
	PRIMARY KEY (request, agent)
);

CREATE TABLE desk_audit (
	id     {id},
	at     BIGINT NOT NULL,
	agent  BIGINT NOT NULL,
	act    TEXT NOT NULL,
	object TEXT NOT NULL,
	before TEXT NOT NULL DEFAULT '', -- never a secret
	after  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX desk_audit_at ON desk_audit (at);

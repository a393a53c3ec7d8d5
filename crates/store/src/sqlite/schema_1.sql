-- Schema 1. STRICT everywhere: a column holds what it says. seq and sizes fit a signed 64-bit integer.

CREATE TABLE head (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    size         INTEGER NOT NULL,
    range        BLOB    NOT NULL,
    recorded_at  INTEGER NOT NULL,
    hold_version INTEGER NOT NULL
) STRICT;

CREATE TABLE entry (
    seq  INTEGER PRIMARY KEY CHECK (seq >= 0),
    line TEXT NOT NULL
) STRICT;

-- What the transaction under way may prune. Empty outside such a transaction.
CREATE TABLE prune_gate (
    first INTEGER PRIMARY KEY,
    last  INTEGER NOT NULL
) STRICT;

-- The triggers stop mistakes, not an attacker, who can drop them: what finds a change is the Merkle tree. They raise
-- ROLLBACK because ABORT would make SQLite keep a copy of every page a pruning deletes, in a temporary file.

CREATE TRIGGER entry_never_changes BEFORE UPDATE ON entry BEGIN
    SELECT RAISE(ROLLBACK, 'an entry never changes');
END;

-- INSERT OR REPLACE deletes without asking the DELETE trigger.
CREATE TRIGGER entry_is_never_replaced BEFORE INSERT ON entry
WHEN EXISTS (SELECT 1 FROM entry WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE(ROLLBACK, 'an entry is never replaced');
END;

CREATE TRIGGER entry_goes_only_by_pruning BEFORE DELETE ON entry
WHEN NOT EXISTS (SELECT 1 FROM prune_gate WHERE OLD.seq BETWEEN first AND last)
BEGIN
    SELECT RAISE(ROLLBACK, 'an entry is deleted only by pruning');
END;

CREATE TABLE event_key (
    key     BLOB    NOT NULL PRIMARY KEY,
    seq     INTEGER NOT NULL,
    content BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE segment (
    number            INTEGER PRIMARY KEY,
    entries           INTEGER NOT NULL,
    first_recorded_at INTEGER NOT NULL,
    last_recorded_at  INTEGER NOT NULL,
    min_occurred_at   INTEGER NOT NULL,
    max_occurred_at   INTEGER NOT NULL,
    root              BLOB    NOT NULL CHECK (length(root) = 32),
    state             TEXT    NOT NULL CHECK (state IN ('sealed', 'dropped'))
) STRICT;

-- id = segment · 2^24 + field · 2^16 + block, so that a segment's blocks lie together and go by range.
CREATE TABLE posting (
    id         INTEGER PRIMARY KEY,
    segment    INTEGER NOT NULL,
    field      INTEGER NOT NULL,
    block      INTEGER NOT NULL,
    first_term INTEGER NOT NULL,
    body       BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX posting_by_term ON posting (segment, field, first_term, block);

CREATE TABLE tile (
    level  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB    NOT NULL,
    PRIMARY KEY (level, number)
) STRICT;

CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;

CREATE TABLE identity (key TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE batch    (key TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE object   (key TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE pruned   (key TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE token    (key TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE task_run (key TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE operation (key TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT;

CREATE VIEW audit_event AS
SELECT seq,
       line ->> 'recorded_at' AS recorded_at, line ->> 'occurred_at' AS occurred_at,
       line ->> 'started_at' AS started_at, line ->> 'tenant' AS tenant,
       line ->> '$.actor.type' AS actor_type, line ->> '$.actor.id' AS actor_id, line ->> 'action' AS action,
       line ->> '$.target.type' AS target_type, line ->> '$.target.id' AS target_id, line ->> 'outcome' AS outcome,
       line ->> 'source' AS source, line ->> 'request_id' AS request_id, line ->> 'event_id' AS event_id,
       line -> 'changes' AS changes, line -> 'metadata' AS metadata, line
FROM entry WHERE line ->> 'stream' = 'audit';

CREATE VIEW discovery_event AS
SELECT seq,
       line ->> 'recorded_at' AS recorded_at, line ->> 'occurred_at' AS occurred_at,
       line ->> 'started_at' AS started_at, line ->> 'tenant' AS tenant,
       line ->> '$.actor.type' AS actor_type, line ->> '$.actor.id' AS actor_id, line ->> 'action' AS action,
       line ->> 'outcome' AS outcome, line ->> 'source' AS source, line ->> 'event_id' AS event_id,
       line ->> 'conversation_id' AS conversation_id, line ->> 'message_id' AS message_id,
       line ->> 'message_role' AS message_role, line ->> 'content' AS content, line
FROM entry WHERE line ->> 'stream' = 'discovery';

CREATE VIEW tool_event AS
SELECT seq,
       line ->> 'recorded_at' AS recorded_at, line ->> 'occurred_at' AS occurred_at,
       line ->> 'started_at' AS started_at, line ->> 'tenant' AS tenant,
       line ->> '$.actor.type' AS actor_type, line ->> '$.actor.id' AS actor_id, line ->> 'action' AS action,
       line ->> 'outcome' AS outcome, line ->> 'source' AS source, line ->> 'event_id' AS event_id,
       line ->> 'tool' AS tool, line ->> 'duration_ms' AS duration_ms, line ->> 'in_size' AS in_size,
       line ->> 'out_size' AS out_size, line ->> 'input_hash' AS input_hash, line
FROM entry WHERE line ->> 'stream' = 'tool';

-- The tables that processdsn writes and mod_processdsn reads, for SQLite and PostgreSQL alike. Times are seconds since 1970 (UTC).
-- `processdsn --init` runs this file; by hand, run it once on an empty database.

CREATE TABLE message (
    envid TEXT PRIMARY KEY,         -- the secret that the MTA gives back in Original-Envelope-Id
    token TEXT,                     -- stands in the address that bounces go to
    message_id TEXT NOT NULL,       -- without <>; not unique, a client may choose it
    owner TEXT,                     -- who submitted it; NULL: nobody was asked who he is; '?': known from a report alone
    sender TEXT,
    submitted BIGINT NOT NULL
);
CREATE INDEX message_message_id ON message (message_id);
CREATE INDEX message_token ON message (token);
CREATE INDEX message_submitted ON message (submitted);

CREATE TABLE recipient (
    envid TEXT NOT NULL,
    address TEXT NOT NULL,          -- in lower case
    hidden INTEGER NOT NULL,        -- 1: from Bcc
    state TEXT NOT NULL,            -- queued delayed relayed delivered expanded failed unknown
    since BIGINT NOT NULL,
    verified INTEGER NOT NULL,      -- 1: the report that said so carried the envid
    PRIMARY KEY (envid, address)
);

CREATE TABLE report (
    digest TEXT PRIMARY KEY,        -- a report that comes twice is one
    received BIGINT NOT NULL
);
CREATE INDEX report_received ON report (received);

CREATE TABLE event (
    envid TEXT NOT NULL,
    address TEXT NOT NULL,
    occurred BIGINT NOT NULL,
    action TEXT NOT NULL,
    status TEXT,                    -- RFC 3463: 5.1.1
    diagnostic TEXT,                -- what the remote server said
    reporting_mta TEXT,
    remote_mta TEXT,
    will_retry_until BIGINT,
    verified INTEGER NOT NULL,
    heuristic INTEGER NOT NULL      -- 1: read from the words of a bounce that has no fields
);
CREATE INDEX event_recipient ON event (envid, address);

CREATE TABLE processdsn_schema (version INTEGER NOT NULL);
INSERT INTO processdsn_schema (version) VALUES (1);

-- From version 2 to version 3, for SQLite and PostgreSQL alike. `processdsn --init` runs this file; by hand, run it once after schema-2.sql.

-- For SendmailIdempotency dbd: which keys were used, and with what result.
CREATE TABLE idempotency (
    digest TEXT PRIMARY KEY,        -- of location, user or address, and key
    content TEXT NOT NULL,          -- the digest of what was to be sent
    owner TEXT NOT NULL,            -- a random name of the request that works with it
    step TEXT NOT NULL,             -- claimed, begun (being handed over), ended
    lease BIGINT NOT NULL,          -- from then on the owner counts as dead
    expires BIGINT NOT NULL,        -- from then on the row is of no use
    message_id TEXT,
    outcome TEXT
);
CREATE INDEX idempotency_expires ON idempotency (expires);

UPDATE processdsn_schema SET version = 3;

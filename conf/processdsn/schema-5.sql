-- From version 4 to version 5, for SQLite and PostgreSQL alike. `processdsn --init` runs this file; by hand, run it once after schema-4.sql.

-- The receivers that get each change of state by HTTP. `processdsn --webhook` fills it.
CREATE TABLE webhook (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret_file TEXT NOT NULL,      -- where the secrets are; they are never here
    events TEXT NOT NULL,           -- types with a blank between; empty: all
    owner TEXT,                     -- whose messages alone; NULL: everybody's
    unverified INTEGER NOT NULL,    -- 1: also what a report says that nothing vouches for
    internal INTEGER NOT NULL,      -- 1: the address may be a private one
    enabled INTEGER NOT NULL,
    paused_until BIGINT NOT NULL,   -- nothing is sent before
    answered BIGINT,                -- when it took an event last
    complaint TEXT                  -- why it did not take the last one
);

-- Events still to be sent. The transaction that stores a report writes here, processdsn-deliver sends and deletes.
CREATE TABLE outbox (
    id TEXT NOT NULL,               -- the webhook-id: one for an event
    webhook TEXT NOT NULL,
    envid TEXT NOT NULL,            -- the message
    address TEXT NOT NULL,          -- the recipient, in lower case
    body TEXT NOT NULL,             -- JSON
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,        -- the last attempt
    attempts INTEGER NOT NULL,
    due BIGINT NOT NULL,            -- the next attempt; while somebody sends it, when he counts as dead
    runner TEXT,                    -- who sends it
    dead INTEGER NOT NULL,          -- 1: given up
    PRIMARY KEY (id, webhook)
);
CREATE INDEX outbox_due ON outbox (dead, due);
CREATE INDEX outbox_created ON outbox (created);
CREATE INDEX outbox_envid ON outbox (envid);
CREATE INDEX outbox_address ON outbox (address);

UPDATE processdsn_schema SET version = 5;

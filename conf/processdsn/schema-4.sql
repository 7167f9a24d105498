-- From version 3 to version 4, for SQLite (3.33 or newer) and PostgreSQL alike. `processdsn --init` runs this file and the one of its
-- database, schema-4-sqlite.sql or schema-4-postgres.sql; by hand, run both once after schema-3.sql. It writes every recipient anew.

-- The overview lists recipients of one owner or of all, by state, domain, sender or address, the newest first: each order has an
-- index. Those by address are in schema-4-sqlite.sql and schema-4-postgres.sql.
ALTER TABLE recipient ADD COLUMN owner TEXT;        -- as in message
ALTER TABLE recipient ADD COLUMN sender TEXT;       -- as in message, in lower case
ALTER TABLE recipient ADD COLUMN domain TEXT;       -- what stands behind the last @ of the address; '' for none
ALTER TABLE recipient ADD COLUMN position BIGINT;   -- the order of the overview: message.submitted * 2^30, and a number below that
ALTER TABLE recipient ADD COLUMN heard BIGINT;      -- when the last report came that spoke of it, or it was submitted
ALTER TABLE recipient ADD COLUMN reason TEXT;       -- one word for why it failed or is delayed: userunknown, mailboxfull ...
ALTER TABLE event ADD COLUMN reason TEXT;           -- the same of one report; NULL in older rows

-- The part after the last @: an address is cut until only that is left. A local part with an @ is quoted, and rare.
UPDATE recipient SET domain = CASE WHEN address LIKE '%@%' THEN substr(address, length(rtrim(address, replace(address, '@', ''))) + 1) ELSE '' END;
UPDATE recipient SET heard = COALESCE((SELECT MAX(e.occurred) FROM event e WHERE e.envid = recipient.envid AND e.address = recipient.address), 0);
UPDATE recipient SET heard = since WHERE heard < since;
UPDATE recipient SET owner = m.owner, sender = lower(m.sender), position = m.position FROM (SELECT r.envid, r.address, w.owner, w.sender, w.submitted * 1073741824 + row_number() OVER (ORDER BY r.envid, r.address) AS position FROM recipient r JOIN message w ON w.envid = r.envid) m WHERE m.envid = recipient.envid AND m.address = recipient.address;

CREATE INDEX recipient_all ON recipient (position);
CREATE INDEX recipient_all_state ON recipient (state, position, heard);
CREATE INDEX recipient_all_domain ON recipient (domain, position);
CREATE INDEX recipient_all_sender ON recipient (sender, position);
CREATE INDEX recipient_owner ON recipient (owner, position);
CREATE INDEX recipient_owner_state ON recipient (owner, state, position, heard);
CREATE INDEX recipient_owner_domain ON recipient (owner, domain, position);
CREATE INDEX recipient_owner_sender ON recipient (owner, sender, position);

-- Addresses that an owner does not write to any more, for SendmailSuppress.
CREATE TABLE suppression (
    digest TEXT NOT NULL,           -- SHA-256 of the address in lower case
    scope TEXT NOT NULL,            -- '=' and the owner; '-': messages without one; '*': everybody
    address TEXT,                   -- in lower case; NULL: forgotten
    cause TEXT NOT NULL,            -- failed, complained, manual
    reason TEXT,                    -- as in recipient
    since BIGINT NOT NULL,
    last BIGINT NOT NULL,           -- the last failure
    times BIGINT NOT NULL,          -- how many verified failures in a row
    PRIMARY KEY (digest, scope)
);
CREATE INDEX suppression_scope ON suppression (scope, address);
CREATE INDEX suppression_address ON suppression (address, scope);
CREATE INDEX suppression_last ON suppression (cause, last);

UPDATE processdsn_schema SET version = 4;

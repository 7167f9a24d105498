-- From version 1 to version 2, for SQLite and PostgreSQL alike. `processdsn --init` runs this file; by hand, run it once after schema-1.sql.

-- A digest of owner, message_id and recipients: the same message is entered once. Rows of version 1 have none.
ALTER TABLE message ADD COLUMN claim TEXT;
CREATE UNIQUE INDEX message_claim ON message (claim);

UPDATE processdsn_schema SET version = 2;

-- From version 5 to version 6, for SQLite and PostgreSQL alike. `processdsn --init` runs this file; by hand, run it once after schema-5.sql.

-- The tags that the sender gave the message: JSON, [{"name":"category","value":"welcome"}]; NULL: nothing.
ALTER TABLE message ADD COLUMN tags TEXT;

UPDATE processdsn_schema SET version = 6;

-- The part of schema-4.sql that PostgreSQL has in its own words: addresses in the order of their octets, so that an index finds a beginning.

CREATE INDEX recipient_all_address ON recipient (address COLLATE "C", position DESC);
CREATE INDEX recipient_owner_address ON recipient (owner, address COLLATE "C", position DESC);

-- The part of schema-4.sql that is specific to PostgreSQL: addresses in the order of their octets, so that an index finds a prefix.

CREATE INDEX recipient_all_address ON recipient (address COLLATE "C", position DESC);
CREATE INDEX recipient_owner_address ON recipient (owner, address COLLATE "C", position DESC);

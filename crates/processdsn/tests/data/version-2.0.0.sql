-- The tables as version 2.0.0 made them, with rows as it wrote them. Never changed: databases out there look like this.

CREATE TABLE message (
    envid TEXT PRIMARY KEY,
    token TEXT,
    message_id TEXT NOT NULL,
    owner TEXT,
    sender TEXT,
    submitted BIGINT NOT NULL
);
CREATE INDEX message_message_id ON message (message_id);
CREATE INDEX message_token ON message (token);
CREATE INDEX message_submitted ON message (submitted);

CREATE TABLE recipient (
    envid TEXT NOT NULL,
    address TEXT NOT NULL,
    hidden INTEGER NOT NULL,
    state TEXT NOT NULL,
    since BIGINT NOT NULL,
    verified INTEGER NOT NULL,
    PRIMARY KEY (envid, address)
);

CREATE TABLE report (
    digest TEXT PRIMARY KEY,
    received BIGINT NOT NULL
);
CREATE INDEX report_received ON report (received);

CREATE TABLE event (
    envid TEXT NOT NULL,
    address TEXT NOT NULL,
    occurred BIGINT NOT NULL,
    action TEXT NOT NULL,
    status TEXT,
    diagnostic TEXT,
    reporting_mta TEXT,
    remote_mta TEXT,
    will_retry_until BIGINT,
    verified INTEGER NOT NULL,
    heuristic INTEGER NOT NULL
);
CREATE INDEX event_recipient ON event (envid, address);

CREATE TABLE processdsn_schema (version INTEGER NOT NULL);
INSERT INTO processdsn_schema (version) VALUES (1);

INSERT INTO message VALUES ('e1', 'token1', 'old@x', 'peter', 'Peter@x.example', 1795000001);
INSERT INTO message VALUES ('e2', NULL, 'old@x', NULL, NULL, 1795000002);
INSERT INTO message VALUES ('e3', NULL, 'old@x', 'müller', NULL, 1795000002);
INSERT INTO message VALUES ('e4', NULL, 'old@x', 'peter', NULL, 1795000004);
INSERT INTO message VALUES ('report:0', NULL, 'strange@x', '?', NULL, 1795000005);
INSERT INTO recipient VALUES ('e1', 'e1@x.example', 0, 'queued', 1795000001, 0);
INSERT INTO recipient VALUES ('e1', '"a@b"@y.example', 1, 'delayed', 1795000009, 1);
INSERT INTO recipient VALUES ('e2', 'e2@x.example', 0, 'queued', 1795000002, 0);
INSERT INTO recipient VALUES ('e2', 'root', 0, 'failed', 1795000003, 0);
INSERT INTO recipient VALUES ('e3', 'e3@x.example', 0, 'unknown', 1795000002, 0);
INSERT INTO recipient VALUES ('e4', 'e4@x.example', 0, 'queued', 1795000004, 0);
INSERT INTO recipient VALUES ('report:0', 'a@z.example', 0, 'failed', 1795000005, 0);
INSERT INTO event VALUES ('e1', '"a@b"@y.example', 1795000009, 'delayed', '4.4.1', 'no answer', 'mx', NULL, 1795400000, 1, 0);
INSERT INTO event VALUES ('e1', '"a@b"@y.example', 1795000099, 'delayed', '4.4.1', 'no answer', 'mx', NULL, 1795400000, 1, 0);
INSERT INTO event VALUES ('e2', 'root', 1795000003, 'failed', '5.1.1', '550 5.1.1 nobody', 'mx', NULL, NULL, 0, 0);
INSERT INTO event VALUES ('report:0', 'a@z.example', 1795000005, 'failed', NULL, NULL, NULL, NULL, NULL, 0, 1);
INSERT INTO report VALUES ('d1', 1795000009);
INSERT INTO report VALUES ('d2', 1795000099);

//! Input that no client should send. Each row is tried in one piece and octet by octet; a session that goes on must still accept a good
//! message.

use crate::recorder::{Recorder, expand, local, network, run, starttls, users};
use smtp::Settings;

/// The session and its outcome: codes of replies, `recipients:message`, `reset`, and what it waits for at the end. `G` is the greeting, `E`
/// the replies to EHLO, MAIL and RCPT, `D` those and the reply to DATA.
#[rustfmt::skip]
const NETWORK: &[(&str, &[u8], &str)] = &[
    // A message within a message: only CRLF . CRLF ends one.
    ("good: CRLF . CRLF",           b"{D}a\r\n.\r\nQUIT\r\n",                       "G D b:a\\r\\n 250 221 end"),
    ("LF . LF",                     b"{D}a\n.\nMAIL FROM:<x@y.test>\r\n",           "G D reset 554 end"),
    ("LF . CRLF",                   b"{D}a\n.\r\nMAIL FROM:<x@y.test>\r\n",         "G D reset 554 end"),
    ("CRLF . LF",                   b"{D}a\r\n.\nMAIL FROM:<x@y.test>\r\n",         "G D reset 554 end"),
    ("CR . CR",                     b"{D}a\r.\rMAIL FROM:<x@y.test>\r\n",           "G D reset 554 end"),
    ("CR . LF",                     b"{D}a\r.\nMAIL FROM:<x@y.test>\r\n",           "G D reset 554 end"),
    ("CR . CRLF",                   b"{D}a\r.\r\nMAIL FROM:<x@y.test>\r\n",         "G D reset 554 end"),
    ("LF . CR",                     b"{D}a\n.\rMAIL FROM:<x@y.test>\r\n",           "G D reset 554 end"),
    ("CRLF . CR",                   b"{D}a\r\n.\rMAIL FROM:<x@y.test>\r\n",         "G D reset 554 end"),
    ("CRLF . CR CRLF",              b"{D}a\r\n.\r\r\nMAIL FROM:<x@y.test>\r\n",     "G D reset 554 end"),
    ("CR CR . CRLF",                b"{D}a\r\r.\r\nMAIL FROM:<x@y.test>\r\n",       "G D reset 554 end"),
    ("LF CR . CRLF",                b"{D}a\n\r.\r\nMAIL FROM:<x@y.test>\r\n",       "G D reset 554 end"),
    ("LF LF . LF",                  b"{D}a\n\n.\nMAIL FROM:<x@y.test>\r\n",         "G D reset 554 end"),
    ("CRLF LF . CRLF",              b"{D}a\r\n\n.\r\nMAIL FROM:<x@y.test>\r\n",     "G D reset 554 end"),
    (". LF first of all",           b"{D}.\nMAIL FROM:<x@y.test>\r\n",              "G D reset 554 end"),
    ("LF . LF first of all",        b"{D}\n.\nMAIL FROM:<x@y.test>\r\n",            "G D reset 554 end"),
    ("an empty message",            b"{D}.\r\nQUIT\r\n",                            "G D b: 250 221 end"),
    ("CR CRLF . CRLF holds the end", b"{D}a\r\r\n.\r\nQUIT\r\n",                    "G D b:a\\r\\r\\n 250 221 end"),
    ("CRLF . NUL CRLF",             b"{D}a\r\n.\0\r\n.\r\nQUIT\r\n",                "G D b:a\\r\\n\\x00\\r\\n 250 221 end"),
    ("CRLF NUL . CRLF",             b"{D}a\r\n\0.\r\n.\r\nQUIT\r\n",                "G D b:a\\r\\n\\x00.\\r\\n 250 221 end"),
    ("CRLF . blank CRLF",           b"{D}a\r\n. \r\n.\r\nQUIT\r\n",                 "G D b:a\\r\\n \\r\\n 250 221 end"),
    ("CRLF . VT CRLF",              b"{D}a\r\n.\x0b\r\n.\r\nQUIT\r\n",              "G D b:a\\r\\n\\x0b\\r\\n 250 221 end"),
    ("CRLF . NEL",                  b"{D}a\r\n.\xc2\x85\r\n.\r\nQUIT\r\n",          "G D b:a\\r\\n\\xc2\\x85\\r\\n 250 221 end"),
    ("bare LF elsewhere is content", b"{D}a\nb\r\n.\r\nQUIT\r\n",                   "G D b:a\\nb\\r\\n 250 221 end"),
    ("bare CR elsewhere is content", b"{D}a\rb\r\n.\r\nQUIT\r\n",                   "G D b:a\\rb\\r\\n 250 221 end"),
    ("a dot behind a bare LF stays", b"{D}a\n..\r\nb\r\n.\r\nQUIT\r\n",             "G D b:a\\n..\\r\\nb\\r\\n 250 221 end"),
    ("a message in stuffed dots",   b"{D}a\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\nQUIT\r\n", "G D b:a\\r\\n.\\r\\nMAIL FROM:<x@y>\\r\\n 250 221 end"),
    ("no end",                      b"{D}a\r\n",                                    "G D data reset"),
    ("half an end",                 b"{D}a\r\n.",                                   "G D data reset"),
    ("an end but for its LF",       b"{D}a\r\n.\r",                                 "G D data reset"),
    ("a message that is refused",   b"{D}VIRUS\r\n.\r\nQUIT\r\n",                   "G D b:VIRUS\\r\\n 554 221 end"),
    // Line ends of commands.
    ("LF behind a command",         b"EHLO me\nMAIL FROM:<a@a.test>\r\n",           "G 554 end"),
    ("CR behind a command",         b"EHLO me\rMAIL FROM:<a@a.test>\r\n",           "G 554 end"),
    ("CR CRLF",                     b"EHLO me\r\r\n",                               "G 554 end"),
    ("LF within RCPT",              b"{H}MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\nRCPT TO:<c@c.test>\r\n", "G 250 250 reset 554 end"),
    ("an empty line",               b"\r\nQUIT\r\n",                                "G 500 221 end"),
    ("half a line",                 b"EHLO m",                                      "G commandline"),
    ("half a line end",             b"EHLO me\r",                                   "G commandline"),
    ("nothing",                     b"",                                            "G command"),
    // Octets that are not allowed in a command.
    ("NUL in a command",            b"EHLO m\0e\r\nQUIT\r\n",                       "G 500 221 end"),
    ("NUL in an address",           b"{H}MAIL FROM:<a\0@a.test>\r\nQUIT\r\n",       "G 250 500 221 end"),
    ("ESC in a command",            b"EHLO \x1b[31m\r\nQUIT\r\n",                   "G 500 221 end"),
    ("8 bits in a verb",            b"EHL\xd6 me\r\nQUIT\r\n",                      "G 500 221 end"),
    ("8 bits in a name",            b"EHLO \xc3\xbc\r\nQUIT\r\n",                   "G 500 221 end"),
    ("8 bits in a sender",          b"{H}MAIL FROM:<\xc3\xbc@a.test>\r\nQUIT\r\n",  "G 250 553 221 end"),
    ("8 bits in a recipient",       b"{H}MAIL FROM:<>\r\nRCPT TO:<\xff@a.test>\r\nQUIT\r\n", "G 250 250 553 reset 221 end"),
    ("a TLS handshake",             b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",    "G 554 end"),
    // Not SMTP.
    ("GET",                         b"GET / HTTP/1.1\r\nHost: mx\r\n\r\n",          "G 421 end"),
    ("POST",                        b"POST / HTTP/1.1\r\n",                         "G 421 end"),
    ("the preface of HTTP/2",       b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",            "G 421 end"),
    ("CONNECT",                     b"CONNECT mx:25 HTTP/1.1\r\n",                  "G 421 end"),
    ("OPTIONS in lower case",       b"options * HTTP/1.1\r\n",                      "G 421 end"),
    ("Host:",                       b"Host: mx\r\nEHLO me\r\n",                     "G 421 end"),
    ("Host: behind EHLO",           b"{H}Host: mx\r\nMAIL FROM:<a@a.test>\r\n",     "G 250 421 end"),
    ("a header as commands",        b"{E}Subject: x\r\nFrom: a@a.test\r\n",         "G E reset 421 end"),
    ("an unknown verb",             b"XYZZY\r\nQUIT\r\n",                           "G 500 221 end"),
    ("LMTP",                        b"LHLO me\r\nQUIT\r\n",                         "G 502 221 end"),
    ("EXPN",                        b"{H}EXPN staff\r\nQUIT\r\n",                   "G 250 502 221 end"),
    ("TURN",                        b"{H}TURN\r\nQUIT\r\n",                         "G 250 502 221 end"),
    // Out of order.
    ("MAIL before EHLO",            b"MAIL FROM:<a@a.test>\r\n{D}a\r\n.\r\nQUIT\r\n", "G 503 D b:a\\r\\n 250 221 end"),
    ("RCPT before MAIL",            b"{H}RCPT TO:<b@b.test>\r\nQUIT\r\n",           "G 250 503 221 end"),
    ("DATA before MAIL",            b"{H}DATA\r\nQUIT\r\n",                         "G 250 503 221 end"),
    ("DATA before RCPT",            b"{H}MAIL FROM:<a@a.test>\r\nDATA\r\nQUIT\r\n", "G 250 250 554 reset 221 end"),
    ("MAIL twice",                  b"{E}MAIL FROM:<x@y.test>\r\nDATA\r\na\r\n.\r\nQUIT\r\n", "G E 503 354 b:a\\r\\n 250 221 end"),
    ("all recipients refused",      b"{H}MAIL FROM:<>\r\nRCPT TO:<nobody@b.test>\r\nDATA\r\nQUIT\r\n", "G 250 250 550 554 reset 221 end"),
    ("one recipient refused",       b"{H}MAIL FROM:<>\r\nRCPT TO:<nobody@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\na\r\n.\r\nQUIT\r\n", "G 250 250 550 250 354 b:a\\r\\n 250 221 end"),
    ("a sender refused",            b"{H}MAIL FROM:<evil@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\nQUIT\r\n", "G 250 550 503 503 221 end"),
    ("too many recipients",         b"{E}RCPT TO:<c@b.test>\r\nRCPT TO:<d@b.test>\r\nRCPT TO:<e@b.test>\r\nDATA\r\na\r\n.\r\nQUIT\r\n", "G E 250 250 452 354 b,c,d:a\\r\\n 250 221 end"),
    ("EHLO ends a transaction",     b"{E}EHLO me\r\nDATA\r\nQUIT\r\n",              "G E reset 250 503 221 end"),
    ("RSET ends a transaction",     b"{E}RSET\r\nDATA\r\nQUIT\r\n",                 "G E reset 250 503 221 end"),
    ("a message is its own end",    b"{D}a\r\n.\r\nDATA\r\nQUIT\r\n",               "G D b:a\\r\\n 250 503 221 end"),
    ("QUIT in a transaction",       b"{E}QUIT\r\nDATA\r\n",                         "G E reset 221 end"),
    ("garbage behind QUIT",         b"QUIT\r\nMAIL FROM:<a@a.test>\r\n\xff",        "G 221 end"),
    // Arguments.
    ("EHLO without a name",         b"EHLO\r\nQUIT\r\n",                            "G 501 221 end"),
    ("EHLO with two",               b"EHLO a b\r\nQUIT\r\n",                        "G 501 221 end"),
    ("DATA with an argument",       b"{E}DATA now\r\nQUIT\r\n",                     "G E 501 reset 221 end"),
    ("no brackets",                 b"{H}MAIL FROM:a@a.test\r\nQUIT\r\n",           "G 250 250 reset 221 end"),
    ("a source route is ignored",   b"{H}MAIL FROM:<>\r\nRCPT TO:<@x.test,@y.test:b@b.test>\r\nDATA\r\n.\r\nQUIT\r\n", "G 250 250 250 354 b: 250 221 end"),
    ("an unclosed bracket",         b"{H}MAIL FROM:<a@a.test\r\nQUIT\r\n",          "G 250 501 221 end"),
    ("a program as recipient",      b"{H}MAIL FROM:<>\r\nRCPT TO:<|/bin/id>\r\nRCPT TO:<\"|/bin/id\"@b.test>\r\nQUIT\r\n", "G 250 250 553 553 reset 221 end"),
    ("an option as recipient",      b"{H}MAIL FROM:<>\r\nRCPT TO:<-bs@b.test>\r\nQUIT\r\n", "G 250 250 553 reset 221 end"),
    ("two recipients in one",       b"{H}MAIL FROM:<>\r\nRCPT TO:<b@b.test,c@c.test>\r\nQUIT\r\n", "G 250 250 553 reset 221 end"),
    ("the null recipient",          b"{H}MAIL FROM:<>\r\nRCPT TO:<>\r\nQUIT\r\n",   "G 250 250 553 reset 221 end"),
    ("an unknown parameter",        b"{H}MAIL FROM:<a@a.test> X=1\r\nQUIT\r\n",     "G 250 555 221 end"),
    ("SMTPUTF8",                    b"{H}MAIL FROM:<a@a.test> SMTPUTF8\r\nQUIT\r\n", "G 250 555 221 end"),
    ("BINARYMIME",                  b"{H}MAIL FROM:<a@a.test> BODY=BINARYMIME\r\nQUIT\r\n", "G 250 501 221 end"),
    ("SIZE over the limit",         b"{H}MAIL FROM:<a@a.test> SIZE=1048577\r\nQUIT\r\n", "G 250 552 221 end"),
    ("SIZE of 20 digits",           b"{H}MAIL FROM:<a@a.test> SIZE=99999999999999999999\r\nQUIT\r\n", "G 250 552 221 end"),
    ("SIZE below nothing",          b"{H}MAIL FROM:<a@a.test> SIZE=-1\r\nQUIT\r\n", "G 250 501 221 end"),
    ("SIZE twice",                  b"{H}MAIL FROM:<a@a.test> SIZE=1 SIZE=2\r\nQUIT\r\n", "G 250 501 221 end"),
    ("a line end in ENVID",         b"{H}MAIL FROM:<a@a.test> ENVID=x+0D+0Ay\r\nQUIT\r\n", "G 250 501 221 end"),
    ("a line end in ORCPT",         b"{H}MAIL FROM:<>\r\nRCPT TO:<b@b.test> ORCPT=rfc822;x+0Ay\r\nQUIT\r\n", "G 250 250 501 reset 221 end"),
    ("NOTIFY=NEVER,SUCCESS",        b"{H}MAIL FROM:<>\r\nRCPT TO:<b@b.test> NOTIFY=NEVER,SUCCESS\r\nQUIT\r\n", "G 250 250 501 reset 221 end"),
    // Chunks.
    ("good: BDAT",                  b"{E}BDAT 3 LAST\r\na\r\nQUIT\r\n",             "G E b:a\\r\\n 250 221 end"),
    ("dots in a chunk",             b"{E}BDAT 8\r\na\r\n.\r\n.\nBDAT 0 LAST\r\nQUIT\r\n", "G E 250 b:a\\r\\n.\\r\\n.\\n 250 221 end"),
    ("commands in a chunk",         b"{E}BDAT 6 LAST\r\nQUIT\r\nQUIT\r\n",          "G E b:QUIT\\r\\n 250 221 end"),
    ("a chunk that ends early",     b"{E}BDAT 2 LAST\r\na\r\nQUIT\r\n",             "G E b:a\\r 250 554 end"),
    ("a chunk that does not end",   b"{E}BDAT 9 LAST\r\na\r\n",                     "G E data reset"),
    ("BDAT before RCPT",            b"{H}MAIL FROM:<>\r\nBDAT 6 LAST\r\nQUIT\r\nQUIT\r\n", "G 250 250 554 reset 221 end"),
    ("BDAT before MAIL",            b"{H}BDAT 6 LAST\r\nRSET\r\nQUIT\r\n",          "G 250 503 221 end"),
    ("BDAT 0 before MAIL",          b"{H}BDAT 0 LAST\r\nQUIT\r\n",                  "G 250 503 221 end"),
    ("DATA behind BDAT",            b"{E}BDAT 1\r\nxDATA\r\nBDAT 0 LAST\r\nQUIT\r\n", "G E 250 503 b:x 250 221 end"),
    ("MAIL behind BDAT",            b"{E}BDAT 1\r\nxMAIL FROM:<>\r\nRSET\r\nQUIT\r\n", "G E 250 503 reset 250 221 end"),
    ("RCPT behind BDAT",            b"{E}BDAT 1\r\nxRCPT TO:<c@b.test>\r\nBDAT 0 LAST\r\nQUIT\r\n", "G E 250 503 b:x 250 221 end"),
    ("BDAT without a size",         b"{E}BDAT\r\nMAIL FROM:<x@y.test>\r\n",         "G E reset 554 end"),
    ("BDAT -1",                     b"{E}BDAT -1\r\nQUIT\r\n",                      "G E reset 554 end"),
    ("BDAT +1",                     b"{E}BDAT +1\r\nQUIT\r\n",                      "G E reset 554 end"),
    ("BDAT 0x10",                   b"{E}BDAT 0x10\r\nQUIT\r\n",                    "G E reset 554 end"),
    ("BDAT 1 FIRST",                b"{E}BDAT 1 FIRST\r\nxQUIT\r\n",                "G E reset 554 end"),
    ("BDAT 1 LAST LAST",            b"{E}BDAT 1 LAST LAST\r\nxQUIT\r\n",            "G E reset 554 end"),
    ("BDAT over 64 bits",           b"{E}BDAT 18446744073709551616\r\nQUIT\r\n",    "G E reset 554 end"),
    ("BDAT of 64 bits",             b"{E}BDAT 18446744073709551615\r\nQUIT\r\n",    "G E reset 552 end"),
    // Passwords.
    ("good: AUTH PLAIN",            b"{H}AUTH PLAIN AHVzZXIAc2VjcmV0\r\nQUIT\r\n",  "G 250 235 221 end"),
    ("AUTH in two steps",           b"{H}AUTH PLAIN\r\nAHVzZXIAc2VjcmV0\r\nQUIT\r\n", "G 250 334 235 221 end"),
    ("AUTH LOGIN",                  b"{H}AUTH LOGIN\r\ndXNlcg==\r\nc2VjcmV0\r\nQUIT\r\n", "G 250 334 334 235 221 end"),
    ("AUTH LOGIN with the user",    b"{H}AUTH login dXNlcg==\r\nc2VjcmV0\r\nQUIT\r\n", "G 250 334 235 221 end"),
    ("AUTH before EHLO",            b"AUTH PLAIN AHVzZXIAc2VjcmV0\r\nQUIT\r\n",     "G 503 221 end"),
    ("AUTH twice",                  b"{H}AUTH PLAIN AHVzZXIAc2VjcmV0\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\nQUIT\r\n", "G 250 235 503 221 end"),
    ("AUTH in a transaction",       b"{E}AUTH PLAIN AHVzZXIAc2VjcmV0\r\nQUIT\r\n",  "G E 503 reset 221 end"),
    ("AUTH cancelled",              b"{H}AUTH PLAIN\r\n*\r\nQUIT\r\n",              "G 250 334 501 221 end"),
    ("AUTH LOGIN cancelled",        b"{H}AUTH LOGIN\r\ndXNlcg==\r\n*\r\nQUIT\r\n",  "G 250 334 334 501 221 end"),
    ("AUTH without a mechanism",    b"{H}AUTH\r\nQUIT\r\n",                         "G 250 501 221 end"),
    ("AUTH CRAM-MD5",               b"{H}AUTH CRAM-MD5\r\nQUIT\r\n",                "G 250 504 221 end"),
    ("AUTH XOAUTH2",                b"{H}AUTH XOAUTH2 eA==\r\nQUIT\r\n",            "G 250 504 221 end"),
    ("AUTH that is no base64",      b"{H}AUTH PLAIN !!!\r\nQUIT\r\n",               "G 250 501 221 end"),
    ("AUTH with an empty response", b"{H}AUTH PLAIN =\r\nQUIT\r\n",                 "G 250 501 221 end"),
    ("AUTH for another",            b"{H}AUTH PLAIN cm9vdAB1c2VyAHNlY3JldA==\r\nQUIT\r\n", "G 250 501 221 end"),
    ("AUTH with too many NULs",     b"{H}AUTH PLAIN AHVzZXIAc2VjcmV0AA==\r\nQUIT\r\n", "G 250 501 221 end"),
    ("AUTH with a NUL in the user", b"{H}AUTH LOGIN dXMAZXI=\r\nQUIT\r\n",          "G 250 501 221 end"),
    ("a wrong password",            b"{H}AUTH PLAIN AHVzZXIAd3Jvbmc=\r\nQUIT\r\n",  "G 250 535 221 end"),
    ("GET as a response",           b"{H}AUTH PLAIN\r\nGET / HTTP/1.1\r\nQUIT\r\n", "G 250 334 501 221 end"),
    ("STARTTLS where there is none", b"{H}STARTTLS\r\nQUIT\r\n",                    "G 250 502 221 end"),
    ("garbage in a pipeline",       b"{H}\x80\x81\r\nMAIL\r\nRCPT\r\nDATA\r\n{D}a\r\n.\r\nQUIT\r\n", "G 250 500 501 501 503 D b:a\\r\\n 250 221 end"),
];

#[rustfmt::skip]
const USERS: &[(&str, &[u8], &str)] = &[
    ("good: AUTH, then MAIL",       b"{H}AUTH PLAIN AHVzZXIAc2VjcmV0\r\nMAIL FROM:<>\r\nQUIT\r\n", "G 250 235 250 reset 221 end"),
    ("MAIL without AUTH",           b"{H}MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\nQUIT\r\n", "G 250 530 503 503 221 end"),
    ("MAIL behind a wrong password", b"{H}AUTH PLAIN AHVzZXIAd3Jvbmc=\r\nMAIL FROM:<>\r\nQUIT\r\n", "G 250 535 530 221 end"),
    ("BDAT without AUTH",           b"{H}BDAT 6 LAST\r\nQUIT\r\nQUIT\r\n",          "G 250 503 221 end"),
];

#[rustfmt::skip]
const STARTTLS: &[(&str, &[u8], &str)] = &[
    ("good: STARTTLS",              b"{H}STARTTLS\r\n",                             "G 250 220 handshake"),
    ("a command behind STARTTLS",   b"{H}STARTTLS\r\nMAIL FROM:<a@a.test>\r\n",     "G 250 220 end"),
    ("one octet behind STARTTLS",   b"{H}STARTTLS\r\n\n",                           "G 250 220 end"),
    ("STARTTLS with an argument",   b"{H}STARTTLS now\r\nQUIT\r\n",                 "G 250 501 221 end"),
    ("STARTTLS in a transaction",   b"{E}STARTTLS\r\n",                             "G E reset 220 handshake"),
    ("AUTH before STARTTLS",        b"{H}AUTH PLAIN AHVzZXIAc2VjcmV0\r\nQUIT\r\n",  "G 250 538 221 end"),
];

#[rustfmt::skip]
const LOCAL: &[(&str, &[u8], &str)] = &[
    ("good: LF alone",              b"EHLO me\nMAIL FROM:<a>\nRCPT TO:<b>\nDATA\na\n.\nQUIT\n", "G D b:a\\n 250 221 end"),
    ("LF and CRLF mixed",           b"EHLO me\r\nMAIL FROM:<a>\nRCPT TO:<b>\r\nDATA\na\r\n.\nQUIT\r\n", "G D b:a\\r\\n 250 221 end"),
    ("a CR within a command",       b"EHLO m\re\nQUIT\n",                           "G 500 221 end"),
    ("a dot behind a CR",           b"{D}a\r.\r\nb\n.\nQUIT\n",                     "G D b:a\\r.\\r\\nb\\n 250 221 end"),
    ("AUTH where there are no users", b"EHLO me\nAUTH PLAIN\nQUIT\n",               "G 250 502 221 end"),
];

fn check(settings: fn() -> Settings, rows: &[(&str, &[u8], &str)]) {
    for (name, input, expected) in rows {
        let input = expand(input);
        let expected =
            expected.replacen('G', "220", 1).replacen(" E", " 250 250 250", 1).replacen(" D", " 250 250 250 354", 1);
        for size in [usize::MAX, 1] {
            let host = run(settings(), &input, |rest| size.min(rest.len()));
            assert_eq!(host.words.join(" "), expected, "{name}, by {size}");
        }
    }
}

#[test]
fn a_hostile_session_is_refused_by_its_fault() {
    check(network, NETWORK);
    check(users, USERS);
    check(starttls, STARTTLS);
    check(local, LOCAL);
    assert!(NETWORK.len() + USERS.len() + STARTTLS.len() + LOCAL.len() > 130);
}

fn last(host: &Recorder) -> &str {
    host.replies.lines().last().unwrap_or_default()
}

#[test]
fn a_hundred_bad_commands_end_a_session() {
    let host = run(network(), "XYZZY\r\n".repeat(99).as_bytes(), <[u8]>::len);
    assert_eq!((last(&host), host.words.last().map(String::as_str)), ("500 5.5.2 Command not known", Some("command")));
    let host = run(network(), "XYZZY\r\n".repeat(100).as_bytes(), <[u8]>::len);
    assert_eq!((last(&host), host.words.last().map(String::as_str)), ("421 4.7.0 Too many errors", Some("end")));
    for idle in ["NOOP\r\n", "RSET\r\n", "VRFY a\r\n", "HELP\r\n", "EHLO me\r\n", "HELO me\r\n"] {
        assert_eq!(
            last(&run(network(), idle.repeat(200).as_bytes(), <[u8]>::len)),
            "421 4.7.0 Too many errors",
            "{idle}"
        );
    }
    // A session that sends messages goes on.
    let message = "RSET\r\nNOOP\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nDATA\r\na\r\n.\r\n";
    let host = run(network(), format!("EHLO me\r\n{}", message.repeat(500)).as_bytes(), <[u8]>::len);
    assert_eq!(last(&host), "250 2.0.0 Taken as 500");
}

#[test]
fn passwords_cannot_be_tried_without_end() {
    let guess = "AUTH PLAIN AHVzZXIAd3Jvbmc=\r\n";
    let four = run(
        network(),
        format!("EHLO me\r\n{}AUTH PLAIN AHVzZXIAc2VjcmV0\r\n", guess.repeat(4)).as_bytes(),
        <[u8]>::len,
    );
    assert_eq!(last(&four), "235 2.7.0 Authentication successful");
    for guess in [guess, "AUTH PLAIN !\r\n", "AUTH PLAIN\r\n*\r\n", "AUTH LOGIN\r\ndXNlcg==\r\nd3Jvbmc=\r\n"] {
        let host = run(network(), format!("EHLO me\r\n{}", guess.repeat(100)).as_bytes(), <[u8]>::len);
        assert_eq!(last(&host), "421 4.7.0 Too many failed authentications", "{guess}");
        assert!(host.replies.lines().count() < 30);
    }
}

#[test]
fn recipients_over_the_limit_are_no_errors() {
    let many = "RCPT TO:<c@b.test>\r\n".repeat(1000);
    let host = run(network(), &expand(format!("{{E}}{many}DATA\r\na\r\n.\r\n").as_bytes()), <[u8]>::len);
    assert_eq!((host.replies.matches("452 4.5.3").count(), last(&host)), (998, "250 2.0.0 Taken as 1"));
}

#[test]
fn lines_of_commands_have_limits() {
    let x = |n: usize| "x".repeat(n);
    for (input, expected) in [
        (format!("NOOP {}\r\n", x(505)), "250 2.0.0 Ok"),
        (format!("NOOP {}\r\n", x(506)), "500 5.5.2 Line too long"),
        (format!("EHLO {}\r\n", x(256)), "501 5.5.4 Syntax: EHLO name"),
        (format!("EHLO me\r\nMAIL FROM:<a@b> ENVID={}\r\n", x(100)), "250 2.1.0 Ok"),
        (format!("EHLO me\r\nMAIL FROM:<a@b> AUTH={}\r\n", x(500)), "250 2.1.0 Ok"),
        (format!("EHLO me\r\nMAIL FROM:<a@b> AUTH={}\r\n", x(2048)), "500 5.5.2 Line too long"),
        (format!("EHLO me\r\nAUTH PLAIN {}\r\n", x(12_200)), "501 5.5.2 The response does not fit the mechanism"),
        (format!("EHLO me\r\nAUTH PLAIN {}\r\n", x(12_288)), "500 5.5.2 Line too long"),
        (format!("EHLO me\r\nAUTH PLAIN\r\n{}\r\n", x(12_288)), "500 5.5.6 Authentication exchange line too long"),
        (x(70_000), "500 5.5.2 Line too long"),
        (format!("EHLO me\r\nBDAT {}1 LAST\r\n", "0".repeat(510)), "554 5.5.0 Syntax: BDAT size [LAST]"),
        (format!("EHLO me\r\nBDAT {}1 LAST\r\nQUIT\r\n", "0".repeat(20_000)), "500 5.5.2 Line too long"),
    ] {
        for size in [usize::MAX, 1000] {
            let host = run(network(), input.as_bytes(), |rest| size.min(rest.len()));
            assert_eq!(last(&host), expected, "{:.60}", input);
        }
    }
}

#[test]
fn a_message_has_limits_and_the_session_goes_on() {
    let line = |n: usize| format!("{}\r\n", "x".repeat(n));
    let chunk = |text: &str| format!("BDAT {} LAST\r\n{text}", text.len());
    let data = |text: &str| format!("DATA\r\n{text}.\r\n");
    for (text, expected) in
        [(line(60_000), "250"), (line(66_000), "500"), (line(500).repeat(2000), "250"), (line(500).repeat(2200), "552")]
    {
        for message in [data(&text), chunk(&text)] {
            for size in [usize::MAX, 1000, 7] {
                let input = format!("{{E}}{message}MAIL FROM:<>\r\n");
                let host = run(network(), &expand(input.as_bytes()), |rest| size.min(rest.len()));
                let codes: Vec<_> = host.replies.lines().map(|line| &line[..3]).collect();
                assert_eq!(codes[codes.len() - 2..], [expected, "250"], "{:.20}, {} octets", message, text.len());
            }
        }
    }
}

#[test]
fn a_chunk_that_is_refused_ends_the_message_until_rset() {
    let long = "x".repeat(70_000);
    let input = format!("{{E}}BDAT 70000\r\n{long}BDAT 1 LAST\r\nxRSET\r\nMAIL FROM:<>\r\n");
    let host = run(network(), &expand(input.as_bytes()), <[u8]>::len);
    assert_eq!(host.words.join(" "), "220 250 250 250 500 503 reset 250 250 command reset");
}

#[test]
fn nobody_reads_a_refused_message_for_ever() {
    let endless = format!("{}\r\n", "x".repeat(998)).repeat(20 << 10);
    let host = run(network(), &expand(format!("{{D}}{endless}").as_bytes()), |rest| rest.len().min(32 * 1024));
    assert_eq!(host.words.join(" "), "220 250 250 250 354 reset 552 end");
}

//! The dialogues of well-behaved clients, word by word, and the host's calls other than feeding octets.

use crate::recorder::{Recorder, expand, feed, local, network, run, starttls};
use smtp::{Auth, Cause, Decision, Envelope, Host, Notify, Phase, Receipt, Refusal, Reply, Ret, Session, Settings};

#[test]
fn a_server_says_what_it_can() {
    let host = run(network(), b"EHLO me\r\nHELO me\r\n", <[u8]>::len);
    assert_eq!(
        host.replies,
        "220 mx.test ESMTP\r\n250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n250-AUTH PLAIN LOGIN\r\n250-8BITMIME\r\n250-DSN\r\n\
         250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n250 mx.test\r\n"
    );
    let host = run(starttls(), b"EHLO me\r\n", <[u8]>::len);
    assert!(host.replies.contains("250-STARTTLS\r\n") && !host.replies.contains("AUTH"), "{}", host.replies);
    let bare = Settings { dsn: false, chunking: false, ..local() };
    let host = run(bare.clone(), b"EHLO me\n", <[u8]>::len);
    assert_eq!(
        host.replies,
        "220 localhost ESMTP\r\n250-localhost\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
    );
    let host = run(bare, b"EHLO me\nMAIL FROM:<a@b> RET=FULL\nBDAT 1 LAST\nx", <[u8]>::len);
    assert_eq!(host.words.join(" "), "220 250 555 502 command");
}

#[test]
fn a_session_word_by_word() {
    let input = b"EHLO me\r\nNOOP x\r\nVRFY a@b\r\nHELP\r\nMAIL FROM:<a@a.test> SIZE=10 BODY=8BITMIME\r\nRCPT TO:<b@b.test>\r\nDATA\r\n\
                  Subject: x\r\n\r\n..\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n";
    let host = run(network(), input, <[u8]>::len);
    let after = host.replies.split_once("ENHANCEDSTATUSCODES\r\n").map(|(_, after)| after);
    assert_eq!(
        after,
        Some(
            "250 2.0.0 Ok\r\n252 2.5.2 Send mail, and it is tried\r\n214 2.0.0 RFC 5321, RFC 6409\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n\
             354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Taken as 1\r\n250 2.1.0 Ok\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n"
        )
    );
    assert!(host.words.contains(&"b:Subject: x\\r\\n\\r\\n.\\r\\n".to_owned()), "{:?}", host.words);
}

/// Keeps the last envelope.
#[derive(Default)]
struct Envelopes(Vec<Envelope>);

impl Host for Envelopes {
    fn reply(&mut self, reply: &Reply) {
        assert!(!reply.is_refusal(), "{reply}");
    }

    fn begin(&mut self, _: &Envelope) -> Decision {
        Ok(())
    }

    fn octets(&mut self, _: &[u8]) -> Decision {
        Ok(())
    }

    fn end(&mut self, envelope: &Envelope) -> Result<Receipt, Refusal> {
        self.0.push(envelope.clone());
        Ok(Receipt { id: String::new() })
    }
}

#[test]
fn parameters_of_delivery_reports_reach_the_host() {
    let (mut host, mut session) = (Envelopes::default(), Session::new(network()));
    session.greet(&mut host);
    session.feed(
        b"EHLO me\r\nMAIL FROM:<a@A.test> RET=hdrs ENVID=q+2B1 BODY=7bit AUTH=<> SIZE=7\r\nRCPT TO:<b@b.test> NOTIFY=success,Delay \
          ORCPT=rfc822;b+2Bx@b.test\r\nRCPT TO:<Postmaster> NOTIFY=NEVER\r\nDATA\r\n.\r\n",
        &mut host,
    );
    let envelope = &host.0[0];
    assert_eq!(envelope.mail.sender.as_ref().map(ToString::to_string).as_deref(), Some("a@a.test"));
    assert_eq!(
        (envelope.mail.ret, envelope.mail.envid.as_deref(), envelope.mail.size),
        (Some(Ret::Hdrs), Some("q+1"), Some(7))
    );
    let [first, second] = &envelope.recipients[..] else { panic!("{envelope:?}") };
    assert_eq!(first.notify, Some(Notify::On { success: true, failure: false, delay: true }));
    let orcpt = first.orcpt.as_ref().map(|orcpt| (orcpt.addr_type.as_str(), orcpt.address.as_str()));
    assert_eq!(orcpt, Some(("rfc822", "b+x@b.test")));
    assert_eq!((second.address.to_string().as_str(), second.notify), ("Postmaster", Some(Notify::Never)));
}

#[test]
fn who_talks_before_the_greeting_is_sent_away() {
    let (mut host, mut session) = (Recorder::default(), Session::new(network()));
    assert_eq!(session.phase(), Phase::Silent);
    session.feed(b"EHLO me\r\n", &mut host);
    session.greet(&mut host);
    session.feed(b"EHLO me\r\n", &mut host);
    assert_eq!((host.replies.as_str(), session.phase()), ("554 5.5.0 Talk before the greeting\r\n", Phase::Ended));
}

#[test]
fn a_host_may_end_a_session_at_any_time() {
    for (input, before, after) in [
        ("", Phase::Command, "421 4.4.2 Timeout, closing connection\r\n"),
        ("EHLO", Phase::CommandLine, "421 4.4.2 Timeout, closing connection\r\n"),
        ("{D}a\r\n", Phase::Data, "421 4.4.2 Timeout, closing connection\r\n"),
        ("{E}BDAT 3\r\na", Phase::Data, "421 4.4.2 Timeout, closing connection\r\n"),
        ("QUIT\r\n", Phase::Ended, "221 2.0.0 Bye\r\n"),
    ] {
        let (mut host, mut session) = (Recorder::default(), Session::new(network()));
        session.greet(&mut host);
        feed(&mut session, &mut host, &expand(input.as_bytes()), <[u8]>::len);
        assert_eq!(session.phase(), before, "{input}");
        session.close(&Cause::Timeout.into(), &mut host);
        assert!(host.replies.ends_with(after), "{input}: {}", host.replies);
        assert_eq!((session.phase(), session.is_in_transaction()), (Phase::Ended, false));
    }
}

#[test]
fn a_refusal_of_421_closes_the_connection() {
    struct Stopping(String);
    impl Host for Stopping {
        fn reply(&mut self, reply: &Reply) {
            self.0 += &reply.to_string();
        }
        fn mail(&mut self, _: &smtp::Mail) -> Decision {
            Err(Cause::ShuttingDown.into())
        }
        fn begin(&mut self, _: &Envelope) -> Decision {
            Ok(())
        }
        fn octets(&mut self, _: &[u8]) -> Decision {
            Ok(())
        }
        fn end(&mut self, _: &Envelope) -> Result<Receipt, Refusal> {
            Err(Cause::Unknown.into())
        }
    }
    let (mut host, mut session) = (Stopping(String::new()), Session::new(network()));
    session.greet(&mut host);
    session.feed(b"EHLO me\r\nMAIL FROM:<>\r\nNOOP\r\n", &mut host);
    assert!(host.0.ends_with("421 4.3.2 The server is stopping, try again later\r\n"), "{}", host.0);
    assert_eq!(session.phase(), Phase::Ended);
}

#[test]
fn nothing_said_before_tls_counts_after_it() {
    let (mut host, mut session) = (Recorder::default(), Session::new(starttls()));
    session.greet(&mut host);
    session.feed(b"EHLO me\r\nMAIL FROM:<a@a.test>\r\nSTARTTLS\r\n", &mut host);
    assert_eq!(session.phase(), Phase::Handshake);
    session.secured(Auth::Offered);
    host.replies.clear();
    session.feed(
        b"MAIL FROM:<>\r\nEHLO me\r\nRCPT TO:<b@b.test>\r\nSTARTTLS\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\n",
        &mut host,
    );
    let codes: Vec<_> = host.replies.lines().filter(|line| !line.starts_with("250-")).map(|line| &line[..3]).collect();
    assert_eq!(codes, ["503", "250", "503", "502", "235"]);
    assert!(host.replies.contains("250-AUTH PLAIN LOGIN") && !host.replies.contains("250-STARTTLS"));
}

/// RFC 2442: a body that holds the client's side of one transaction; there is no dialogue.
#[test]
fn a_request_body_holds_one_transaction() {
    struct Batch {
        messages: usize,
        fault: Option<String>,
    }
    impl Host for Batch {
        fn reply(&mut self, reply: &Reply) {
            if reply.is_refusal() && self.fault.is_none() {
                self.fault = Some(reply.text());
            }
        }
        fn mail(&mut self, _: &smtp::Mail) -> Decision {
            if self.messages == 0 { Ok(()) } else { Err(Cause::BadContent.with("more than one transaction")) }
        }
        fn begin(&mut self, _: &Envelope) -> Decision {
            Ok(())
        }
        fn octets(&mut self, _: &[u8]) -> Decision {
            Ok(())
        }
        fn end(&mut self, _: &Envelope) -> Result<Receipt, Refusal> {
            self.messages += 1;
            Ok(Receipt { id: String::new() })
        }
    }
    let batch = |body: &str| {
        let (mut host, mut session) = (Batch { messages: 0, fault: None }, Session::new(local()));
        session.greet(&mut host);
        session.feed(&expand(body.as_bytes()), &mut host);
        let cut = session.is_in_transaction();
        (host.messages, host.fault, cut)
    };
    assert_eq!(batch("{D}a\r\n.\r\nQUIT\r\n"), (1, None, false));
    assert_eq!(batch("{D}a\r\n.\r\nMAIL FROM:<>\r\n"), (1, Some("more than one transaction".to_owned()), false));
    assert_eq!(batch("{D}a\r\n"), (0, None, true));
    assert_eq!(batch("{E}"), (0, None, true));
}

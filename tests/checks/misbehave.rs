//! A milter, a policy server and a clamd that do each thing wrong that they can, at each step: nothing that is undecided goes, and nothing waits
//! past the deadline.

use super::{checked, only};
use crate::programs::{SECONDS, promised, steady};
use crate::relay::{relaying, to};
use crate::support::milter::{numbered, packet};
use crate::support::place::{Place, free_port};
use crate::support::server::{Act, Server};
use crate::support::{Httpd, Milter, Mpm, Policy, Request, Smtp, eventually};
use std::time::{Duration, Instant};

const TIMEOUT: &str = "SendmailMilterTimeout 400ms";

fn acts() -> Vec<Act> {
    use Act::{Close, Drip, Hang, Repeat, Say, SayAndClose};
    vec![
        Close,
        Hang,
        Say(b"\0".to_vec()),
        Say(b"\0\0\0\0".to_vec()),
        Say(b"\xff\xff\xff\xffc".to_vec()),
        Say(b"\0\0\0\x09c".to_vec()),
        SayAndClose(b"\0\0\0\x02c".to_vec()),
        SayAndClose(b"\0\0\0".to_vec()),
        Say(packet('c', "x")),
        Say(packet('Z', "")),
        Say(packet('y', "250 ok\0")),
        Say(packet('y', "no\0")),
        Say(packet('2', "a@example.test\0NOTIFY=NEVER\0")),
        Say([packet('c', ""), packet('c', "")].concat()),
        Say([packet('a', ""), packet('r', "")].concat()),
        Say(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Drip(packet('p', "").repeat(100)),
        Repeat(packet('p', "")),
    ]
}

#[track_caller]
fn sends_nothing(httpd: &Httpd, smtp: &Smtp, what: &str) {
    let began = Instant::now();
    let response = Request::mail("/mail").send(httpd);
    assert_eq!(promised(&response), 503, "{what}: {}", response.text());
    assert!(began.elapsed() < Duration::from_secs(2), "{what}: {:?}", began.elapsed());
    assert!(smtp.take().is_empty(), "{what}");
}

#[test]
fn whatever_a_milter_does_wrong_nothing_undecided_goes() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, TIMEOUT).start();
    for code in "OCHMRTLNBE".chars() {
        for act in acts() {
            milter.rule(code, act.clone());
            let shown: String = format!("{act:?}").chars().take(80).collect();
            sends_nothing(&httpd, &smtp, &format!("{shown} at {code}"));
        }
        milter.says(
            code,
            &[if code == 'O' { packet('O', [6, 0x17f, 0].map(u32::to_be_bytes).concat()) } else { packet('c', "") }],
        );
        Request::mail("/mail").send(&httpd).expect_status(202);
        only(&smtp);
    }
    httpd.expect_log("SM0217: milter inet:127.0.0.1:");
    httpd.expect_log("no answer within SendmailMilterTimeout");
    httpd.expect_log("it closed the connection");
}

#[test]
fn a_check_takes_one_of_the_places_and_no_longer_than_a_message_may() {
    let (smtp, slow, idle) = (Smtp::start(), Milter::start(), Milter::start());
    let text = "SendmailMilterTimeout 60s\nSendmailTimeout 3s";
    let builder = checked(steady(Mpm::Event), "/slow", &smtp, &slow, text);
    let text = "SendmailMaxProcesses 1\nSendmailTimeout 300ms";
    let httpd = checked(builder, "/mail", &smtp, &idle, text).start();
    slow.rule('C', Act::Hang);
    std::thread::scope(|scope| {
        let began = Instant::now();
        let hanging = scope.spawn(|| promised(&Request::mail("/slow").send(&httpd)));
        eventually("the milter was told", SECONDS, || slow.take().iter().any(|(code, _)| *code == 'C').then_some(()));
        assert_eq!(promised(&Request::mail("/mail").send(&httpd)), 503);
        assert_eq!((hanging.join().unwrap(), idle.connections()), (503, 0));
        assert!(began.elapsed() < SECONDS, "{:?}", began.elapsed());
    });
    assert!(smtp.take().is_empty());
    Request::mail("/mail").send(&httpd).expect_status(202);
    only(&smtp);
    httpd.expect_log("SM0302");
    httpd.expect_log("no answer within SendmailMilterTimeout");
}

/// Each would be a change that it may make, were it not for what is in it.
#[test]
fn changes_that_no_mail_may_have_are_no_answer() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, TIMEOUT).start();
    let long = "x".repeat(991);
    for says in [
        packet('h', "X-A\0b\r\nBcc: x@evil.test\0"),
        packet('h', "X-A\0b\nX-B: c\0"),
        packet('h', "X-A\0\u{1b}[2J\0"),
        packet('h', "X A\0b\0"),
        packet('h', "Bcc\0x@evil.test\0"),
        packet('h', "X-A\0b"),
        numbered('i', u32::MAX, "X-A\0b\0"),
        packet('+', "<-oQ/tmp@example.test>\0"),
        packet('e', "a b@c\0"),
        packet('b', "a\0b\r\n"),
        packet('b', "a\rb\r\n"),
        packet('b', &long),
        packet('b', "\u{e4}\r\n"),
        packet('h', format!("X-A\0{}\0", "x".repeat(40_000))),
    ] {
        milter.says('E', &[says.clone(), packet('c', "")]);
        sends_nothing(&httpd, &smtp, &says.escape_ascii().to_string().chars().take(80).collect::<String>());
    }
    milter.says('E', &[packet('b', &long[..990]), packet('b', "\r\n"), packet('c', "")]);
    Request::mail("/mail").send(&httpd).expect_status(202);
    only(&smtp);
    httpd.expect_log("SM0217: milter");
}

#[test]
fn a_milter_that_may_not_what_it_does_or_needs_more_than_there_is_is_named() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, TIMEOUT).start();
    milter.negotiates(0x10, 0).says('E', &[packet('h', "X-A\0b\0"), packet('c', "")]);
    sends_nothing(&httpd, &smtp, "an action that was not negotiated");
    milter.negotiates(0x11, 0);
    Request::mail("/mail").send(&httpd).expect_status(202);
    only(&smtp);
    milter.negotiates(0x80, 0);
    Request::mail("/mail").send(&httpd).expect_status(500);
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0217");
    httpd.expect_log("SM0218: milter inet:127.0.0.1:");
    httpd.expect_log("it needs SMFIF_ADDRCPT_PAR, which is not offered here");
}

#[test]
fn what_it_means_that_nobody_answers_is_said_by_the_configuration() {
    let smtp = Smtp::start();
    let nobody = format!("SendmailMilter inet:127.0.0.1:{}", free_port());
    let missing = "SendmailMilter unix:/nonexistent/socket";
    let mut builder = steady(Mpm::Event);
    for (path, text) in [
        ("/default", nobody.clone()),
        ("/tempfail", format!("{nobody}\nSendmailMilterDefault tempfail")),
        ("/reject", format!("{nobody}\nSendmailMilterDefault reject")),
        ("/accept", format!("{nobody}\nSendmailMilterDefault accept")),
        ("/missing", missing.to_owned()),
        ("/policy", format!("SendmailPolicy inet:127.0.0.1:{}", free_port())),
        ("/policy-reject", format!("SendmailPolicy inet:127.0.0.1:{}\nSendmailPolicyDefault reject", free_port())),
        ("/policy-accept", format!("SendmailPolicy inet:127.0.0.1:{}\nSendmailPolicyDefault accept", free_port())),
        ("/clamd", format!("SendmailClamd inet:127.0.0.1:{}", free_port())),
        ("/clamd-accept", "SendmailClamd unix:/nonexistent/socket\nSendmailMilterDefault accept".to_owned()),
    ] {
        builder = relaying(builder, path, &to(&smtp), &text);
    }
    let httpd = builder.start();
    for (path, status) in [
        ("/default", 503),
        ("/tempfail", 503),
        ("/reject", 500),
        ("/accept", 202),
        ("/missing", 503),
        ("/policy", 503),
        ("/policy-reject", 500),
        ("/policy-accept", 202),
        ("/clamd", 503),
        ("/clamd-accept", 202),
    ] {
        let response = Request::mail(path).send(&httpd);
        assert_eq!(promised(&response), status, "{path}: {}", response.text());
        assert_eq!(response.header("Retry-After").is_some(), status == 503, "{path}");
        assert_eq!(smtp.take().len(), usize::from(status == 202), "{path}");
    }
    httpd.expect_log("SM0217: milter");
    httpd.expect_log("SM0217: policy server");
    httpd.expect_log("SM0217: clamd");
    httpd.expect_log("SM0219: the message goes without milter inet:127.0.0.1:");
    httpd.expect_log("SM0219: the message goes without policy server inet:127.0.0.1:");
    httpd.expect_log("SM0219: the message goes without clamd unix:/nonexistent/socket");
}

/// Under `accept` as well: what it wanted changed is not changed, what it refused is refused.
#[test]
fn a_milter_that_talks_nonsense_changes_nothing_even_where_it_is_not_needed() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, "SendmailMilterDefault accept").start();
    milter.says('E', &[packet('h', "X-A\0b\0"), packet('-', "a@example.test\0"), packet('Z', "")]);
    Request::mail("/mail").send(&httpd).expect_status(202);
    let arrived = only(&smtp);
    assert!(arrived.rcpts.len() == 1 && !super::text(&arrived).contains("X-A"));
    milter.says('E', &[packet('r', "")]);
    Request::mail("/mail").send(&httpd).expect_status(400);
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0219");
    httpd.expect_log("SM0215");
}

#[test]
fn whatever_a_policy_server_does_wrong_nothing_undecided_goes() {
    use Act::{Close, Drip, Hang, Repeat, Say, SayAndClose};
    let (smtp, policy) = (Smtp::start(), Policy::start());
    let text = format!("SendmailPolicy {} state=end\n{TIMEOUT}", policy.endpoint());
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), &text).start();
    let say = |text: &str| Say(text.as_bytes().to_vec());
    for state in ["protocol_state=RCPT", "protocol_state=END-OF-MESSAGE"] {
        for act in [
            Close,
            Hang,
            say(""),
            say("\n\n"),
            say("action=DUNNO"),
            say("action=DUNNO\n"),
            say("action=\n\n"),
            say("OK\n\n"),
            say("action=DUNNO\nx=y\n\n"),
            say("action=DUNNO\n\naction=REJECT\n\n"),
            say("action=explode\n\n"),
            say("action=FILTER smtp:[127.0.0.1]:10025\n\n"),
            say("action=reject_unauth_destination\n\n"),
            say("action=REDIRECT root\n\n"),
            say("action=PREPEND X A: b\n\n"),
            SayAndClose(b"action=DUNN".to_vec()),
            Say(vec![b'x'; 1 << 20]),
            Drip(vec![b'x'; 200]),
            Repeat(b"x".to_vec()),
        ] {
            policy.forget_rules().rule(state, act.clone(), usize::MAX);
            let shown: String = format!("{act:?}").chars().take(80).collect();
            sends_nothing(&httpd, &smtp, &format!("{shown} at {state}"));
        }
        policy.forget_rules();
        Request::mail("/mail").send(&httpd).expect_status(202);
        only(&smtp);
    }
    httpd.expect_log("SM0217: policy server inet:127.0.0.1:");
    httpd.expect_log("SM0216: policy server inet:127.0.0.1:");
    httpd.expect_log("'explode', which cannot be done here");
}

#[test]
fn whatever_a_clamd_does_wrong_nothing_undecided_goes() {
    let smtp = Smtp::start();
    let mut builder = steady(Mpm::Event);
    let rows: Vec<(&str, u16)> = vec![
        ("stream: OK\0", 202),
        ("stream: Test-Virus FOUND\0", 400),
        ("stream: OK", 503),
        ("OK\0", 503),
        ("", 503),
        ("INSTREAM size limit exceeded. ERROR\0", 503),
        ("stream: OK\0stream: X FOUND\0", 503),
    ];
    let servers: Vec<Server> = rows
        .iter()
        .map(|(answer, _)| {
            let act = if answer.is_empty() { Act::Hang } else { Act::SayAndClose(answer.as_bytes().to_vec()) };
            Server::tcp(move |connection, life| {
                let (mut got, mut piece) = (Vec::new(), [0; 4096]);
                while !got.ends_with(&[0; 4]) {
                    let read = life.read(connection, &mut piece)?;
                    got.extend_from_slice(&piece[..read]);
                }
                assert!(got.starts_with(b"zINSTREAM\0"));
                life.perform(connection, &act)
            })
        })
        .collect();
    for (at, server) in servers.iter().enumerate() {
        let text = format!("SendmailClamd {}\n{TIMEOUT}", server.endpoint());
        builder = relaying(builder, &format!("/r{at}"), &to(&smtp), &text);
    }
    let httpd = builder.start();
    for (at, (answer, status)) in rows.iter().enumerate() {
        let response = Request::mail(&format!("/r{at}")).body("x\n".repeat(100_000)).send(&httpd);
        assert_eq!((promised(&response), smtp.take().len()), (*status, usize::from(*status == 202)), "{answer:?}");
    }
    httpd.expect_log("SM0217: clamd");
    httpd.expect_log("SM0215: clamd");
    httpd.expect_log("raise StreamMaxLength");
}

#[test]
fn a_milter_that_is_killed_at_each_command_lets_nothing_go() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, TIMEOUT).start();
    for code in "OCHMRTLNBE".chars() {
        for half in [Act::Close, Act::SayAndClose(b"\0\0\0\x01".to_vec())] {
            milter.rule(code, half);
            sends_nothing(&httpd, &smtp, &format!("killed at {code}"));
        }
        milter.says(
            code,
            &[if code == 'O' { packet('O', [6, 0x17f, 0].map(u32::to_be_bytes).concat()) } else { packet('c', "") }],
        );
    }
    Request::mail("/mail").send(&httpd).expect_status(202);
    only(&smtp);
    httpd.expect_log("SM0217");
}

#[test]
fn a_bad_value_is_refused_with_the_remedy() {
    let folder = Place::new("values");
    let hold = folder.path().display().to_string();
    for (good, bad, words) in [
        (
            "SendmailMilter inet:127.0.0.1:1 unix:/a",
            "SendmailMilter 127.0.0.1:1",
            &["'127.0.0.1:1'", "write inet:"][..],
        ),
        ("SendmailMilter None", "SendmailMilter inet:1@localhost", &["order of Sendmail"]),
        ("SendmailMilter local:/a", "SendmailMilter unix:a", &["'unix:a'", "absolute"]),
        ("SendmailMilterTimeout 5s", "SendmailMilterTimeout soon", &["'soon'", "write 30s"]),
        ("SendmailMilterDefault Accept", "SendmailMilterDefault maybe", &["'maybe'", "tempfail, reject and accept"]),
        ("SendmailMilterMacros a=b {c_d}=%{HTTP:X}e", "SendmailMilterMacros a", &["'a'", "name=expression"]),
        ("SendmailMilterMacros i=1", "SendmailMilterMacros a-b=c", &["'a-b'"]),
        ("SendmailMilterMacros i=1", "SendmailMilterMacros i=%{HTTP:X", &["'}'"]),
        ("SendmailMilterClient Request", "SendmailMilterClient me", &["'me'", "local nor request"]),
        ("SendmailClamd none", "SendmailClamd /a", &["'/a'"]),
        ("SendmailPolicy inet:127.0.0.1:1 state=end", "SendmailPolicy inet:127.0.0.1:1 state=data", &["'state=data'"]),
        ("SendmailPolicy none", "SendmailPolicy private/policy", &["'private/policy'"]),
        ("SendmailPolicyDefault reject", "SendmailPolicyDefault 5", &["'5'"]),
        (&format!("SendmailHold {hold}"), "SendmailHold hold", &["'hold'", "absolute"]),
        ("SendmailHold none", "SendmailHold ../hold", &["absolute"]),
        ("SendmailAlias a b@c.test,d@e.test", "SendmailAlias a", &["'a' stands for nobody"]),
        ("SendmailAlias a b@c.test\nSendmailAlias b c@d.test", "SendmailAlias a@b.test c@d.test", &["has a domain"]),
    ] {
        let test = |text: &str| {
            Httpd::builder()
                .location("/mail", &format!("SetHandler sendmail\nSendmailRelay mx:25\nRequire local\n{text}"))
                .config_test()
        };
        let tested = test(good);
        assert!(tested.passed, "{good}: {}", tested.output);
        let tested = test(bad);
        let name = bad.split(' ').next().unwrap();
        assert!(!tested.passed && tested.output.contains(name), "{bad}: {}", tested.output);
        assert!(words.iter().all(|word| tested.output.contains(word)), "{bad}: {}", tested.output);
    }
}

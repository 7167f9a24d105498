//! What a milter is told, and the effect of each of its answers.

use super::{checked, only, text};
use crate::programs::{SECONDS, notes, steady};
use crate::relay::{relaying, to};
use crate::support::milter::{ALL, numbered, packet, told};
use crate::support::place::Place;
use crate::support::{Milter, Mpm, Request, Sendmail, Smtp};

#[test]
fn a_milter_is_told_what_postfix_tells_one() {
    let (smtp, milter) = (Smtp::start(), Milter::start_unix());
    let httpd =
        checked(steady(Mpm::Event), "/mail", &smtp, &milter, "SendmailMilterMacros site=main daemon_name=x").start();
    let request = Request::mail("/mail").without("To").header("To", "A <a@example.test>, b@example.test");
    request.header("Bcc", "c@example.test").body("one\n.two\n").send(&httpd).expect_status(202);
    let commands = milter.take();
    let codes: String = commands.iter().map(|(code, _)| *code).collect();
    let fields = told(&commands, 'L');
    let headers = "L".repeat(fields.len());
    assert_eq!(codes, format!("ODCDHDMDRDRDRDT{headers}DNBDEQ"));
    assert_eq!(told(&commands, 'C'), ["localhost\u{0}4\u{0}\u{0}127.0.0.1\u{0}"]);
    assert_eq!(told(&commands, 'H'), ["localhost\u{0}"]);
    assert!(told(&commands, 'M')[0].starts_with("<f@example.test>\u{0}SIZE="));
    assert_eq!(told(&commands, 'R'), ["a", "b", "c"].map(|name| format!("<{name}@example.test>\u{0}")));
    assert_eq!(told(&commands, 'B'), ["one\r\n.two\r\n"]);
    assert!(fields.iter().any(|field| field == "Subject\u{0}a\u{0}"), "{fields:?}");
    assert!(!fields.iter().any(|field| field.starts_with("Received") || field.starts_with("Bcc")), "{fields:?}");
    let macros = told(&commands, 'D');
    assert!(macros[0].starts_with("Cj\u{0}gateway.test\u{0}"), "{macros:?}");
    assert!(macros[0].contains("{daemon_name}\u{0}x\u{0}") && macros[0].contains("{site}\u{0}main\u{0}"), "{macros:?}");
    assert!(!macros.concat().contains("auth"), "{macros:?}");
    let arrived = only(&smtp);
    assert_eq!((arrived.rcpts.len(), milter.connections()), (3, 1));
}

#[test]
fn a_milter_hears_of_client_and_user_where_that_is_wanted() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let folder = Place::new("users");
    let users = folder.write("users", "alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"); // password
    let text = format!(
        "SendmailMilterClient request\nAuthType Basic\nAuthName x\nAuthBasicProvider file\nAuthUserFile \"{}\"\nRequire valid-user",
        users.display()
    );
    let builder = steady(Mpm::Event).modules(&["auth_basic", "authn_file"]);
    let httpd = builder
        .location(
            "/mail",
            &format!("SetHandler sendmail\nSendmailRelay {}\nSendmailMilter {}\n{text}", to(&smtp), milter.endpoint()),
        )
        .start();
    Request::mail("/mail").header("Authorization", "Basic YWxpY2U6cGFzc3dvcmQ=").send(&httpd).expect_status(202);
    let commands = milter.take();
    assert_eq!(told(&commands, 'C'), ["unknown\u{0}4\u{0}\u{0}127.0.0.1\u{0}"]);
    let mail = told(&commands, 'D').into_iter().find(|macros| macros.starts_with('M')).unwrap();
    assert!(mail.contains("{auth_type}\u{0}Basic\u{0}{auth_authen}\u{0}alice\u{0}"), "{mail:?}");
}

#[test]
fn each_change_is_made_and_the_next_milter_sees_it() {
    let (smtp, first, second) = (Smtp::start(), Milter::start(), Milter::start());
    let text_ = format!("SendmailMilter {} {}", first.endpoint(), second.endpoint());
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), &text_).start();
    first.says(
        'E',
        &[
            packet('p', ""),
            packet('h', "X-Last\0z\0"),
            numbered('i', 1, "X-First\0v=1;\n\tw\0"),
            numbered('m', 1, "Subject\0Gr\u{fc}n\0"),
            numbered('m', 1, "MIME-Version\0\0"),
            packet('+', "<d@example.test>\0"),
            packet('-', "a@example.test\0"),
            packet('e', "<g@example.test>\0"),
            packet('b', "new\r\nbo"),
            packet('b', "dy\r\n"),
            packet('c', ""),
        ],
    );
    Request::mail("/mail").send(&httpd).expect_status(202);
    let arrived = only(&smtp);
    assert!(arrived.mail.starts_with("MAIL FROM:<g@example.test>"), "{}", arrived.mail);
    assert_eq!(arrived.rcpts, ["RCPT TO:<d@example.test>"]);
    let message = text(&arrived);
    let (header, body) = message.split_once("\n\n").unwrap();
    assert_eq!(body, "new\nbody\n");
    let received = header.find("\nX-First: v=1;\n\tw\n").unwrap();
    assert!(header.starts_with("Received: ") && !header[..received].contains("\nFrom:"), "{header}");
    assert!(header.ends_with("\nX-Last: z") && header.contains("\nSubject: =?utf-8?"), "{header}");
    assert!(!header.contains("MIME-Version"), "{header}");
    let commands = second.take();
    assert_eq!(told(&commands, 'R'), ["<d@example.test>\u{0}"]);
    assert_eq!(told(&commands, 'B'), ["new\r\nbody\r\n"]);
    assert_eq!(told(&commands, 'L')[0], "X-First\u{0}v=1;\n\tw\u{0}");
}

#[test]
fn a_refusal_is_told_at_every_stage_and_nothing_is_sent() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let builder = checked(steady(Mpm::Event), "/shown", &smtp, &milter, "SendmailErrorDetail on");
    let httpd = checked(builder, "/hidden", &smtp, &milter, "").start();
    for code in "CHMRTLNBE".chars() {
        for (answer, status, words) in [
            (packet('r', ""), 400, "550 5.7.1"),
            (packet('t', ""), 503, "451 4.7.1"),
            (packet('4', ""), 503, "451 4.7.1"),
            (packet('f', ""), 503, "451 4.7.1"),
            (packet('y', "554 5.7.1 100%% virus\0"), 400, "554 5.7.1 100% virus"),
            (packet('y', "451 4.7.1 not <now>\0"), 503, "451 4.7.1 not"),
        ] {
            milter.says(code, &[answer]);
            let response = Request::mail("/shown").send(&httpd).expect_status(status);
            assert!(
                response.text().contains(words) && response.text().contains("Nothing was sent"),
                "{}",
                response.text()
            );
            let response = Request::mail("/hidden").send(&httpd).expect_status(status);
            assert!(!response.text().contains(words), "{}", response.text());
        }
        milter.says(code, &[packet('c', "")]);
    }
    assert!(smtp.take().is_empty());
    Request::mail("/shown").send(&httpd).expect_status(202);
    only(&smtp);
    httpd.expect_log("SM0215: milter inet:127.0.0.1:");
    httpd.expect_log("SM0216: milter inet:127.0.0.1:");
}

/// SMFIP_NR_*: silent at all stages but one, and refusing there.
#[test]
fn a_milter_that_answers_at_one_stage_alone_decides_there() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, "").start();
    let stages: [(char, u32); 8] = [
        ('C', 0x1000),
        ('H', 0x2000),
        ('M', 0x4000),
        ('R', 0x8000),
        ('T', 0x1_0000),
        ('L', 0x80),
        ('N', 0x4_0000),
        ('B', 0x8_0000),
    ];
    for (code, no_reply) in stages {
        for (silent, _) in stages {
            milter.says(silent, &[]);
        }
        milter.negotiates(ALL, stages.iter().map(|stage| stage.1).sum::<u32>() & !no_reply);
        milter.says(code, &[packet('p', ""), packet('c', "")]);
        Request::mail("/mail").send(&httpd).expect_status(202);
        only(&smtp);
        milter.says(code, &[packet('p', ""), packet('r', "")]);
        Request::mail("/mail").send(&httpd).expect_status(400);
        assert!(smtp.take().is_empty(), "{code}");
    }
    httpd.expect_log("SM0215: milter inet:127.0.0.1:");
}

#[test]
fn what_is_thrown_away_is_answered_as_sent_and_counted() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let builder = checked(steady(Mpm::Event), "/mail", &smtp, &milter, "");
    let httpd = builder.location("/metrics", "SetHandler sendmail-metrics\nRequire ip 127.0.0.1").start();
    let accepted = Request::mail("/mail").send(&httpd).expect_status(202);
    only(&smtp);
    for code in "MRTLNBE".chars() {
        milter.says(code, &[packet('d', "")]);
        let response = Request::mail("/mail").send(&httpd).expect_status(202);
        let shape = |text: String| text.split('<').next().map(str::to_owned);
        assert_eq!(shape(response.text()), shape(accepted.text()));
        milter.says(code, &[packet('c', "")]);
    }
    milter.says('E', &[packet('-', "a@example.test\0"), packet('c', "")]);
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert!(smtp.take().is_empty());
    let log = httpd.error_log();
    assert_eq!(log.matches("SM0220: thrown away id=<").count(), 8);
    assert!(log.contains("which took every recipient away"));
    let metrics = Request::get("/metrics").send(&httpd).text();
    assert!(metrics.contains("\nsendmail_messages_discarded_total 8\n"), "{metrics}");
    assert!(notes(&httpd, "/mail")[1].len() > 1);
}

#[test]
fn what_was_accepted_early_is_sent_unchanged() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, "").start();
    for code in "CHMRTLNBE".chars() {
        milter.says(code, &[packet('a', "")]);
        Request::mail("/mail").send(&httpd).expect_status(202);
        assert!(text(&only(&smtp)).ends_with("\n\nHello there\n"));
        milter.says(code, &[packet('c', "")]);
    }
}

#[test]
fn a_recipient_that_may_not_be_written_to_is_not_added() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let builder = checked(steady(Mpm::Event), "/mail", &smtp, &milter, "SendmailRecipients example.test");
    let httpd = checked(builder, "/staging", &smtp, &milter, "SendmailRedirectTo staging@example.test").start();
    milter.says('E', &[packet('+', "b@example.test\0"), packet('c', "")]);
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert_eq!(only(&smtp).rcpts.len(), 2);
    milter.says('E', &[packet('h', "X-A\0b\0"), packet('+', "x@evil.test\0"), packet('c', "")]);
    let response = Request::mail("/mail").send(&httpd).expect_status(503);
    assert!(!response.text().contains("evil") && response.header("Retry-After").is_none(), "{}", response.text());
    assert!(smtp.take().is_empty());
    Request::mail("/staging").send(&httpd).expect_status(202);
    assert_eq!(only(&smtp).rcpts, ["RCPT TO:<staging@example.test>"]);
    httpd.expect_log("SM0218: milter inet:127.0.0.1:");
}

/// What a program and a Maildir can be told, and what they cannot.
#[test]
fn what_the_way_out_cannot_express_is_refused_with_the_remedy() {
    let (sendmail, milter) = (Sendmail::new(), Milter::start());
    let folder = Place::new("maildir");
    let maildir = folder.folder("box", 0o777);
    let endpoint = milter.endpoint();
    let program = |path: &str, arguments: &str| {
        let name = sendmail.program().display().to_string();
        let text = format!("SendmailName \"{name}\"\nSendmailArguments {arguments}\nSendmailMilter {endpoint}");
        (path.to_owned(), format!("SetHandler sendmail\nRequire ip 127.0.0.1\n{text}"))
    };
    let (appended, from_appended) = program("/appended", "-i --");
    let (header, from_header) = program("/header", "-t -i");
    let (fixed, from_fixed) = program("/fixed", "-i boss@example.test");
    let store = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailMaildir \"{}\"\nSendmailMilter {endpoint}",
        maildir.display()
    );
    let httpd = steady(Mpm::Event)
        .location(&appended, &from_appended)
        .location(&header, &from_header)
        .location(&fixed, &from_fixed)
        .location("/maildir", &store)
        .start();
    for path in ["/header", "/fixed"] {
        let response = Request::mail(path).send(&httpd).expect_status(500);
        assert!(response.text().contains("not set up"), "{}", response.text());
    }
    assert_eq!(milter.connections(), 0);
    for path in ["/appended", "/maildir"] {
        milter.says('E', &[packet('h', "X-A\0b\0"), packet('c', "")]);
        Request::mail(path).send(&httpd).expect_status(202);
        milter.says('E', &[packet('e', "g@example.test\0"), packet('c', "")]);
        Request::mail(path).send(&httpd).expect_status(503);
    }
    milter.says('E', &[packet('+', "b@example.test\0"), packet('-', "a@example.test\0"), packet('c', "")]);
    Request::mail("/maildir").send(&httpd).expect_status(503);
    Request::mail("/appended").send(&httpd).expect_status(202);
    let runs = sendmail.wait_for(2, SECONDS);
    assert_eq!(runs[1].arguments().last().map(String::as_str), Some("b@example.test"));
    assert!(runs[0].text().contains("\nX-A: b\n"));
    assert_eq!(std::fs::read_dir(maildir.join("new")).unwrap().count(), 1);
    httpd.expect_log("SM0218");
    httpd.expect_log("SM0804");
    httpd.expect_log("with -- as its last word");
}

#[test]
fn a_dry_run_asks_nobody() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let httpd = checked(steady(Mpm::Event), "/mail", &smtp, &milter, "SendmailDryRun request").start();
    Request::mail("/mail").header("Prefer", "sendmail-dry-run").send(&httpd).expect_status(200);
    assert_eq!(milter.connections(), 0);
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert_eq!((milter.connections(), smtp.take().len()), (1, 1));
}

#[test]
fn an_inner_section_takes_the_milters_away_and_a_subset_of_actions_is_enough() {
    let (smtp, milter) = (Smtp::start(), Milter::start());
    let builder = checked(steady(Mpm::Event), "/mail", &smtp, &milter, "");
    let httpd = builder.location("/mail/free", "SendmailMilter none").start();
    Request::mail("/mail/free").send(&httpd).expect_status(202);
    assert_eq!(milter.connections(), 0);
    milter.negotiates(ALL & 1, 0x1f_ffff);
    milter.says('E', &[packet('h', "X-A\0 b\0"), packet('c', "")]);
    Request::mail("/mail").send(&httpd).expect_status(202);
    let all = smtp.take();
    assert_eq!((all.len(), milter.connections()), (2, 1));
    assert!(text(&all[1]).contains("\nX-A: b\n"), "the milter gives the blank itself");
}

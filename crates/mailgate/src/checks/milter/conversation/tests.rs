use super::script::{ALL, Script, letter, letter_of, one};
use super::*;
use crate::checks::letter::Envelope;
use crate::message::Message;
use crate::transport::tests::alone;
use std::io::Read;
use std::path::Path;

#[test]
fn a_milter_is_told_all_of_it_in_order_with_crlf_and_without_our_trace() {
    let _alone = alone();
    let script = Script::new(ALL, 0);
    assert!(matches!(script.run(&letter()), Ok(Decision::Accept(changes)) if changes.is_empty()));
    assert_eq!(script.codes(), "ODCDHDMDRDRDTLLDNBDEQ");
    let numbers = [6, 0x17f, 0x1f_f7ff_u32].map(u32::to_be_bytes).concat();
    assert_eq!(script.told(b'O'), [numbers]);
    assert_eq!(script.told(b'C'), [b"localhost\x004\0\x00127.0.0.1\0".to_vec()]);
    assert_eq!(script.told(b'H'), [b"localhost\0".to_vec()]);
    assert!(script.told(b'M')[0].starts_with(b"<f@b.test>\0SIZE="));
    assert_eq!(script.told(b'R'), [b"<a@b.test>\0".to_vec(), b"<c@b.test>\0".to_vec()]);
    assert_eq!(script.told(b'L'), [b"From\0f@b.test\0".to_vec(), b"Subject\0a\n b\0".to_vec()]);
    assert_eq!(script.told(b'B'), [b"one\r\ntwo\r\n".to_vec()]);
    let macros = script.told(b'D');
    assert!(macros[2].starts_with(b"Mi\0q1\0") && macros[4].ends_with(b"{rcpt_addr}\0c@b.test\0"));
}

#[test]
fn blanks_behind_the_colon_are_shown_to_those_who_want_them() {
    let _alone = alone();
    let script = Script::new(ALL, 1 << 20);
    script.run(&letter()).unwrap();
    assert_eq!(script.told(b'L')[1], b"Subject\0 a\n b\0");
}

#[test]
fn what_a_milter_does_not_want_is_left_out_and_what_it_does_not_answer_not_waited_for() {
    let _alone = alone();
    let script = Script::new(ALL, 0x2ff);
    script.run(&letter()).unwrap();
    assert_eq!(script.codes(), "ODDDDDDDDEQ", "macros come all the same");
    let script = Script::new(ALL, 0xf_f080).silent_at(b"CHMRTLNB");
    assert!(matches!(script.run(&letter()), Ok(Decision::Accept(_))));
    assert_eq!(script.codes(), "ODCDHDMDRDRDTLLDNBDEQ");
}

/// SMFIF_SETSYMLIST: a stage without a list has all of its macros, one with an empty list has none.
#[test]
fn a_milter_that_names_the_macros_of_a_stage_gets_these() {
    let _alone = alone();
    let lists = b"\0\0\0\x02i {unknown} j\0\0\0\0\x03{rcpt_addr}\0\0\0\0\x05\0";
    let numbers = [6, ALL | 0x100, 0].map(u32::to_be_bytes).concat();
    let script = Script::default().on(b'O', one(b'O', &[&numbers, &lists[..]].concat()));
    script.run(&letter()).unwrap();
    let macros = script.told(b'D');
    assert!(macros[0].starts_with(b"Cj\0gw.test\0v\0mod_sendmail "), "{macros:?}");
    assert_eq!(macros[2..5], [&b"Mi\0q1\0j\0gw.test\0"[..], b"R{rcpt_addr}\0a@b.test\0", b"R{rcpt_addr}\0c@b.test\0"]);
    assert_eq!(macros[5..], [&b"Ti\0q1\0"[..], b"Ni\0q1\0", b"E"]);
}

#[test]
fn a_long_body_comes_in_pieces_and_ends_where_the_milter_has_enough() {
    let _alone = alone();
    let body = "x".repeat(69) + "\n";
    let letter = letter_of("Received: x\nFrom: a@b\n\n", body.repeat(4000).as_bytes());
    let script = Script::new(ALL, 0);
    script.run(&letter).unwrap();
    let pieces = script.told(b'B');
    assert_eq!(pieces.concat(), body.replace('\n', "\r\n").repeat(4000).as_bytes());
    assert!(pieces.len() == 5 && pieces[..4].iter().all(|piece| piece.len() == 65_535));
    let script = Script::new(ALL, 1 << 10).on(b'B', one(b's', b""));
    assert!(matches!(script.run(&letter), Ok(Decision::Accept(_))));
    assert_eq!(script.told(b'B').len(), 1);
}

#[test]
fn the_first_last_word_counts_at_every_stage() {
    let _alone = alone();
    for code in *b"CHMRTLNBE" {
        let decide = |answer: Vec<u8>| {
            let script = Script::new(ALL, 0).on(code, answer);
            let decision = script.run(&letter()).unwrap();
            let after = script.codes().split_once(char::from(code)).unwrap().1.replace('D', "");
            assert_eq!(after, "Q", "nothing is said behind it");
            decision
        };
        assert!(matches!(decide(one(b'a', b"")), Decision::Accept(_)));
        for (answer, lasting, start) in [
            (one(b'r', b""), true, "550 "),
            (one(b't', b""), false, "451 "),
            (one(b'4', b""), false, "451 "),
            (one(b'f', b""), false, "451 "),
            (one(b'y', b"554 5.7.1 no %%\0"), true, "554 5.7.1 no %"),
            (one(b'y', b"452 4.2.2 full\0"), false, "452 4.2.2 full"),
        ] {
            let Decision::Refuse(reply) = decide([one(b'p', b""), answer].concat()) else { panic!() };
            assert!(reply.is_lasting == lasting && reply.text.starts_with(start), "{reply:?}");
        }
        let discards = Script::new(ALL, 0).on(code, one(b'd', b"")).run(&letter());
        assert_eq!(matches!(discards, Ok(Decision::Discard)), !b"CH".contains(&code), "{}", code as char);
    }
}

#[test]
fn changes_come_with_the_end_of_the_message() {
    let _alone = alone();
    let says = [
        one(b'p', b""),
        one(b'h', b"X-A\0b\0"),
        one(b'i', b"\0\0\0\x01X-B\0v\n\tw\0"),
        one(b'm', b"\0\0\0\x01Subject\0new\0"),
        one(b'm', b"\0\0\0\x01Date\0\0"),
        one(b'+', b"<d@b.test>\0"),
        one(b'-', b"a@b.test\0"),
        one(b'e', b"<g@b.test>\0"),
        one(b'b', b"new\r\nbo"),
        one(b'b', b"dy\r"),
        one(b'b', b"\nend"),
        one(b'c', b""),
    ];
    let script = Script::new(ALL, 0).on(b'E', says.concat());
    let Ok(Decision::Accept(changes)) = script.run(&letter()) else { panic!() };
    let shown: Vec<String> = changes.iter().map(|change| format!("{change:?}")).collect();
    for (shown, part) in shown.iter().zip([
        "AddField",
        "InsertField { index: 1",
        "ChangeField { index: 1",
        "DeleteField { index: 1, name: \"Date\"",
        "AddRecipient",
        "DeleteRecipient",
        "Sender(Some",
        "Body",
    ]) {
        assert!(shown.starts_with(part), "{shown} is not {part}");
    }
    let Some(Change::Body(body)) = changes.into_iter().next_back() else { panic!() };
    let mut text = String::new();
    body.reader().read_to_string(&mut text).unwrap();
    assert_eq!(text, "new\nbody\nend\n");
    let says = [one(b'q', b"looks odd\x1b\0"), one(b'h', b"X-A\0b\0"), one(b'a', b"")].concat();
    let Ok(Decision::Quarantine(why, changes)) = Script::new(ALL, 0).on(b'E', says).run(&letter()) else { panic!() };
    assert!(why.starts_with("looks odd") && !why.contains('\x1b') && changes.len() == 1, "{why:?}");
}

#[test]
fn a_change_without_leave_or_before_its_time_is_nonsense() {
    let _alone = alone();
    for (bit, says) in [
        (0x01, one(b'h', b"X-A\0b\0")),
        (0x01, one(b'i', b"\0\0\0\x01X-A\0b\0")),
        (0x02, one(b'b', b"x\r\n")),
        (0x04, one(b'+', b"<d@b.test>\0")),
        (0x08, one(b'-', b"<a@b.test>\0")),
        (0x10, one(b'm', b"\0\0\0\x01Subject\0x\0")),
        (0x20, one(b'q', b"why\0")),
        (0x40, one(b'e', b"<>\0")),
    ] {
        let says = |code| [says.clone(), one(code, b"")].concat();
        assert!(Script::new(bit, 0).on(b'E', says(b'c')).run(&letter()).is_ok(), "0x{bit:x}");
        let without = Script::new(ALL & !bit, 0).on(b'E', says(b'c')).run(&letter());
        assert!(matches!(without, Err(MilterError::Nonsense(_))), "0x{bit:x}");
        for code in *b"CHMRTLNB" {
            let early = Script::new(ALL, 0).on(code, says(b'c')).run(&letter());
            assert!(matches!(early, Err(MilterError::Nonsense(_))), "0x{bit:x} at {}", code as char);
        }
    }
}

#[test]
fn what_is_no_answer_decides_nothing() {
    let _alone = alone();
    let long = one(b'h', &[b"X-A\0".to_vec(), vec![b'x'; 300_000], b"\0".to_vec()].concat());
    let progress = one(b'p', b"").repeat(1_000_000);
    let many = one(b'h', b"X\0y\0").repeat(3000);
    for says in [
        &b""[..],
        b"\0\0",
        b"\0\0\0\0",
        b"\xff\xff\xff\xffc",
        b"\0\0\0\x05c",
        &one(b'c', b"x"),
        &one(b'Z', b""),
        &one(b's', b""),
        &one(b'y', b"250 ok\0"),
        &one(b'y', b"550 no"),
        &one(b'O', b""),
        &[one(b'c', b""), one(b'c', b"")].concat(),
        &[one(b'a', b""), one(b'r', b"")].concat(),
        &[one(b'c', b""), vec![0]].concat(),
        &long,
        &progress,
    ] {
        for code in if says.len() > 1_000_000 { &b"CE"[..] } else { b"OCHMRTLNBE" } {
            let outcome = Script::new(ALL, 0).on(*code, says).run(&letter());
            let shown = says[..says.len().min(20)].escape_ascii();
            assert!(outcome.is_err(), "'{shown}' at {}: {outcome:?}", *code as char);
        }
    }
    assert!(Script::new(ALL, 0).on(b'E', [many, one(b'c', b"")].concat()).run(&letter()).is_err());
    let good = Script::new(ALL, 0).run(&letter());
    assert!(good.is_ok());
    let needs = Script::new(0x80, 0).run(&letter());
    assert!(matches!(needs, Err(MilterError::Needs(names)) if names == "SMFIF_ADDRCPT_PAR"));
}

#[test]
fn fields_and_addresses_that_no_mail_may_have_decide_nothing() {
    let _alone = alone();
    for says in [
        one(b'h', b"X-A\0b\r\nBcc: x@evil.test\0"),
        one(b'h', b"X-A\0b\nc\0"),
        one(b'h', b"X A\0b\0"),
        one(b'h', b"Bcc\0x@evil.test\0"),
        one(b'i', b"\0\0\0\x01X-A\0b\x01\0"),
        one(b'm', b"\0\0\0\x01X-A\0b\rc\0"),
        one(b'+', b"<-oQ/tmp@b.test>\0"),
        one(b'+', b"a@b.test, c@b.test\0"),
        one(b'+', b"|/bin/sh\0"),
        one(b'e', b"<a b@c>\0"),
    ] {
        let run = |says: &[u8]| Script::new(ALL, 0).on(b'E', [says, &one(b'c', b"")].concat()).run(&letter());
        assert!(run(&one(b'h', b"X-A\0b\0")).is_ok());
        assert!(matches!(run(&says), Err(MilterError::Nonsense(_))), "{}", says.escape_ascii());
    }
}

#[test]
fn a_body_that_not_every_server_carries_decides_nothing() {
    let _alone = alone();
    let run = |header: &str, extra: &[u8], pieces: &[&[u8]]| {
        let letter = letter_of(&format!("Received: x\n{header}\n"), b"x\n");
        let pieces = pieces.iter().flat_map(|piece| one(b'b', piece)).collect::<Vec<_>>();
        Script::new(ALL, 0).on(b'E', [extra, &pieces, &one(b'c', b"")].concat()).run(&letter)
    };
    let line = [b'x'; 991];
    let big = [b'\n'; 60_000];
    assert!(run("", b"", &[b"fine\r\n", &line[..990]]).is_ok());
    for pieces in [
        &[&b"a\0b"[..]][..],
        &[b"a\rb"],
        &[b"a\r", b"b"],
        &[b"a\r"],
        &[b"a\r\r\n"],
        &[&line],
        &[&line[..500], &line[..491]],
        &[&big, &big],
        &["\u{e4}".as_bytes()],
    ] {
        let outcome = run("", b"", pieces);
        assert!(
            matches!(outcome, Err(MilterError::Nonsense(_))),
            "{}",
            pieces[0][..pieces[0].len().min(9)].escape_ascii()
        );
    }
    let eight = [&b"\xc3\xa4"[..]];
    let label = one(b'm', b"\0\0\0\x01Content-Transfer-Encoding\08bit\0");
    assert!(run("", &label, &eight).is_ok(), "the milter says so itself");
}

#[test]
fn a_full_disk_is_no_fault_of_the_milter() {
    let envelope = Envelope { sender: None, recipients: vec![Address::parse("a@b.test").unwrap()] };
    let message = Message::compose(Path::new("/nonexistent"), b"From: f@b.test\n\nx\n", |_| Ok(())).unwrap();
    let letter = Letter::open(message, false, envelope).unwrap();
    let pieces = one(b'b', &[b'\n'; 60_000]).repeat(2);
    let script = Script::new(ALL, 0).on(b'E', [pieces, one(b'c', b"")].concat());
    let client = Client::default();
    let told = Told { client: &client, shows_client: false, macros: &[], max_body: 1 << 20 };
    assert!(matches!(converse(script, &letter, &told), Err(MilterError::Storage(_))));
}

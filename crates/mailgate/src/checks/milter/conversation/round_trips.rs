//! What is written at one time, what is waited for, and in which pieces answers may come.
#![forbid(unsafe_code)]

use super::script::{ALL, Script, letter, one};
use super::*;
use crate::transport::tests::alone;

/// SMFIP_NO*, SMFIP_NR_* and the command of each stage that is answered, the end apart.
const STAGES: [(u32, u32, u8); 8] = [
    (0x1, 0x1000, b'C'),
    (0x2, 0x2000, b'H'),
    (0x4, 0x4000, b'M'),
    (0x8, 0x8000, b'R'),
    (0x200, 0x1_0000, b'T'),
    (0x20, 0x80, b'L'),
    (0x40, 0x4_0000, b'N'),
    (0x10, 0x8_0000, b'B'),
];

/// What is not answered goes in one write with what is; nothing goes ahead of an answer that is due.
#[test]
fn commands_wait_for_the_next_one_that_is_answered_and_for_no_other() {
    let _alone = alone();
    let all = "ODCDHDMDRDRDTLLDNBDEQ";
    let no_replies: u32 = STAGES.iter().map(|(_, no_reply, _)| no_reply).sum();
    for (_, no_reply, code) in STAGES {
        let silent: Vec<u8> = STAGES.iter().map(|stage| stage.2).filter(|other| *other != code).collect();
        let script = || Script::new(ALL, no_replies & !no_reply).silent_at(&silent);
        let well = script();
        assert!(matches!(well.run(&letter()), Ok(Decision::Accept(_))));
        let writes: Vec<&str> = all.split_inclusive(['O', 'E', char::from(code)]).collect();
        assert_eq!(well.writes(), writes, "{}", char::from(code));
        for answer in [one(b'r', b""), one(b't', b""), one(b'y', b"550 no\0")] {
            let refusing = script().on(code, answer);
            assert!(matches!(refusing.run(&letter()), Ok(Decision::Refuse(_))), "{}", char::from(code));
            assert_eq!(refusing.writes(), [writes[0], writes[1], "Q"], "{}", char::from(code));
        }
    }
    let all_silent = Script::new(ALL, no_replies).silent_at(b"CHMRTLNB");
    all_silent.run(&letter()).unwrap();
    assert_eq!(all_silent.writes(), ["O", &all[1..all.len() - 1], "Q"]);
}

#[test]
fn a_stage_that_a_milter_leaves_out_costs_nothing() {
    let _alone = alone();
    let no_events: u32 = STAGES.iter().map(|(no_event, ..)| no_event).sum();
    for (no_event, _, code) in STAGES {
        let script = Script::new(ALL, no_event).on(code, one(b'r', b""));
        assert!(matches!(script.run(&letter()), Ok(Decision::Accept(_))), "{}", char::from(code));
        assert_eq!(script.codes(), "ODCDHDMDRDRDTLLDNBDEQ".replace(char::from(code), ""), "its macros come");
    }
    let end_alone = Script::new(ALL, no_events);
    end_alone.run(&letter()).unwrap();
    assert_eq!(end_alone.writes(), ["O", "DDDDDDDDE", "Q"]);
    // Neither SMFIP_RCPT_REJ nor SMFIP_MDS_256K nor what has no name is offered: as in Postfix, they mean nothing.
    let more = Script::new(ALL, no_events | 0x5000_0800);
    assert!(matches!(more.run(&letter()), Ok(Decision::Accept(_))));
    assert_eq!(more.codes(), end_alone.codes());
}

#[test]
fn answers_are_the_same_in_whatever_pieces_they_come() {
    let _alone = alone();
    let end = [one(b'p', b""), one(b'h', b"X-A\0b\0"), one(b'q', b"why\0"), one(b'c', b"")].concat();
    for octets in [0, 1, 2, 3, 4, 5, 6, 7, 11] {
        let working = |code| [one(b'p', b""), one(b'p', b""), one(code, b"")].concat();
        let script = || Script::new(ALL, 0).on(b'L', working(b'c')).on(b'E', &end).in_pieces_of(octets);
        let Ok(Decision::Quarantine(why, changes)) = script().run(&letter()) else { panic!("{octets}") };
        assert_eq!((why.as_str(), changes.len()), ("why", 1), "{octets}");
        for (_, _, code) in STAGES {
            let refused = script().on(code, working(b'r'));
            assert!(matches!(refused.run(&letter()), Ok(Decision::Refuse(_))), "{octets} at {}", char::from(code));
            let twice = script().on(code, [working(b'c'), one(b'c', b"")].concat());
            assert!(matches!(twice.run(&letter()), Err(MilterError::Nonsense(_))), "{octets}: {}", char::from(code));
        }
    }
}

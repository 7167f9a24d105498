//! The whole path of a message, body -> spool -> message -> program or Maildir, with the Nth call at the seam failing, for every N
//! until one passes. Run with `--features faults`.
#![cfg(feature = "faults")]
#![forbid(unsafe_code)]

use mailgate::address::Domain;
use mailgate::input::strip::StripList;
use mailgate::input::{self, Rules};
use mailgate::message::compose::Trace;
use mailgate::message::draft::Draft;
use mailgate::message_id::Token;
use mailgate::policy::Recipients;
use mailgate::policy::arguments::Addressing;
use mailgate::reply::{self, Problem};
use mailgate::seam;
use mailgate::transport::{self, Program, maildir};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// From the fields and the body to the hand-over, as the handler does it; the error is what the client would be told.
fn submit(place: &Path, body: &[u8], to_maildir: bool) -> Result<(), Problem> {
    let fields: [(&[u8], &[u8]); 4] = [
        (b"From", b"f@example.test"),
        (b"To", b"a@example.test"),
        (b"Subject", b"a"),
        (b"Content-Type", b"text/plain"),
    ];
    let (token, domain) = (Token::random().unwrap(), Domain::parse("gateway.test").unwrap());
    let rules = Rules {
        addressing: Addressing::Header,
        domain: None,
        from_required: true,
        max_recipients: 100,
        pass: None,
        recipients: &Recipients::default(),
        redirect: None,
        sender: None,
        server_name: &domain,
        strip: &StripList::default(),
        token: &token,
    };
    let submission = input::read(&fields, &rules).map_err(|error| Problem::from(&error))?;
    let tmp = place.join("tmp");
    let trace = Trace { client: None, user: None, server_name: "gateway.test", https: false, token: &token };
    let mut draft = Draft::new(&submission, Some(trace), &tmp);
    for piece in body.chunks(20_000) {
        draft.write(piece).map_err(|error| reply::spool_full(&error))?;
    }
    let message = draft.finish().map_err(|error| Problem::from(&error))?;
    let outcome = if to_maildir {
        maildir::deliver(&place.join("Maildir"), &message)
    } else {
        let got = place.join("got").display().to_string();
        let arguments = ["-c", "cat > \"$1\"", "sh", &got].map(|word| word.as_bytes().to_vec());
        let environment = transport::environment(&[]);
        let timeout = Duration::from_secs(60);
        let program = Program { path: Path::new("/bin/sh"), arguments: &arguments, environment: &environment, timeout };
        transport::hand_over(&program, &message, &tmp)
    };
    outcome.map(drop).map_err(|failure| Problem::from(&failure))
}

/// Takes what was handed over since the last call.
fn taken(place: &Path) -> Vec<Vec<u8>> {
    let names =
        |folder: &str| fs::read_dir(place.join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
    assert_eq!((names("tmp").count(), names("Maildir/tmp").count()), (0, 0), "a stray file");
    let files: Vec<PathBuf> = names("Maildir/new").chain([place.join("got")]).filter(|file| file.exists()).collect();
    files
        .into_iter()
        .map(|file| {
            let octets = fs::read(&file).unwrap();
            fs::remove_file(file).unwrap();
            octets
        })
        .collect()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// One test, since it counts the descriptors of its process.
#[test]
fn whatever_call_fails_there_is_no_hand_over_without_success() {
    let place = std::env::temp_dir().join(format!("mailgate-faults-{}", std::process::id()));
    fs::create_dir_all(place.join("tmp")).unwrap();
    let mut points = 0;
    for errno in [libc::EMFILE, libc::ENOSPC, libc::EIO, libc::EAGAIN, libc::EINTR, libc::EPERM] {
        // The last one is written twice: only its end shows that it is not 7-bit.
        let bodies =
            [(100, false, ""), (90_000, false, ""), (100, true, ""), (90_000, true, ""), (90_000, false, "\u{e9}\n")];
        for (octets, to_maildir, late) in bodies {
            let body = "a line of text\n".repeat(octets / 15) + late + "the end\n";
            let before = descriptors();
            for call in 1.. {
                seam::fail_nth(call, errno);
                let outcome = submit(&place, body.as_bytes(), to_maildir);
                let hit = seam::fault_hit();
                seam::never_fail();
                let messages = taken(&place);
                let what = format!("errno {errno} at call {call}, {octets} octets, Maildir {to_maildir}: {outcome:?}");
                assert_eq!(descriptors(), before, "{what}");
                assert!(messages.iter().all(|message| message.ends_with(b"\nthe end\n")), "{what}");
                match outcome.as_ref().map_err(|problem| problem.status) {
                    Ok(()) => assert_eq!(messages.len(), 1, "{what}"),
                    Err(500 | 503) => assert_eq!(messages.len(), 0, "{what}"),
                    Err(502) => assert!(messages.len() <= 1, "{what}"),
                    Err(_) => panic!("{what}"),
                }
                if !hit {
                    assert!(outcome.is_ok(), "{what}");
                    break;
                }
                points += 1;
            }
        }
    }
    eprintln!("{points} calls failed in turn");
    assert!(points > 250, "only {points} calls");
    fs::remove_dir_all(place).unwrap();
}

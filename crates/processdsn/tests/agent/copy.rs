//! `-o`: the raw copies.

use crate::agent::run;
use crate::databases::{Sqlite, Store};
use crate::place::{Place, am_root};
use std::fs;
use std::process::Command;

#[test]
fn copies_of_many_at_once_do_not_interleave() {
    let place = Place::new("copies");
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    let copy = place.file("copies");
    std::thread::scope(|scope| {
        for writer in 0..8u8 {
            let (store, copy) = (&store, &copy);
            scope.spawn(move || {
                for number in 0..10 {
                    let line = format!("{}{number}\n", char::from(b'a' + writer)).repeat(20_000);
                    let mail = format!("Subject: {writer}.{number}\n\n{line}From here\n");
                    run(store.agent().arg("-o").arg(copy), mail.as_bytes()).exits(0);
                }
            });
        }
    });
    let text = fs::read_to_string(&copy).expect("the copies");
    let mails: Vec<&str> = text.split("\n\nFrom MAILER-DAEMON ").collect();
    assert_eq!(mails.len(), 80);
    for mail in mails {
        let body = mail.split_once("\n\n").expect("a header").1.trim_end();
        let (lines, last) = body.rsplit_once('\n').expect("lines");
        let first = lines.lines().next().expect("a line");
        assert!(lines.lines().all(|line| line == first) && lines.lines().count() == 20_000);
        assert_eq!(last, ">From here");
    }
}

#[test]
fn a_full_disk_leaves_no_half_copy() {
    if !am_root() {
        eprintln!("SKIPPED: root alone can mount a small disk");
        return;
    }
    let place = Place::new("full");
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    fs::create_dir(place.file("disk")).expect("a folder");
    let big = "x".repeat(70).repeat(2000);
    fs::write(place.file("small.eml"), "Subject: small\n\nHello\n").expect("a file");
    fs::write(place.file("big.eml"), format!("Subject: big\n\n{big}\n")).expect("a file");
    // In its own mount namespace, which ends with the shell.
    let script = "mount -t tmpfs -o size=64k none disk || exit 99
        \"$@\" -o disk/copies < small.eml; echo $?
        \"$@\" -o disk/copies < big.eml; echo $?
        \"$@\" -o disk/copies < small.eml; echo $?
        cp disk/copies copies";
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_processdsn")])
        .args(store.connection())
        .current_dir(place.path())
        .output()
        .expect("util-linux is everywhere");
    if output.status.code() == Some(99) || output.stderr.starts_with(b"unshare:") {
        eprintln!("SKIPPED: nothing can be mounted here, as in a chroot");
        return;
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n75\n0\n", "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(place.file("copies")).expect("the copies");
    assert_eq!((text.matches("Subject: small").count(), text.matches("xxx").count()), (2, 0), "{text}");
}

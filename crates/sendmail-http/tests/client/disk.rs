//! A full disk: exit status 75 and no partial file; queued messages are still sent, since their journals have room.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use super::gateway::{Answer, Gateway};
use super::place::{Place, am_root};

const MESSAGE: &str = "To: wendy@example.net\nSubject: Hello\n\nHi there\n";

/// A small file system, until it is dropped.
struct Small(PathBuf);

impl Small {
    fn mount(place: &Place) -> Option<Small> {
        let path = place.file("small");
        fs::create_dir(&path).unwrap();
        let mounted = am_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=2m,mode=755", "none"])
                .arg(&path)
                .status()
                .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("SKIPPED: needs root, and the right to mount");
        }
        mounted.then_some(Small(path))
    }

    /// Fills it to the last octet.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        for size in [65_536, 4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_keeps_nothing_half_and_lets_the_queue_drain() {
    let place = Place::new("full");
    let Some(small) = Small::mount(&place) else { return };
    let gateway =
        Gateway::new(|_, nth| if nth < 2 { Answer::problem(503, "yes", "SM0406") } else { super::gateway::Act::Take });
    place.settings(&gateway, &format!("queue {}\n", small.0.join("queue").display()));
    assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    small.fill();
    let done = place.send("-odq -t", MESSAGE);
    assert!(done.status == 75 && done.stderr.contains("No space left"), "{done:?}");
    let done = place.send("-t", MESSAGE);
    assert_eq!((done.status, gateway.posts().len()), (75, 1), "asked, put off, and not kept: the caller knows");
    let names = |folder: &str| fs::read_dir(small.0.join("queue").join(folder)).unwrap().count();
    assert_eq!((names("tmp"), names("new"), names("drop")), (0, 1, 0));
    // The queued message's journal has room: it is deferred again, and sent by the next run.
    assert_eq!(place.run_queue().status, 0);
    place.let_time_pass();
    assert_eq!(place.run_queue().status, 0);
    assert_eq!((gateway.posts().len(), gateway.taken().len(), names("new")), (3, 1, 0));
    small.free();
    assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    assert_eq!(names("new"), 1);
}

#[test]
fn a_disk_that_cannot_be_written_sends_nothing_it_could_not_write_down() {
    let place = Place::new("readonly");
    let Some(small) = Small::mount(&place) else { return };
    let gateway = Gateway::taking();
    place.settings(&gateway, &format!("queue {}\n", small.0.join("queue").display()));
    assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    let remount =
        |how: &str| Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&small.0).status().unwrap();
    assert!(remount("ro").success());
    assert_ne!(place.run_queue().status, 0);
    assert_eq!((place.send("-odq -t", MESSAGE).status, gateway.posts().len()), (75, 0));
    assert!(remount("rw").success());
    assert_eq!(place.run_queue().status, 0);
    assert_eq!(gateway.taken().len(), 1);
}

#[test]
fn the_journal_of_every_message_has_room_on_a_full_disk() {
    let place = Place::new("room");
    let Some(small) = Small::mount(&place) else { return };
    let gateway = Gateway::taking();
    place.settings(&gateway, &format!("queue {}\n", small.0.join("queue").display()));
    // Files of all lengths within a page: some need a new page for the next line. One at a time, since each one sent makes room.
    for n in 0..64 {
        assert_eq!(place.send("-odq -t", format!("{MESSAGE}{}", "x".repeat(64 * n))).status, 0);
        small.fill();
        let done = place.run_queue();
        assert_eq!((done.status, gateway.taken().len()), (0, n + 1), "{done:?}");
        small.free();
    }
}

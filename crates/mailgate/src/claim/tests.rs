use super::directory::Directory;
use super::*;
use std::path::{Path, PathBuf};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mailgate-claim-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn store(&self) -> Directory<'_> {
        Directory::new(&self.0, LIFETIME)
    }

    /// The files of keys.
    fn files(&self) -> Vec<PathBuf> {
        let listed = |path: &Path| std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
        listed(&self.0).flat_map(|folder| listed(&folder).collect::<Vec<_>>()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn digest(text: &str) -> Digest {
    Digest::of(&[text.as_bytes()])
}

fn accepted() -> Outcome {
    Outcome::Accepted { status_url: Some("https://h/dsn/x/".into()) }
}

#[track_caller]
fn yours<'a>(found: Result<KeyState<'a>, StoreError>) -> Claim<'a> {
    match found.unwrap() {
        KeyState::Yours(claim) => claim,
        other => panic!("not ours: {}", word(&other)),
    }
}

fn word(found: &KeyState<'_>) -> String {
    match found {
        KeyState::Ended(ended) => format!("{} {}", ended.message_id, ended.outcome.write()),
        KeyState::OtherContent => "other content".into(),
        KeyState::Running => "running".into(),
        KeyState::Yours(_) => "yours".into(),
    }
}

fn find(store: &impl Claims, key: &str, content: &str) -> String {
    word(&store.claim(&digest(key), &digest(content)).unwrap())
}

#[test]
fn one_works_with_a_key_and_its_outcome_is_told_again() {
    let folder = Folder::new("steps");
    let store = folder.store();
    let mut claim = yours(store.claim(&digest("key"), &digest("content")));
    assert_eq!(find(&store, "key", "content"), "running");
    assert_eq!(find(&store, "another key", "content"), "yours");
    claim.hand_over("<a@b>").unwrap();
    assert_eq!(find(&store, "key", "content"), "running");
    claim.settle(&accepted()).unwrap();
    for _ in 0..2 {
        assert_eq!(find(&store, "key", "content"), "<a@b> accepted https://h/dsn/x/");
    }
    assert_eq!(find(&store, "key", "other"), "other content");
}

#[test]
fn who_ends_before_the_hand_over_frees_the_key_and_who_ends_after_it_leaves_unknown() {
    let folder = Folder::new("ends");
    let store = folder.store();
    drop(yours(store.claim(&digest("key"), &digest("content"))));
    assert!(folder.files().is_empty(), "nothing is left of it");
    let mut claim = yours(store.claim(&digest("key"), &digest("changed")));
    claim.hand_over("<a@b>").unwrap();
    claim.free().unwrap();
    assert!(folder.files().is_empty(), "it was surely not sent");
    let mut claim = yours(store.claim(&digest("key"), &digest("content")));
    claim.hand_over("<c@d>").unwrap();
    drop(claim);
    assert_eq!(find(&store, "key", "content"), "<c@d> unknown SM0407");
    assert_eq!(find(&store, "key", "content"), "<c@d> unknown SM0407", "for ever");
}

fn begun(expires: i64) -> String {
    prepared(expires, record::BOOT.as_deref()) + record::HANDING_OVER
}

fn prepared(expires: i64, boot: Option<&str>) -> String {
    record::prepare(expires, &digest("content"), "<a@b>", boot)
}

#[test]
fn a_key_that_a_dead_owner_left_claimed_is_free() {
    let folder = Folder::new("dead");
    let store = folder.store();
    drop(yours(store.claim(&digest("key"), &digest("content"))));
    let key = digest("key").to_string();
    let file = folder.0.join(&key[..2]).join(&key[2..]);
    std::fs::write(&file, "").unwrap();
    assert_eq!(find(&store, "key", "content"), "yours");
    std::fs::write(&file, &begun(i64::MAX)[..60]).unwrap();
    assert_eq!(find(&store, "key", "content"), "yours", "it never came to the hand-over");
    std::fs::write(&file, prepared(i64::MAX, record::BOOT.as_deref())).unwrap();
    assert_eq!(find(&store, "key", "content"), "yours", "killed while it waited for the disk");
    std::fs::write(&file, prepared(i64::MAX, Some("another-start"))).unwrap();
    assert_eq!(
        find(&store, "key", "content"),
        "<a@b> unknown SM0407",
        "the machine stopped, and may have lost the word"
    );
    std::fs::write(&file, begun(i64::MAX)).unwrap();
    assert_eq!(find(&store, "key", "content"), "<a@b> unknown SM0407");
    std::fs::write(&file, begun(now() - 1)).unwrap();
    assert_eq!(find(&store, "key", "content"), "yours", "its time is over");
}

#[test]
fn what_is_no_file_of_ours_is_an_error_and_never_a_key() {
    let folder = Folder::new("foreign");
    let store = folder.store();
    let key = digest("key").to_string();
    let file = folder.0.join(&key[..2]).join(&key[2..]);
    assert_eq!(find(&store, "key", "content"), "yours");
    let foreign: [(&str, &dyn Fn()); 4] = [
        ("text", &|| std::fs::write(&file, "hello\n").unwrap()),
        ("link", &|| std::os::unix::fs::symlink(folder.0.join("target"), &file).unwrap()),
        ("folder", &|| std::fs::create_dir(&file).unwrap()),
        ("pipe", &|| {
            let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
            assert!(made.success());
        }),
    ];
    for (what, make) in foreign {
        make();
        let error = store.claim(&digest("key"), &digest("content")).err();
        assert!(error.is_some_and(|error| error.0.contains(&key[2..])), "{what}");
        let _ = std::fs::remove_file(&file).or_else(|_| std::fs::remove_dir(&file));
        assert_eq!(find(&store, "key", "content"), "yours", "{what}");
    }
    assert!(!folder.0.join("target").exists());
    assert!(Directory::new(&folder.0.join("none"), LIFETIME).claim(&digest("key"), &digest("content")).is_err());
}

#[test]
fn of_many_who_come_at_once_one_sends() {
    let folder = Folder::new("crowd");
    for round in 0..20 {
        let sent = std::sync::atomic::AtomicUsize::new(0);
        let key = format!("key {round}");
        std::thread::scope(|scope| {
            for client in 0..8 {
                let (folder, key, sent) = (&folder, &key, &sent);
                scope.spawn(move || {
                    for _ in 0..1000 {
                        let store = folder.store();
                        match store.claim(&digest(key), &digest("content")).unwrap() {
                            // Half of the owners give up first.
                            KeyState::Yours(claim)
                                if client % 2 == 0 && sent.load(std::sync::atomic::Ordering::SeqCst) == 0 =>
                            {
                                drop(claim);
                                std::thread::yield_now();
                            }
                            KeyState::Yours(mut claim) => {
                                claim.hand_over("<a@b>").unwrap();
                                sent.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                                return claim.settle(&accepted()).unwrap();
                            }
                            KeyState::Ended(_) => return,
                            KeyState::Running => std::thread::yield_now(),
                            KeyState::OtherContent => panic!("one content"),
                        }
                    }
                });
            }
        });
        assert_eq!(sent.into_inner(), 1, "round {round}");
    }
}

#[test]
fn an_outcome_is_read_as_it_was_written() {
    let long = format!("https://h/{}", "x".repeat(MAX_URL));
    for (outcome, text) in [
        (accepted(), "accepted https://h/dsn/x/"),
        (Outcome::DIED, "unknown SM0407"),
        (Outcome::Unknown(&tags::TIMEOUT), "unknown SM0404"),
    ] {
        assert_eq!((outcome.write().as_str(), Outcome::parse(text)), (text, Some(outcome)));
    }
    for url in ["", "https://h/a b", "https://h/\n", long.as_str()] {
        let outcome = Outcome::Accepted { status_url: Some(url.into()) };
        assert_eq!(outcome.write(), "accepted", "{url}: what cannot stand in a record is left out");
    }
    for bad in ["", "accepted ", "accepted a b", "Accepted", "unknown SM0101", "unknown timeout", "refused SM0101"] {
        assert_eq!(Outcome::parse(bad), None, "{bad}");
    }
}

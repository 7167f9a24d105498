//! The option table, and the command lines of real callers.

use super::*;

fn parsed(line: &str) -> Result<Options, String> {
    parse("sendmail", line.split_whitespace().map(OsString::from))
}

/// A line that must be read without a warning.
fn clean(line: &str) -> Options {
    let options = parsed(line).unwrap();
    assert_eq!(options.warnings, Vec::<String>::new(), "{line}");
    options
}

#[test]
fn every_letter_takes_what_it_takes_in_both_forms_and_no_recipient() {
    for &(letter, takes, meaning) in LETTERS {
        if matches!(meaning, Meaning::Mode | Meaning::Notify | Meaning::Return | Meaning::Run) {
            continue; // their values are checked; see below
        }
        let letter = char::from(letter);
        let forms: &[String] = &match takes {
            Takes::Nothing => vec![format!("-{letter}")],
            Takes::Glued => vec![format!("-{letter}"), format!("-{letter}x")],
            Takes::GluedOrShort => vec![format!("-{letter}"), format!("-{letter}5"), format!("-{letter} 5")],
            Takes::Value => vec![format!("-{letter}5"), format!("-{letter} 5"), format!("-{letter} -t")],
        };
        for form in forms {
            for line in [format!("{form} root"), format!("{form} -i -- root"), format!("{form} root -i")] {
                let options = clean(&line);
                assert_eq!(options.recipients, ["root"], "{line}");
                assert_eq!(options.extract, meaning == Meaning::Extract, "{line}");
            }
        }
        if takes == Takes::Value {
            assert_eq!(parsed(&format!("root -{letter}")).unwrap_err(), format!("option -{letter} needs a value"));
        }
    }
}

#[test]
fn no_letter_stands_twice_in_the_table() {
    for (at, row) in LETTERS.iter().enumerate() {
        assert!(LETTERS[at + 1..].iter().all(|other| other.0 != row.0), "{}", char::from(row.0));
    }
}

#[test]
fn what_real_callers_write_is_understood() {
    type Expected<'a> = (&'a str, bool, bool, Option<&'a str>, Option<&'a str>, &'a [&'a str]);
    #[rustfmt::skip]
    let lines: &[Expected<'_>] = &[
        // line, -t, keeps dots, -f, -F, recipients
        ("-FCronDaemon -i -B8BITMIME -oem peter", false, true, None, Some("CronDaemon"), &["peter"]),              // Debian's cron
        ("-FCronDaemon -i -B8BITMIME -oem a@x.example, b@x.example", false, true, None, Some("CronDaemon"), &["a@x.example,", "b@x.example"]),
        ("-FCronDaemon -i -odi -oem -oi -t -f root", true, true, Some("root"), Some("CronDaemon"), &[]),           // cronie
        ("-FAnacron -odi root", false, false, None, Some("Anacron"), &["root"]),                                   // anacron
        ("-i peter", false, true, None, None, &["peter"]),                                                         // at, bsd-mailx, s-nail
        ("-t", true, false, None, None, &[]),                                                                      // mdadm, logwatch, sudo
        ("-oi -t", true, true, None, None, &[]),                                                                   // unattended-upgrades
        ("-t -i", true, true, None, None, &[]),                                                                    // PHP
        ("-t -i -fbounce@example.org", true, true, Some("bounce@example.org"), None, &[]),                         // PHP with a fifth argument
        ("-f fail2ban root@example.org", false, false, Some("fail2ban"), None, &["root@example.org"]),             // fail2ban
        ("-oem -oi -f a@example.org -N failure -R hdrs -- b@example.org", false, true, Some("a@example.org"), None, &["b@example.org"]), // mutt
        ("-f a@example.org -i b@example.org", false, true, Some("a@example.org"), None, &["b@example.org"]),       // git send-email, nodemailer
        ("-i -f a@example.org -- b@example.org c@example.org", false, true, Some("a@example.org"), None, &["b@example.org", "c@example.org"]), // Ruby's mail
        ("-t -oi", true, true, None, None, &[]),                                                                   // Python
        ("-t -oi -oem -fa@example.org", true, true, Some("a@example.org"), None, &[]),                             // MIME::Lite
        ("-oem -oi -ti", true, true, None, None, &[]),
        ("-v -t -r me@example.org -h 5 -h5 -d -d7 -d 7 -p -U -Omode=b -O x=y -G -n -m -em -e m -L tag -X /tmp/x -C /etc/x",
            true, false, Some("me@example.org"), None, &[]),
        ("-oMr smtp -oMs host -odb peter", false, false, None, None, &["peter"]),                                  // Exim
        ("-a gmail -t", true, false, None, None, &[]),                                                             // msmtp
        ("--read-recipients --from=me@example.org", true, false, Some("me@example.org"), None, &[]),               // msmtp
    ];
    for (line, extract, keep_dot, sender, full_name, recipients) in lines {
        let options = clean(line);
        assert_eq!(options.task, Task::Deliver, "{line}");
        assert_eq!((options.extract, options.keep_dot), (*extract, *keep_dot), "{line}");
        assert_eq!((options.sender.as_deref(), options.full_name.as_deref()), (*sender, *full_name), "{line}");
        assert_eq!(options.recipients, *recipients, "{line}");
    }
    for line in ["-bs", "-bs -i", "-bs -odb -oem"] {
        // Symfony, Laravel, alpine
        assert_eq!(clean(line).task, Task::Smtp { batch: false }, "{line}");
    }
}

#[test]
fn a_mode_is_a_task_and_a_daemon_is_none() {
    for (line, task) in [
        ("", Task::Deliver),
        ("-bm", Task::Deliver),
        ("-b m", Task::Deliver),
        ("-bp", Task::List),
        ("-bi", Task::NewAliases),
        ("-I", Task::NewAliases),
        ("-bv root", Task::Verify),
        ("-bS", Task::Smtp { batch: true }),
        ("-q", Task::Run(Runs::Once)),
        ("-qf", Task::Run(Runs::Once)),
        ("-q0", Task::Run(Runs::Once)),
        ("-q10m", Task::Run(Runs::Every(Duration::from_secs(600)))),
        ("-q90", Task::Run(Runs::Every(Duration::from_secs(90)))),
        ("--remove abc", Task::Remove("abc".into())),
        ("--retry=abc", Task::Retry("abc".into())),
        ("--check", Task::Check),
    ] {
        assert_eq!(clean(line).task, task, "{line}");
    }
    for wrong in ["-bd", "-bD", "-bt", "-b", "-bP", "root -f", "-N maybe", "-R some", "--config"] {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
    let called = |name: &str| parse(name, std::iter::empty()).unwrap().task;
    assert_eq!(
        (called("mailq"), called("newaliases"), called("sendmail")),
        (Task::List, Task::NewAliases, Task::Deliver)
    );
}

#[test]
fn an_unknown_letter_is_a_warning_and_takes_nothing_with_it() {
    let options = parsed("-Zt --nonsense=1 -\u{e9} root").unwrap();
    assert_eq!((options.extract, options.recipients.as_slice()), (true, &["root".to_owned()][..]));
    assert_eq!(options.warnings.len(), 3, "{:?}", options.warnings);
    assert_eq!(parsed("- root").unwrap().recipients, ["root"]);
}

#[test]
fn what_no_request_field_can_carry_is_no_envelope_id() {
    assert_eq!(clean("-V a@b=1 root").dsn.envid, Some("a@b=1".into()));
    for wrong in ["-V\u{e9} root", &format!("-V{} root", "x".repeat(101))] {
        let options = parsed(wrong).unwrap();
        assert_eq!((options.dsn.envid, options.warnings.len()), (None, 1), "{wrong}");
    }
    let hostile = Dsn { notify: Some("x".into()), ret: Some("full\0".into()), envid: Some("a b".into()) };
    assert_eq!(hostile.checked(), Dsn::default());
    let honest = Dsn { notify: Some("failure,delay".into()), ret: Some("hdrs".into()), envid: Some("a".into()) };
    assert_eq!(honest.clone().checked(), honest);
}

#[test]
fn a_line_break_in_a_value_is_refused() {
    let words = |words: &[&str]| parse("sendmail", words.iter().map(OsString::from));
    assert!(words(&["-f", "a@example.org", "b@example.org"]).is_ok());
    for wrong in
        [&["-f", "a\nb"][..], &["-F", "a\r\nBcc: x"], &["a@b\n"], &["--", "a\nb"], &["--from=a\nb"], &["-V", "x\n"]]
    {
        assert!(words(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn what_follows_two_hyphens_is_a_recipient() {
    assert_eq!(clean("-i -- -f a@example.org").recipients, ["-f", "a@example.org"]);
}

/// What this program does with each option letter of another program.
struct Program {
    name: &'static str,
    /// Its options as getopt(3) writes them, from its source: a letter, `:` for a value, `::` for a value that must be glued.
    options: &'static str,
    /// Letters with the same effect here as there.
    taken: &'static str,
    /// Letters without effect here; their values are skipped too.
    ignored: &'static str,
    /// Letters that cause a warning on stderr.
    warned: &'static str,
}

#[rustfmt::skip]
const PROGRAMS: &[Program] = &[
    Program { name: "Postfix", options: "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q::tvx",
        taken: "FILNRVbfinoqrtv", ignored: "ABCGOUXcehmpx", warned: "" },
    Program { name: "Exim", options: "A::B:b::C:D::d::E::e::F:f:Gh:iL:M::mNnO:o::p:q::R:r:S::tUvX:xz::",
        taken: "FLNRbfinoqrtv", ignored: "ABCDEGMOUXdehmpx", warned: "Sz" },
    Program { name: "msmtp", options: "Pd::SC:a:f:N:R:X:tA:B:b:F:Gh:iL:mnO:o:v",
        taken: "FLNRbfinotv", ignored: "ABCGOXadhm", warned: "PS" },
    Program { name: "nullmailer", options: "B:b:C:d:F:f:h:iL:mN:nO:o:p:q::R:r:tUV:vX:",
        taken: "FLNRVbfinoqrtv", ignored: "BCOUXdhmp", warned: "" },
    Program { name: "dma", options: "A:b:B:C:d:D::f:F:h:iL:N:no:O:q::r:R:tUV:vX:",
        taken: "FLNRVbfinoqrtv", ignored: "ABCDOUXdh", warned: "" },
];

#[test]
fn each_option_of_other_sendmails_is_taken_ignored_or_warned_of_and_costs_no_recipient() {
    for Program { name, options, taken, ignored, warned } in PROGRAMS {
        let letters = options.char_indices().filter(|(_, letter)| *letter != ':');
        let mut classes = [String::new(), String::new(), String::new()];
        for (at, letter) in letters {
            let value = match letter {
                'b' => "m",
                'N' => "never",
                'R' => "hdrs",
                'd' | 'h' | 'q' => "5",
                _ => "x",
            };
            let rest = &options[at + letter.len_utf8()..];
            let forms = match (letter, rest) {
                // Exim's -N delivers nothing; nobody who wants mail sent uses it.
                ('N', _) => vec![format!("-N{value}"), format!("-N {value}")],
                (_, rest) if rest.starts_with("::") => vec![format!("-{letter}{value}")],
                (_, rest) if rest.starts_with(':') => vec![format!("-{letter}{value}"), format!("-{letter} {value}")],
                _ => vec![format!("-{letter}")],
            };
            let mut class = 0;
            for form in forms {
                let options = parsed(&format!("{form} root")).unwrap_or_else(|words| panic!("{name} {form}: {words}"));
                if !warned.contains(letter) {
                    assert_eq!(options.recipients, ["root"], "{name} {form}");
                }
                class = match LETTERS.iter().find(|row| char::from(row.0) == letter) {
                    _ if !options.warnings.is_empty() => 2,
                    Some((_, _, Meaning::Ignored)) => 1,
                    _ => 0,
                };
            }
            classes[class].push(letter);
        }
        let sorted = |letters: &str| {
            let mut letters: Vec<char> = letters.chars().collect();
            letters.sort_unstable();
            letters.into_iter().collect::<String>()
        };
        let found = classes.map(|letters| sorted(&letters));
        assert_eq!(found, [*taken, *ignored, *warned].map(sorted), "{name}: taken, ignored, warned of");
    }
}

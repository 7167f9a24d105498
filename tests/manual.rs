//! The manual compared with the code: it describes every directive and every log tag and no others, its links have targets, and every
//! configuration in it passes `httpd -t` without a warning of ours.

use crate::support::artifacts::artifacts;
use crate::support::place::repository;
use crate::support::{Certificates, Httpd, Sendmail};
use mailgate::input::strip::table::{Fate, TABLE};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A directive table and its page.
const PAGES: &[(&str, &str)] = &[
    ("src/directives/mod.rs", "docs/mod_sendmail.md"),
    ("crates/mod_processdsn/src/directives.rs", "docs/mod_processdsn.md"),
    ("src/submission/directives.rs", "docs/mod_submission.md"),
];

fn read(file: impl AsRef<Path>) -> String {
    let file = repository().join(file);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().is_some_and(|name| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The pages that people read, as paths below the repository.
fn pages() -> Vec<String> {
    let mut pages: Vec<String> = ["README.md", "SECURITY.md", "CONTRIBUTING.md"].map(str::to_owned).into();
    let docs = files(&repository().join("docs"), ".md");
    pages.extend(docs.iter().map(|path| path.strip_prefix(repository()).unwrap().display().to_string()));
    pages.retain(|page| repository().join(page).exists());
    assert!(pages.len() > 6);
    pages
}

/// The rows of a directive table: name and help text.
fn rows(table: &str) -> BTreeMap<String, String> {
    let table = read(table);
    let rows: BTreeMap<_, _> = table
        .lines()
        .filter_map(|line| {
            let mut quoted = line.split('"').skip(1).step_by(2);
            let name = quoted.next().filter(|name| {
                ["Sendmail", "ProcessDSN", "Submission"].iter().any(|module| name.starts_with(module))
            })?;
            Some((name.to_owned(), quoted.last()?.to_owned()))
        })
        .collect();
    assert!(rows.len() >= 3);
    rows
}

/// The sections `## Name directive` of a page.
fn sections(page: &str) -> BTreeMap<String, String> {
    let text = read(page);
    let sections = text.split("\n## ").skip(1);
    sections
        .filter_map(|section| {
            let (title, body) = section.split_once('\n')?;
            Some((title.strip_suffix(" directive")?.to_owned(), body.to_owned()))
        })
        .collect()
}

#[test]
fn every_directive_has_its_section_and_every_section_its_directive() {
    let mut wrong = Vec::new();
    for (table, page) in PAGES {
        let (rows, sections, text) = (rows(table), sections(page), read(page));
        for (name, help) in &rows {
            let Some(section) = sections.get(name) else {
                wrong.push(format!(
                    "{page} has no section '## {name} directive', which {table} has; write one like its neighbours"
                ));
                continue;
            };
            let value = |label: &str| {
                let line = section.lines().find_map(|line| line.strip_prefix(&format!("| {label}: | ")));
                line.map(|value| value.trim_end_matches(" |").to_owned())
            };
            for label in ["Description", "Syntax", "Default", "Context", "Status", "Module", "Compatibility"] {
                if value(label).is_none_or(|value| value.is_empty()) {
                    wrong.push(format!("{page}: {name} has no line '| {label}: | ... |'"));
                }
            }
            if !value("Syntax").unwrap_or_default().starts_with(&format!("`{name} ")) {
                wrong.push(format!("{page}: the syntax of {name} does not begin with its name"));
            }
            let default = help.split_once("(default: ").map(|(_, rest)| rest.trim_end_matches(')'));
            if default.is_some_and(|default| {
                !value("Default").unwrap_or_default().contains(default.trim_end_matches(" of the <Location>"))
            }) {
                wrong.push(format!("{page}: the default of {name} is not that of its help text, '{help}'"));
            }
            let link = format!("[{name}](#{}-directive)", name.to_lowercase());
            let row = format!("| {link} | {} |", value("Description").unwrap_or_default());
            match text.lines().find(|line| line.starts_with("| [") && line.contains(&link)) {
                Some(line) if line.starts_with(&row) => {}
                None if text.contains(&link) && !text.contains("| [Sendmail") => {}
                _ => wrong.push(format!("{page}: the list of directives lacks '{row}'")),
            }
        }
        wrong.extend(
            sections
                .keys()
                .filter(|name| !rows.contains_key(*name))
                .map(|name| format!("{page}: '## {name} directive' is stale: {table} has no such directive")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_fields_that_stay_out_of_the_mail_are_those_of_the_manual() {
    let rows: String = TABLE
        .iter()
        .map(|row| {
            let fate = match row.fate {
                Fate::Kept => "passes",
                Fate::Locked => "never",
                Fate::Stripped => "left out",
            };
            let names: Vec<_> = row.names.iter().map(|name| format!("`{name}`")).collect();
            format!("| {}. | {fate} | {} |\n", row.what, names.join(", "))
        })
        .collect();
    let section = &sections("docs/mod_sendmail.md")["SendmailStripHeaders"];
    let (_, table) = section.split_once("| fields | | names |\n|---|---|---|\n").expect("a table of the fields");
    let table = table.split_inclusive('\n').take_while(|line| line.starts_with("| ")).collect::<String>();
    assert!(table == rows, "docs/mod_sendmail.md, SendmailStripHeaders: the table should be\n{rows}");
}

/// Every `SMnnnn` in a text.
fn tags(text: &str) -> BTreeSet<String> {
    let pieces = text.match_indices("SM").filter_map(|(at, _)| text.get(at..at + 6));
    pieces.filter(|tag| tag[2..].bytes().all(|byte| byte.is_ascii_digit())).map(str::to_owned).collect()
}

#[test]
fn every_tag_of_the_log_is_explained_and_no_other() {
    let mut sources = files(&repository().join("src"), ".rs");
    sources.extend(files(&repository().join("crates"), ".rs"));
    let in_code: BTreeSet<String> = sources
        .iter()
        .filter(|file| !file.components().any(|part| part.as_os_str() == "tests"))
        .flat_map(|file| tags(&read(file)))
        .collect();
    let explained: BTreeSet<String> = read("docs/log-tags.md")
        .lines()
        .filter(|line| line.starts_with("| SM"))
        .flat_map(|line| tags(&line[..8]))
        .collect();
    assert!(in_code.len() > 30);
    let missing: Vec<_> = in_code.difference(&explained).collect();
    let stale: Vec<_> = explained.difference(&in_code).collect();
    assert!(missing.is_empty(), "docs/log-tags.md has no row for {missing:?}, which the code logs");
    assert!(stale.is_empty(), "docs/log-tags.md explains {stale:?}, which nothing logs");
}

#[test]
fn every_link_of_the_manual_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for page in pages() {
        let text = read(&page);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            if target.contains("://") || target.contains(['\n', ' ']) {
                continue;
            }
            seen += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(&page).parent().unwrap();
            let path = if file.is_empty() { PathBuf::from(&page) } else { folder.join(file) };
            if !repository().join(&path).exists() {
                wrong.push(format!("{page}: {target}: no such file"));
            } else if !anchor.is_empty() && !read(&path).lines().any(|line| anchor_of(line) == Some(anchor.to_owned()))
            {
                wrong.push(format!("{page}: {target}: no such heading"));
            }
        }
    }
    assert!(seen > 40, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The anchor that Markdown makes for a heading.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
    Some(
        heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect(),
    )
}

/// The blocks between ```` ```apache ```` and ```` ``` ````, each with the number of its line.
fn configurations(page: &str) -> Vec<(usize, String)> {
    let text = read(page);
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim() == "```apache" {
            let block: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```").collect();
            blocks.push((number + 1, block.join("\n")));
        }
    }
    blocks
}

#[test]
fn every_configuration_in_the_manual_passes_the_check_without_a_warning() {
    let certificates = Certificates::new();
    let server = certificates.server();
    let sendmail = Sendmail::new();
    let program = sendmail.program().display().to_string();
    let placeholders = [
        ("/usr/sbin/sendmail", program.clone()),
        ("/usr/bin/msmtp", program),
        ("/var/lib/mod_sendmail/claims", sendmail.folder().display().to_string()),
        ("/var/log/apache2/sendmail.log", "${ROOT}/logs/sendmail.log".to_owned()),
        ("/etc/ssl/certs/mail.example.org.pem", server.certificate.display().to_string()),
        ("/etc/ssl/private/mail.example.org.key", server.key.display().to_string()),
        ("/etc/ssl/certs/example-org-clients.pem", certificates.authority().display().to_string()),
    ];
    let modules = ["access_compat", "auth_basic", "authn_file", "authnz_ldap", "dbd", "headers", "remoteip", "ssl"];
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in pages() {
        for (line, block) in configurations(&page) {
            seen += 1;
            let text = placeholders.iter().fold(block, |text, (from, to)| text.replace(from, to));
            let builder = Httpd::builder().modules(&modules).load("processdsn_module", &artifacts().status_module);
            let builder = builder.load("submission_module", &artifacts().module);
            // `make install` puts it there; the module is already loaded, which httpd reports and accepts.
            let extra = builder.root().join("conf/extra");
            std::fs::create_dir_all(&extra).unwrap();
            std::fs::write(extra.join("sendmail.load"), load_line()).unwrap();
            std::fs::write(extra.join("sendmail.conf"), read("conf/sendmail.conf")).unwrap();
            let test = builder.config(&text).config_test();
            if !test.passed || test.output.contains("SM0") {
                wrong.push(format!("{page}:{line}:\n{text}\n{}", test.output));
            }
        }
    }
    assert!(seen > 30, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn load_line() -> String {
    let text = read("conf/sendmail.load");
    assert!(text.contains("/usr/lib/apache2/modules/mod_sendmail.so"));
    text.replace("/usr/lib/apache2/modules/mod_sendmail.so", &artifacts().module.display().to_string())
}

#[test]
fn no_configuration_hides_in_a_block_that_nobody_checks() {
    for page in pages() {
        let hidden = read(&page).lines().any(|line| line.starts_with("    <Location") && !in_fence(&read(&page), line));
        assert!(!hidden, "{page}: put configuration between ```apache and ```");
    }
}

/// Whether this line is in a fenced block.
fn in_fence(text: &str, wanted: &str) -> bool {
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if line == wanted {
            return fenced;
        }
    }
    false
}

//! A gateway whose program is sendmail-http, with settings that lead back to this gateway -> a warning. Each message would loop until it
//! has too many Received fields.
//!
//! Looks for the settings where the program does: `--config`, SENDMAIL_HTTP_URL, /etc/sendmail-http.conf with its folder. Settings that
//! cannot be read here cause no warning.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use conftree::Directive;
use conftree::sections::{below, flat};
use web::authority::Authority;

/// The file of a machine; `*.conf` in its folder are read after it.
const FILE: &str = "/etc/sendmail-http.conf";
const FOLDER: &str = "/etc/sendmail-http.conf.d";

/// The URL by which sendmail-http, run with these words and variables, leads back to the section that runs it.
pub(super) fn url_of_itself(
    tree: &[Directive],
    section: Option<&Directive>,
    words: &[String],
    environment: &[&str],
) -> Option<String> {
    urls(words, environment).into_iter().find(|url| Url::parse(url).is_some_and(|url| url.leads_to(tree, section)))
}

/// The URLs that the program would use.
fn urls(words: &[String], environment: &[&str]) -> Vec<String> {
    if let Some(file) = named(words) {
        return in_files(&[file]);
    }
    if let Some(value) = environment.iter().find_map(|pair| pair.strip_prefix("SENDMAIL_HTTP_URL=")) {
        return value.split_whitespace().map(str::to_owned).collect();
    }
    let folder = std::fs::read_dir(FOLDER).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut more: Vec<PathBuf> = folder.filter(|path| path.extension().is_some_and(|end| end == "conf")).collect();
    more.sort();
    more.insert(0, PathBuf::from(FILE));
    in_files(&more)
}

/// `--config FILE` or `--config=FILE`.
fn named(words: &[String]) -> Option<PathBuf> {
    let at = words.iter().position(|word| word == "--config" || word.starts_with("--config="))?;
    words[at].strip_prefix("--config=").or(words.get(at + 1).map(String::as_str)).map(PathBuf::from)
}

/// Of several files, the last one with a url counts.
fn in_files(files: &[PathBuf]) -> Vec<String> {
    let urls = |path: &PathBuf| -> Vec<String> {
        let value = |line: &str| {
            line.trim()
                .split_once([' ', '\t'])
                .filter(|pair| pair.0.eq_ignore_ascii_case("url"))
                .map(|pair| pair.1.trim().to_owned())
        };
        text(path).lines().filter_map(value).map(|url| url.trim_matches('"').to_owned()).collect()
    };
    files.iter().rev().map(urls).find(|urls| !urls.is_empty()).unwrap_or_default()
}

fn text(path: &Path) -> String {
    let mut text = String::new();
    // A fifo would block the start.
    if path.is_file()
        && let Ok(file) = File::open(path)
    {
        let _ = file.take(1 << 20).read_to_string(&mut text);
    }
    text
}

/// `https://host[:port]/path`, in pieces.
struct Url<'u> {
    host: &'u str,
    port: u16,
    path: &'u str,
}

impl<'u> Url<'u> {
    fn parse(text: &'u str) -> Option<Url<'u>> {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
        let Authority { host, port } = Authority::parse(authority).ok()?;
        let port = port.unwrap_or(default);
        let path = path.split('?').next().unwrap_or_default();
        Some(Url { host, port, path: if path.is_empty() { "/" } else { path } })
    }

    fn leads_to(&self, tree: &[Directive], section: Option<&Directive>) -> bool {
        let is_there = match section {
            Some(section) if section.is("<Location") => {
                below(section.words.iter().map(String::as_str), self.path.as_bytes()).is_some()
            }
            _ => true, // only a request tells which paths these are
        };
        is_there && (self.is_loopback() && listens(tree, self.port) || is_named(tree, self.host))
    }

    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Whether httpd listens at this port: `Listen [address:]port [protocol]`.
fn listens(tree: &[Directive], port: u16) -> bool {
    let is_it = |word: &String| word.rsplit(':').next().is_some_and(|digits| digits.parse() == Ok(port));
    let at = |directive: &Directive| directive.words.first().is_some_and(is_it);
    flat(tree).any(|directive| directive.is("Listen") && at(directive))
}

/// Whether the server, or one of its virtual hosts, has this name.
fn is_named(tree: &[Directive], host: &str) -> bool {
    let bare =
        |word: &String| word.rsplit("://").next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let names = |list: &[Directive]| {
        let named = |directive: &&Directive| directive.is("ServerName") || directive.is("ServerAlias");
        flat(list)
            .filter(named)
            .any(|directive| directive.words.iter().any(|word| bare(word).eq_ignore_ascii_case(host)))
    };
    names(tree) || flat(tree).any(|directive| directive.is("<VirtualHost") && names(&directive.children))
}

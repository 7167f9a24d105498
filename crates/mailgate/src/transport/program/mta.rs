//! A path -> the MTA that it belongs to.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use Mta::{Courier, Dma, Esmtp, Exim, Msmtp, Nullmailer, OpenSmtpd, Postfix, Sendmail, SendmailHttp, Ssmtp, Unknown};

/// A program that calls itself `sendmail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Mta {
    Courier,
    Dma,
    Esmtp,
    Exim,
    Msmtp,
    Nullmailer,
    OpenSmtpd,
    Postfix,
    Sendmail,
    SendmailHttp,
    Ssmtp,
    Unknown,
}

impl fmt::Display for Mta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OpenSmtpd => "OpenSMTPD",
            Dma => "dma",
            Esmtp => "esmtp",
            Msmtp => "msmtp",
            Nullmailer => "nullmailer",
            Ssmtp => "sSMTP",
            Unknown => "this program",
            Courier => "Courier",
            Exim => "Exim",
            Postfix => "Postfix",
            Sendmail => "Sendmail",
            SendmailHttp => "sendmail-http",
        })
    }
}

/// File names that a `sendmail` may be a link to (Debian, Fedora, Arch, FreeBSD).
const NAMES: &[(&str, Mta)] = &[
    ("dma", Dma),
    ("esmtp", Esmtp),
    ("exim", Exim),
    ("exim4", Exim),
    ("msmtp", Msmtp),
    ("sendmail-http", SendmailHttp),
    ("sendmail.dma", Dma),
    ("sendmail.esmtp", Esmtp),
    ("sendmail.exim", Exim),
    ("sendmail.msmtp", Msmtp),
    ("sendmail.opensmtpd", OpenSmtpd),
    ("sendmail.postfix", Postfix),
    ("sendmail.sendmail", Sendmail),
    ("sendmail.ssmtp", Ssmtp),
    ("smtpctl", OpenSmtpd),
    ("ssmtp", Ssmtp),
];

/// Files next to a `sendmail` that is a program itself.
const NEIGHBOURS: &[(&str, Mta)] = &[
    ("postdrop", Postfix),
    ("nullmailer-send", Nullmailer),
    ("courierfilter", Courier),
    ("../sbin/courierfilter", Courier),
    ("smrsh", Sendmail),
    ("praliases", Sendmail),
];

/// Which MTA the program at `path` belongs to, by the name that its links lead to, otherwise by the files next to it.
pub fn identify(path: &Path) -> Mta {
    let Ok(resolved) = path.canonicalize() else { return Unknown };
    let name = resolved.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if let Some((_, mta)) = NAMES.iter().find(|(known, _)| *known == name) {
        return *mta;
    }
    let Some(dir) = resolved.parent().filter(|_| name == "sendmail") else { return Unknown };
    if dir.ends_with("sm.bin") {
        return Sendmail;
    }
    NEIGHBOURS.iter().find(|(neighbour, _)| dir.join(neighbour).exists()).map_or(Unknown, |(_, mta)| *mta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn programs_are_known_by_name_and_by_neighbour() {
        let root = std::env::temp_dir().join(format!("mailgate-mta-{}", std::process::id()));
        let make = |path: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        for (target, neighbour, mta) in [
            ("exim/usr/sbin/exim4", None, Exim),
            ("msmtp/usr/bin/msmtp", None, Msmtp),
            ("dma/usr/sbin/dma", None, Dma),
            ("client/usr/bin/sendmail-http", None, SendmailHttp),
            ("smtpd/usr/sbin/smtpctl", None, OpenSmtpd),
            ("postfix/usr/sbin/sendmail", Some("postfix/usr/sbin/postdrop"), Postfix),
            ("fedora/usr/sbin/sendmail.postfix", None, Postfix),
            ("sendmail/usr/lib/sm.bin/sendmail", None, Sendmail),
            ("sendmail/usr/libexec/sendmail/sendmail", Some("sendmail/usr/libexec/sendmail/smrsh"), Sendmail),
            ("null/usr/sbin/sendmail", Some("null/usr/sbin/nullmailer-send"), Nullmailer),
            ("courier/usr/sbin/sendmail", Some("courier/usr/sbin/courierfilter"), Courier),
            ("own/usr/bin/sendmail", None, Unknown),
            ("own/usr/bin/my-script", Some("own/usr/bin/postdrop"), Unknown),
        ] {
            make(target);
            neighbour.into_iter().for_each(make);
            let link = root.join("link");
            let _ = std::fs::remove_file(&link);
            symlink(root.join(target), &link).unwrap();
            assert_eq!((identify(&root.join(target)), identify(&link)), (mta, mta), "{target}");
        }
        assert_eq!(identify(&root.join("missing")), Unknown);
        std::fs::remove_dir_all(&root).unwrap();
    }
}

//! Invalid mails: each row changes one good request, is refused with 400, and the answer names the field and the remedy.

use crate::support::{Httpd, Request, Sendmail};

/// Name and value of the fields, the body, parts of the answer.
type Row = (&'static [(&'static str, &'static [u8])], &'static [u8], &'static str);

const MIXED: (&str, &[u8]) = ("Content-Type", b"multipart/mixed; boundary=b");
const SIGNED: (&str, &[u8]) =
    ("Content-Type", b"multipart/signed; boundary=b; micalg=sha-256; protocol=\"application/pgp-signature\"");

const ROWS: &[Row] = &[
    (&[("Content-Disposition", b"attachment; filename=\"a.pdf")], b"x", "write it like attachment; filename="),
    (&[("Content-Disposition", b"attachment filename=a.pdf")], b"x", "write it like attachment; filename="),
    (&[("Content-Disposition", b"attachment; filename=a.pdf, inline")], b"x", "write it like attachment; filename="),
    (&[("Content-Disposition", b"attachment; filename*=utf-8''a%0D%0AX.pdf")], b"x", "control character"),
    (
        &[("Content-Disposition", b"attachment; filename*0*=utf-8''a%0D; filename*1*=%0AX.pdf")],
        b"x",
        "control character",
    ),
    (&[("Content-Disposition", b"attachment; filename*=cp500''%25")], b"x", "charset"),
    (&[("Content-Disposition", b"attachment; filename=\"=\\?utf-8?q?=0A?=\"")], b"x", "control character"),
    (&[("Content-Type", b"application/pdf; name*=utf-8''a%0D%0AX.pdf")], b"x", "control character"),
    (&[("Subject", b"=?cp500?Q?=C1=25=C2=83=83=7A?=")], b"x", "charset"),
    (&[("Subject", b"=?iso-2022-kr?Q?=1B$)C=0E0!=0ABcc:?=")], b"x", "control character"),
    (&[("Subject", b"=?iso-2022-kr?Q?=1B[2J?=")], b"x", "control character"),
    (&[("Date", b"tomorrow")], b"x", "write it like"),
    (&[("Date", b"Tue, 31 Feb 2003 10:52:37 GMT")], b"x", "write it like"),
    (&[("In-Reply-To", b"my letter")], b"x", "not a message id"),
    (&[("References", b"<a@b> and <c@d>")], b"x", "not a message id"),
    (&[("Content-ID", b"<a b@c>")], b"x", "not a message id"),
    (&[("Content-Language", b"de; en")], b"x", "languages"),
    (&[("Content-MD5", b"no digest")], b"x", "Content-MD5"),
    (&[("Auto-Submitted", b"auto generated")], b"x", "auto-generated"),
    (&[("Importance", b"high, low")], b"x", "one word"),
    (&[("MIME-Version", b"1.1")], b"x", "only 1.0"),
    (&[("List-ID", b"<a b>")], b"x", "List-ID"),
    (&[("List-Help", b"<https://a b>")], b"x", "List-Help"),
    (&[("To", b"Doe, Jane <jane@example.test>")], b"x", "quote the name"),
    (&[("Cc", b"M\xc3\xbcller, J\xc3\xbcrgen <j@example.test>")], b"x", "quote the name"),
    (&[SIGNED], &LONG_PART, "multipart/signed"),
    (&[MIXED, ("Content-Transfer-Encoding", b"base64")], b"LS1iCg==", "encode the parts"),
];

/// A part with a line of 5000 octets.
const LONG_PART: [u8; 5025] = {
    let mut part = [b'x'; 5025];
    let (start, end) = (b"--b\n\n", b"\n--b--\n");
    let mut at = 0;
    while at < start.len() {
        part[at] = start[at];
        at += 1;
    }
    let mut at = 0;
    while at < end.len() {
        part[part.len() - end.len() + at] = end[at];
        at += 1;
    }
    part
};

#[test]
fn what_is_no_mail_is_refused_by_its_name_and_nothing_is_sent() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "SendmailDomain example.test").start();
    httpd.allow_log("SM0101");
    httpd.allow_log("SM0105");
    httpd.allow_log("SM0106");
    let good = Request::mail("/mail");
    good.send(&httpd).expect_status(202);
    let mut faults = Vec::new();
    for (fields, body, words) in ROWS {
        let request =
            fields.iter().fold(good.clone(), |request, (name, value)| request.without(name).header(name, value));
        let answer = request.body(*body).send(&httpd);
        if answer.status != 400 || !answer.text().contains(words) {
            faults.push(format!("{:?}: {} {}", fields[0].1.escape_ascii().to_string(), answer.status, answer.text()));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), ROWS.len(), faults.join("\n"));
    assert_eq!(sendmail.commits(), 1, "the good one alone");
}

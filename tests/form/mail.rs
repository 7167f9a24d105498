//! The mail made from a form.

use super::{builder, curl, only, text, urlencoded};
use crate::support::Sendmail;
use crate::support::place::Place;

#[test]
fn a_form_becomes_a_text_that_lists_its_fields() {
    let sendmail = Sendmail::new();
    let httpd = builder(&sendmail, "").start();
    let (status, answer) = curl(
        &httpd,
        &[
            "--data-urlencode",
            "email=anna@bücher.example",
            "--data-urlencode",
            "name=Anna \"A\" Bär",
            "--data-urlencode",
            "subject=Grüße\r\nBcc: z@evil.test",
            "--data-urlencode",
            "message=One\n.\nFrom here\nTo: z@evil.test",
            "--data-urlencode",
            "colour=red",
            "--data-urlencode",
            "colour=blue",
            "--data-urlencode",
            "_secret=1",
        ],
    );
    assert_eq!(status, 202, "{answer}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["success"], &answer["ok"]), (&true.into(), &true.into()));
    let (message, mail) = only(&sendmail);
    assert_eq!(answer["id"].as_str().unwrap(), format!("<{}>", mail.message_id().unwrap()));
    let addresses = |field: &str| mail.mailboxes(field).into_iter().map(|mailbox| mailbox.address).collect::<Vec<_>>();
    assert_eq!(
        (addresses("To"), addresses("From")),
        (vec!["office@example.test".to_owned()], vec!["web@example.test".to_owned()])
    );
    let reply = &mail.mailboxes("Reply-To")[0];
    assert_eq!((reply.name.as_str(), reply.address.as_str()), ("Anna \"A\" Bär", "anna@xn--bcher-kva.example"));
    assert_eq!(mail.subject(), Some("Grüße Bcc: z@evil.test"));
    assert_eq!(mail.field("Auto-Submitted"), Some("auto-generated"));
    assert!(mail.field("Bcc").is_none() && mail.field("Cc").is_none(), "{}", message.text());
    let received = mail.field("Received").unwrap();
    assert!(received.contains("client") && !received.contains("127.0.0.1"), "{received}");
    let expected = "message:\n  One\n  .\n  From here\n  To: z@evil.test\n\ncolour:\n  red\n  blue";
    assert_eq!(text(&mail.parts()[0]), expected);
    assert_eq!(mail.content_type(), "text/plain");
}

#[test]
fn files_are_attached_octet_for_octet_under_names_that_are_no_paths() {
    let sendmail = Sendmail::new();
    let httpd = builder(&sendmail, "SendmailFormFiles image/* text/csv").start();
    let place = Place::new("files");
    let picture: Vec<u8> = (0..300_000_u32).flat_map(|n| (n * 7919).to_le_bytes()).chain(*b"\r\n--\r\n").collect();
    let table = b"a;b\r\nc\rd\n\xfc\n";
    let (picture_file, table_file) = (place.write("picture", &picture), place.write("table", table));
    let options = [
        "-F".to_owned(),
        "message=Hello".to_owned(),
        "-F".to_owned(),
        format!("photo=@{};type=image/png;filename=../../Bär \u{202e}gnp.exe", picture_file.display()),
        "-F".to_owned(),
        format!("list=@{};type=text/csv;filename=list.csv", table_file.display()),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let (status, answer) = curl(&httpd, &options);
    assert_eq!(status, 202, "{answer}");
    let (message, mail) = only(&sendmail);
    assert_eq!(mail.content_type(), "multipart/mixed");
    let parts = mail.parts();
    assert_eq!(parts.len(), 3);
    assert_eq!(
        text(&parts[0]),
        format!(
            "message: Hello\nphoto: Bär gnp.exe (attached, {} octets)\nlist: list.csv (attached, {} octets)",
            picture.len(),
            table.len()
        )
    );
    assert_eq!((parts[1].filename.as_deref(), parts[1].content_type.as_str()), (Some("Bär gnp.exe"), "image/png"));
    assert!(parts[1].body == picture, "the picture is another one");
    assert_eq!((parts[2].filename.as_deref(), parts[2].body.as_slice()), (Some("list.csv"), &table[..]));
    assert_eq!(message.text().matches("Content-Disposition: attachment;").count(), 2);

    httpd.expect_log("SM0103");
    let (status, answer) =
        curl(&httpd, &["-F", "a=1", "-F", &format!("x=@{};type=text/html;filename=evil.html", table_file.display())]);
    assert!(status == 415 && answer.contains("evil.html") && answer.contains("image/*"), "{status} {answer}");
    assert_eq!(sendmail.messages().len(), 0);
    assert_eq!(httpd.stray_files(), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn nothing_in_the_request_but_the_form_reaches_the_mail() {
    let sendmail = Sendmail::new();
    let httpd = builder(
        &sendmail,
        "SendmailFormSubject \"From %{HTTP_HOST}\"\nSendmailFormCc \"copy@example.test, two@example.test\"",
    )
    .start();
    let request =
        urlencoded("to=z@evil.test&subject=Mine&a=1").header("To", "z@evil.test").header("Bcc", "z@evil.test");
    let request = request.header("Subject", "evil").header("X-Evil", "1").header("Content-Disposition", "inline");
    request.send(&httpd).expect_status(202);
    let (message, mail) = only(&sendmail);
    assert_eq!(mail.mailboxes("Cc").len(), 2);
    assert_eq!(text(&mail.parts()[0]), "to: z@evil.test\nsubject: Mine\na: 1");
    assert!(mail.subject().unwrap().starts_with("From 127.0.0.1"), "{:?}", mail.subject());
    let names = mail.names();
    assert!(
        !names.iter().any(|name| ["bcc", "x-evil", "content-disposition"].contains(&name.to_lowercase().as_str())),
        "{}",
        message.text()
    );
}

//! The languages of the pages: those that every server has, and the files of a folder beside them.

use super::{BROWSER, builder, urlencoded};
use crate::support::place::Place;
use crate::support::{Httpd, Request, Response, Sendmail};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/languages");

fn in_language(body: &str, language: &str) -> Request {
    urlencoded(body).header("Accept-Language", language)
}

fn page(httpd: &Httpd, body: &str, language: &str) -> Response {
    in_language(body, language).header("Accept", BROWSER).send(httpd)
}

#[test]
fn a_visitor_reads_the_language_that_the_browser_asks_for() {
    let sendmail = Sendmail::new();
    let settings = format!("SendmailFormRequire email\nSendmailFormLanguages \"{SHIPPED}\"");
    let httpd = builder(&sendmail, &settings).start();
    for (language, tag, thanks, missing) in [
        ("fr-CA, fr;q=0.9, en;q=0.8", "fr", "Merci", "Veuillez remplir ce champ."),
        ("de, fr;q=0.9", "de", "Vielen Dank", "Bitte f\u{fc}llen Sie dieses Feld aus."),
        ("it, fr;q=0.2", "fr", "Merci", "Veuillez remplir ce champ."),
        ("it", "en", "Thank you", "Please fill this in."),
    ] {
        let sent = page(&httpd, "email=a@b.test&text=Hello", language).expect_status(202);
        let refused = page(&httpd, "text=Hello", language).expect_status(422);
        for (answer, words) in [(&sent, thanks), (&refused, missing)] {
            assert!(
                answer.text().contains(&format!("<html lang=\"{tag}\" dir=\"ltr\">")),
                "{language}: {}",
                answer.text()
            );
            assert!(answer.text().contains(words), "{language}: {}", answer.text());
            assert!(answer.all("Vary").any(|vary| vary.contains("Accept-Language")), "{answer:?}");
        }
        let script = in_language("text=Hello", language).send(&httpd).expect_status(422);
        let script: serde_json::Value = serde_json::from_slice(&script.body).unwrap();
        assert_eq!(script["errors"][0]["message"], missing, "{language}");
    }
    // What stands in a file is text.
    assert!(page(&httpd, "text=Hello", "fr").text().contains("signal\u{e9}"));
    assert_eq!(sendmail.take().len(), 4);
    httpd.expect_log("SM0114");
    let without = builder(&sendmail, "").start();
    assert!(page(&without, "text=Hello", "fr").expect_status(202).text().contains("Thank you"));
}

#[test]
fn a_language_of_an_own_file_is_text_in_its_direction() {
    let (sendmail, place) = (Sendmail::new(), Place::new("languages"));
    let english = std::fs::read_to_string(format!("{SHIPPED}/en.txt")).unwrap();
    let text = english.replace("sent = Your message was sent.", "sent = <b>1 & 2</b> \u{5e0}\u{5e9}\u{5dc}\u{5d7}");
    place.write("he.txt", text.as_bytes());
    place.write("he.txt~", b"what an editor leaves");
    let httpd = builder(&sendmail, &format!("SendmailFormLanguages \"{}\"", place.path().display())).start();
    let shown = page(&httpd, "text=Hello", "he-IL").expect_status(202).text();
    assert!(shown.contains("<html lang=\"he\" dir=\"rtl\">"), "{shown}");
    assert!(shown.contains("<p>&lt;b&gt;1 &amp; 2&lt;/b&gt; \u{5e0}\u{5e9}\u{5dc}\u{5d7}</p>"), "{shown}");
}

#[test]
fn a_file_that_says_too_little_or_too_much_ends_the_start_and_is_named() {
    let (sendmail, place) = (Sendmail::new(), Place::new("languages"));
    let french = std::fs::read_to_string(format!("{SHIPPED}/fr.txt")).unwrap();
    let test = |name: &str, text: &[u8]| {
        let file = place.write(name, text);
        let test = builder(&sendmail, &format!("SendmailFormLanguages \"{}\"", place.path().display())).config_test();
        std::fs::remove_file(file).unwrap();
        test
    };
    let good = test("fr.txt", french.as_bytes());
    assert!(good.passed, "{}", good.output);
    for (name, text, says) in [
        ("fr.txt", french.replace("thanks = Merci", ""), "fr.txt: thanks is missing"),
        ("fr.txt", french.replace("thanks = ", "merci = "), "fr.txt: line 3: no text is called 'merci'"),
        ("fr.txt", french.replace("thanks = Merci", "thanks Merci"), "fr.txt: line 3: is not written like"),
        ("fr.txt", french.replace("thanks = Merci", "sent = Merci"), "fr.txt: line 4: sent stands there twice"),
        ("french language.txt", french.clone(), "french language.txt: the name is no language"),
        ("README", french.clone(), "holds no file that is called like fr.txt"),
    ] {
        let bad = test(name, text.as_bytes());
        assert!(
            !bad.passed && bad.output.contains(says) && bad.output.contains("SendmailFormLanguages"),
            "{says}: {}",
            bad.output
        );
    }
    let bad = test("fr.txt", b"sent = \xe9\n");
    assert!(!bad.passed && bad.output.contains("fr.txt") && bad.output.contains("UTF-8"), "{}", bad.output);
}

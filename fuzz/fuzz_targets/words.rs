//! A word of SendmailArguments and the values of its expressions -> one argv element or none: nothing from a request becomes an option, a
//! second word or a second address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::address::Address;
use mailgate::policy::Recipients;
use mailgate::policy::arguments::{Addressing, Piece, join, pieces};
use mailgate::transport::program::arguments::{ProgramArguments, Word};
use mailgate::transport::program::mta::Mta;

// The word, then the values, NUL between them; the first octet says whether mail may go to the word.
fuzz_target!(|octets: &[u8]| {
    let [recipient, octets @ ..] = octets else { return };
    let mut parts = octets.split(|&byte| byte == 0);
    let Some(Ok(word)) = parts.next().map(std::str::from_utf8) else { return };
    let values: Vec<&[u8]> = parts.collect();
    let Ok(cut) = pieces(word, |expression| Ok(expression.to_owned())) else { return };
    let text: String = cut
        .iter()
        .map(|piece| match piece {
            Piece::Expression(text) | Piece::Literal(text) => text.as_str(),
        })
        .collect();
    assert_eq!(text, word, "the pieces are the word");
    let read = ProgramArguments::read(Mta::Unknown, [Word::of(word), Word::of("--")]);
    Addressing::of(&read);
    assert_eq!(read.roles().len(), 2);

    let mut given = values.iter().copied().cycle();
    let filled: Vec<Piece<&[u8]>> = cut
        .iter()
        .map(|piece| match piece {
            Piece::Literal(literal) => Piece::Literal(literal.clone()),
            Piece::Expression(_) => Piece::Expression(given.next().unwrap_or_default()),
        })
        .collect();
    let allowed = Recipients::parse(&["example.test", "boss@example.org"]).unwrap();
    let recipient = (recipient % 2 == 1).then_some(&allowed);
    let Ok(joined) = join(1, &filled, recipient) else { return };
    check(&filled, recipient, &joined);
});

fn check(pieces: &[Piece<&[u8]>], recipient: Option<&Recipients>, joined: &[u8]) {
    let whole: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| match piece {
            Piece::Literal(literal) => literal.as_bytes(),
            Piece::Expression(value) => value,
        })
        .copied()
        .collect();
    assert_eq!(joined, whole, "nothing is added and nothing lost");
    let values =
        || pieces.iter().filter_map(|piece| if let Piece::Expression(value) = piece { Some(*value) } else { None });
    if values().next().is_none() {
        return;
    }
    assert!(joined.len() <= 320 && values().all(|value| !value.is_empty()));
    assert!(values().all(|value| !value.iter().any(u8::is_ascii_control)));
    let prefix = match pieces.first() {
        Some(Piece::Literal(literal)) => literal.as_str(),
        _ => "",
    };
    assert!(!joined.starts_with(b"-") || prefix.starts_with('-'), "an option made of a value");
    assert!(!joined[prefix.len()..].starts_with(b"-"), "an option's value that is an option");
    let value = std::str::from_utf8(&joined[prefix.len()..]);
    match recipient {
        Some(allowed) => {
            let address = Address::parse(std::str::from_utf8(joined).expect("ASCII")).expect("one address");
            assert!(allowed.allow(&address));
        }
        None => assert!(!joined[prefix.len()..].contains(&b'@') || Address::parse(value.expect("ASCII")).is_ok()),
    }
}

//! The client's side of a session, in pieces of any size -> questions and replies: the same for each size, in the order that the host is
//! promised, each reply in its form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp::{
    Auth, Cause, Credentials, Decision, Envelope, Host, LineEnds, Mail, Phase, Receipt, Recipient, Refusal, Reply,
    Session, Settings,
};

fuzz_target!(|octets: &[u8]| {
    let [choice, piece, input @ ..] = octets else { return };
    let whole = run(*choice, input, input.len().max(1));
    assert_eq!(whole, run(*choice, input, usize::from(*piece) + 1), "the size of the pieces does not matter");
});

fn run(choice: u8, input: &[u8], piece: usize) -> (Vec<String>, Phase) {
    let bit = |n: u8| choice & (1 << n) != 0;
    let settings = Settings {
        auth: [Auth::Off, Auth::Offered, Auth::NeedsTls, Auth::Offered][usize::from(choice & 3)],
        auth_required: bit(2),
        starttls: bit(3),
        dsn: bit(4),
        chunking: bit(5),
        max_size: bit(6).then_some(100),
        max_recipients: 2,
        ..Settings::new("mx.test", if bit(7) { LineEnds::Any } else { LineEnds::Crlf })
    };
    let (mut host, mut session) = (Watcher::default(), Session::new(settings));
    session.greet(&mut host);
    for piece in input.chunks(piece) {
        session.feed(piece, &mut host);
    }
    let phase = session.phase();
    assert_eq!(session.is_in_transaction(), host.at != At::Nothing, "{phase:?}");
    session.hang_up(&mut host);
    assert_eq!(host.at, At::Nothing);
    (host.words, phase)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Nothing,
    Envelope,
    Message,
}

/// Checks the order of the questions, and writes them down.
#[derive(Default)]
struct Watcher {
    at: At,
    message: Vec<u8>,
    words: Vec<String>,
}

impl Watcher {
    fn decide(&mut self, words: String) -> Decision {
        // As good a coin as any, the same for each size of the pieces.
        let heads = self.words.len() % 5 != 4;
        self.words.push(words);
        if heads { Ok(()) } else { Err(Cause::AccessDenied.into()) }
    }
}

impl Host for Watcher {
    fn reply(&mut self, reply: &Reply) {
        let text = reply.to_string();
        let lines: Vec<&str> = text.strip_suffix("\r\n").expect("a line end").split("\r\n").collect();
        for (i, line) in lines.iter().enumerate() {
            assert!(line.len() <= 510 && line.bytes().all(|octet| matches!(octet, b' '..=b'~')), "{line:?}");
            let separator = if i + 1 == lines.len() { b' ' } else { b'-' };
            assert_eq!((line[..3].parse(), line.as_bytes()[3]), (Ok(reply.code()), separator), "{line:?}");
        }
        self.words.push(text);
    }

    fn authenticate(&mut self, credentials: &Credentials) -> Decision {
        assert!(self.at == At::Nothing && !credentials.user.is_empty() && !credentials.user.contains(&0));
        self.decide(format!("{credentials:?}"))
    }

    fn mail(&mut self, mail: &Mail) -> Decision {
        assert_eq!(self.at, At::Nothing);
        let decision = self.decide(format!("{mail:?}"));
        self.at = if decision.is_ok() { At::Envelope } else { At::Nothing };
        decision
    }

    fn recipient(&mut self, recipient: &Recipient, before: &Envelope) -> Decision {
        assert!(self.at == At::Envelope && before.recipients.len() < 2);
        self.decide(format!("{recipient:?}"))
    }

    fn begin(&mut self, envelope: &Envelope) -> Decision {
        assert!(self.at == At::Envelope && !envelope.recipients.is_empty());
        self.message.clear();
        let decision = self.decide("begin".to_owned());
        if decision.is_ok() {
            self.at = At::Message;
        }
        decision
    }

    fn octets(&mut self, octets: &[u8]) -> Decision {
        assert!(self.at == At::Message && !octets.is_empty());
        self.message.extend_from_slice(octets);
        Ok(())
    }

    fn end(&mut self, envelope: &Envelope) -> Result<Receipt, Refusal> {
        assert_eq!(self.at, At::Message);
        self.at = At::Nothing;
        let message = self.message.escape_ascii().to_string();
        self.decide(format!("{envelope:?} {message}"))?;
        Ok(Receipt { id: message })
    }

    fn reset(&mut self) {
        assert_ne!(self.at, At::Nothing);
        self.at = At::Nothing;
        self.words.push("reset".to_owned());
    }
}

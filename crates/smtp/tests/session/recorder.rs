//! A host that records its questions and replies as one line of words.

use smtp::{
    Auth, Cause, Credentials, Decision, Envelope, Host, LineEnds, Mail, Phase, Receipt, Recipient, Refusal, Reply,
    Session, Settings,
};

/// Knows `user` with `secret`; refuses the sender `evil`, the recipients `nobody` (permanently) and `later` (temporarily), a message that
/// contains `VIRUS`, and more than 4 MiB.
#[derive(Default)]
pub struct Recorder {
    /// Questions and replies, in order.
    pub words: Vec<String>,
    /// The whole replies.
    pub replies: String,
    message: Vec<u8>,
    taken: usize,
}

impl Host for Recorder {
    fn reply(&mut self, reply: &Reply) {
        self.words.push(reply.code().to_string());
        self.replies += &reply.to_string();
    }

    fn authenticate(&mut self, credentials: &Credentials) -> Decision {
        let good = credentials.user == b"user" && credentials.password == b"secret";
        if good { Ok(()) } else { Err(Cause::AuthenticationFailed.into()) }
    }

    fn mail(&mut self, mail: &Mail) -> Decision {
        match &mail.sender {
            Some(sender) if sender.local() == "evil" => Err(Cause::BadSender.into()),
            _ => Ok(()),
        }
    }

    fn recipient(&mut self, recipient: &Recipient, _: &Envelope) -> Decision {
        match recipient.address.local() {
            "nobody" => Err(Cause::BadRecipient.into()),
            "later" => Err(Cause::RateLimited.into()),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, envelope: &Envelope) -> Decision {
        assert!(!envelope.recipients.is_empty());
        self.message.clear();
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> Decision {
        assert!(!octets.is_empty());
        self.message.extend(octets);
        if self.message.len() > 4 << 20 { Err(Cause::NoRoom.into()) } else { Ok(()) }
    }

    fn end(&mut self, envelope: &Envelope) -> Result<Receipt, Refusal> {
        let to: Vec<_> = envelope.recipients.iter().map(|one| one.address.local()).collect();
        self.words.push(format!("{}:{}", to.join(","), self.message.escape_ascii()));
        if self.message.windows(5).any(|five| five == b"VIRUS") {
            return Err(Cause::BadContent.into());
        }
        self.taken += 1;
        Ok(Receipt { id: self.taken.to_string() })
    }

    fn reset(&mut self) {
        self.words.push("reset".to_owned());
        self.message.clear();
    }
}

/// A network server that requires AUTH of nobody.
pub fn network() -> Settings {
    Settings {
        auth: Auth::Offered,
        max_size: Some(1 << 20),
        max_recipients: 3,
        ..Settings::new("mx.test", LineEnds::Crlf)
    }
}

/// One that requires AUTH of everybody.
pub fn users() -> Settings {
    Settings { auth_required: true, ..network() }
}

/// One with STARTTLS that accepts passwords only after it.
pub fn starttls() -> Settings {
    Settings { starttls: true, auth: Auth::NeedsTls, ..network() }
}

/// A program on the same machine.
pub fn local() -> Settings {
    Settings { auth: Auth::Off, ..Settings::new("localhost", LineEnds::Any) }
}

/// A whole session, fed in the pieces that `cut` makes; its last word says what it waits for.
pub fn run(settings: Settings, input: &[u8], cut: impl FnMut(&[u8]) -> usize) -> Recorder {
    let (mut host, mut session) = (Recorder::default(), Session::new(settings));
    session.greet(&mut host);
    feed(&mut session, &mut host, input, cut);
    let phase = session.phase();
    host.words.push(if phase == Phase::Ended { "end".to_owned() } else { format!("{phase:?}").to_lowercase() });
    session.hang_up(&mut host);
    host
}

/// Feeds all of `input`.
pub fn feed(session: &mut Session, host: &mut Recorder, input: &[u8], mut cut: impl FnMut(&[u8]) -> usize) {
    let mut rest = input;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cut(rest));
        session.feed(piece, host);
        rest = after;
    }
}

/// Expands the shorthands of the tables: `{H}` says EHLO, `{E}` gives an envelope too, `{D}` starts DATA.
pub fn expand(input: &[u8]) -> Vec<u8> {
    const HELLO: &str = "EHLO me\r\n";
    const ENVELOPE: &str = "MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\n";
    let texts = [
        ("{H}", HELLO.to_owned()),
        ("{E}", format!("{HELLO}{ENVELOPE}")),
        ("{D}", format!("{HELLO}{ENVELOPE}DATA\r\n")),
    ];
    let mut expanded = Vec::new();
    let mut rest = input;
    'next: while let [octet, after @ ..] = rest {
        for (short, long) in &texts {
            if let Some(after) = rest.strip_prefix(short.as_bytes()) {
                expanded.extend_from_slice(long.as_bytes());
                rest = after;
                continue 'next;
            }
        }
        expanded.push(*octet);
        rest = after;
    }
    expanded
}

//! The arguments for a sendmail program -> the role of each: an option, an option's value, a recipient. Policy, the redirection, the
//! warnings at the start and the quirks of single programs all use this, so that a command line is never read in two ways.
//!
//! The programs read their words by getopt(3): letters may be combined (`-tiv`), a value is glued to its letter or is the next word, and
//! after `--` all words are recipients.
#![forbid(unsafe_code)]

use super::mta::Mta;

/// A word as far as it is known before a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'w> {
    /// Its literal start.
    pub literal: &'w str,
    /// Whether a value of the request follows that.
    pub is_open: bool,
}

impl<'w> Word<'w> {
    /// A word as configured.
    pub fn of(text: &'w str) -> Self {
        match text.find("%{") {
            Some(at) => Word { literal: &text[..at], is_open: true },
            None => Word { literal: text, is_open: false },
        }
    }

    fn is_option(self) -> bool {
        self.literal.starts_with('-') && (self.literal.len() > 1 || self.is_open)
    }
}

/// The role of a word for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `--`.
    EndOfOptions,
    /// One or several options, the last one perhaps with its value.
    Option,
    /// A recipient, at least for some programs.
    Recipient,
    /// The value of the preceding option.
    Value,
}

/// An option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opt<'w> {
    letter: char,
    value: Option<&'w str>,
}

/// The parsed words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramArguments<'w> {
    options: Vec<Opt<'w>>,
    roles: Vec<Role>,
    option_behind_recipient: bool,
    option_of_request: Option<usize>,
    together: Vec<&'w str>,
}

impl<'w> ProgramArguments<'w> {
    /// Reads the words as `mta` does. With [`Mta::Unknown`] a word is a recipient if any program takes it for one.
    pub fn read(mta: Mta, words: impl IntoIterator<Item = Word<'w>>) -> Self {
        let (grammar, mut read) = (grammar(mta), ProgramArguments::default());
        let (mut words, mut has_recipient) = (words.into_iter(), false);
        while let Some(word) = words.next() {
            if word.literal == "--" && !word.is_open {
                read.roles.push(Role::EndOfOptions);
                for behind in words {
                    read.option_behind_recipient |= behind.is_option();
                    read.roles.push(Role::Recipient);
                }
                break;
            }
            // Without GNU's reordering of words (Postfix, Exim, Sendmail), everything after the first recipient is a recipient, even `-f`
            // and its value. Literal words are read as options nevertheless: they harm only the administrator, who is warned.
            read.option_behind_recipient |= has_recipient && word.is_option();
            if !word.is_option() || word.is_open && has_recipient {
                has_recipient = true;
                read.roles.push(Role::Recipient);
                continue;
            }
            read.roles.push(Role::Option);
            if read.option(grammar, word)
                && let Some(value) = words.next()
            {
                read.roles.push(if has_recipient { Role::Recipient } else { Role::Value });
                read.options.last_mut().expect("its option was pushed").value = Some(value.literal);
            }
        }
        read
    }

    /// Reads the letters of one word; returns whether the last one takes the next word as its value.
    fn option(&mut self, grammar: &str, word: Word<'w>) -> bool {
        let letters = &word.literal[1..];
        if let Some(name) = letters.strip_prefix('-') {
            self.long_option(name, word.is_open);
            return false;
        }
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            let glued = Some(rest).filter(|rest| !rest.is_empty() || word.is_open);
            let takes = takes(grammar, letter);
            self.options.push(Opt { letter, value: glued.filter(|_| takes != Takes::Nothing) });
            match takes {
                Takes::Nothing => {}
                Takes::Value => return glued.is_none(),
                Takes::GluedValue => return false,
            }
        }
        // All letters were flags: the request's value would be further options.
        if word.is_open {
            self.option_of_request.get_or_insert(self.roles.len() - 1);
        }
        if letters.chars().count() > 1 {
            self.together.push(word.literal);
        }
        false
    }

    /// msmtp has long options, which may be abbreviated (getopt_long(3)). One with its value in the next word cannot be told from a flag
    /// followed by a recipient.
    fn long_option(&mut self, name: &str, is_open: bool) {
        if "read-recipients".starts_with(name) && name.starts_with("read-r") {
            self.options.push(Opt { letter: 't', value: None });
        }
        if name == "from"
            || name.starts_with("from=")
            || "read-envelope-from".starts_with(name) && name.starts_with("read-e")
        {
            self.options.push(Opt { letter: 'f', value: None });
        }
        if is_open && !name.contains('=') {
            self.option_of_request.get_or_insert(self.roles.len() - 1);
        }
    }

    /// Whether this option is among the words.
    pub fn has(&self, letter: char) -> bool {
        self.options.iter().any(|option| option.letter == letter)
    }

    /// Whether a single dot is an ordinary line: `-i`, `-oi`.
    pub fn ignores_dots(&self) -> bool {
        let long = |option: &Opt<'_>| option.letter == 'o' && option.value.is_some_and(|value| value.starts_with('i'));
        self.has('i') || self.options.iter().any(long)
    }

    /// Whether the recipients are read from the header: `-t`.
    pub fn reads_recipients(&self) -> bool {
        self.has('t')
    }

    /// The program's mode if it is not to send the message on its stdin: the letter after `-b`.
    pub fn mode(&self) -> Option<char> {
        let modes = self.options.iter().filter(|option| option.letter == 'b').filter_map(|option| option.value);
        modes.filter_map(|mode| mode.chars().next()).find(|mode| !matches!(mode, 'm' | 'q'))
    }

    /// Whether the message is read as SMTP commands, which name the recipients: `-bs`, `-bS`.
    pub fn reads_smtp(&self) -> bool {
        let smtp = |value: &str| value.starts_with(['s', 'S']);
        self.options.iter().any(|option| option.letter == 'b' && option.value.is_some_and(smtp))
    }

    /// The role of each word.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The index of the first word in which the request would choose an option.
    pub fn option_of_request(&self) -> Option<usize> {
        self.option_of_request
    }

    /// Whether something like an option follows a recipient.
    pub fn has_option_behind_recipient(&self) -> bool {
        self.option_behind_recipient
    }

    /// The words that combine several flags.
    pub fn flags_together(&self) -> &[&'w str] {
        &self.together
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// A value only if it is glued to the letter. Also used for unknown letters: the rest of the word is the value, the next word is not.
    GluedValue,
    Nothing,
    /// What is glued to the letter, otherwise the next word.
    Value,
}

fn takes(grammar: &str, letter: char) -> Takes {
    match grammar.split_once(letter).map(|(_, after)| after) {
        Some(after) if letter != ':' && after.starts_with("::") => Takes::GluedValue,
        Some(after) if letter != ':' && after.starts_with(':') => Takes::Value,
        Some(_) if letter != ':' => Takes::Nothing,
        _ => Takes::GluedValue,
    }
}

fn grammar(mta: Mta) -> &'static str {
    GRAMMARS.iter().find(|(known, _)| *known == mta).map_or(UNKNOWN, |(_, grammar)| grammar)
}

/// The options of each program as getopt(3) writes them: a letter, `:` for a value, `::` for a value that must be glued. From their sources
/// (sendmail.c of Postfix, main.c of Sendmail and esmtp, msmtp.c, dma.c, sendmail.cc of nullmailer, enqueue.c of OpenSMTPD); exim.c and
/// ssmtp.c have loops of their own, translated to the same notation. Courier is read like an unknown program.
const GRAMMARS: &[(Mta, &str)] = &[
    (Mta::Dma, "A:b:B:C:d:Df:F:h:iL:N:no:O:q:r:R:tUV:vX:"),
    (Mta::Esmtp, "A:B:b:C:cd:e:F:f:Gh:IiL:M:mN:nO:o:p:q:R:r:sTtV:vX:"),
    (Mta::Exim, "A::B:b::C:D::d::E::e::F:f:Gh:iL:M::mNnO:o::p:q::R:r:S:tUvX:xz:"),
    (Mta::Msmtp, "Pd::SC:a:f:N:R:X:tA:B:b:F:Gh:iL:mnO:o:v"),
    (Mta::Nullmailer, "B:b:C:d:F:f:h:iL:mN:nO:o:p:q:R:r:tUV:vX:"),
    (Mta::OpenSmtpd, "A:B:b:E::e:F:f:iJ::L:mN:o:p:qr:R:StvV:x"),
    (Mta::Postfix, "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q::tvx"),
    (Mta::Sendmail, "A:B:b:C:cD:d:e:F:f:Gh:IiL:M:mN:nO:o:p:Q:q:R:r:sTtV:vX:"),
    (Mta::SendmailHttp, "A:a:B:b:C:cD::d::E::e:F:f:Gh:IiL:M::mN:nO:o:p:q::R:r:tUV:vX:x"),
    (Mta::Ssmtp, "a::b::C:dEF:f:himM::N:no::R:r:tv"),
];

/// A value is the next word only if every program that knows the option takes it so, or sends nothing.
const UNKNOWN: &str = "A:B:C:F:GIL:N:O:R:TUV:X:a:b:cd::e:f:h:imno:p:q::r:stvx";

#[cfg(test)]
mod tests {
    use super::Role::{EndOfOptions, Option, Recipient, Value};
    use super::*;

    fn read(mta: Mta, words: &str) -> ProgramArguments<'_> {
        ProgramArguments::read(mta, words.split(' ').map(Word::of))
    }

    #[test]
    fn every_word_is_an_option_a_value_or_a_recipient() {
        for (words, roles) in [
            ("-t -i", &[Option, Option][..]),
            ("-tiv", &[Option]),
            ("-itf x@example.org boss", &[Option, Value, Recipient]),
            ("-tifx@example.org boss", &[Option, Recipient]),
            ("-f -t boss", &[Option, Value, Recipient]),
            ("-f -- boss", &[Option, Value, Recipient]),
            ("-a work -p smtp:host -h 5 -t", &[Option, Value, Option, Value, Option, Value, Option]),
            ("-i -- -t -f", &[Option, EndOfOptions, Recipient, Recipient]),
            ("-oi -odq -q5m boss", &[Option, Option, Option, Recipient]),
            ("-q boss", &[Option, Recipient]),
            ("-Z boss", &[Option, Recipient]),
            ("--account work --port=25 -", &[Option, Recipient, Option, Recipient]),
            ("-f %{X} -F%{X} %{X}", &[Option, Value, Option, Recipient]),
            ("boss -f x@example.org -f%{X}", &[Recipient, Option, Recipient, Recipient]),
            ("-V", &[Option]),
        ] {
            assert_eq!(read(Mta::Unknown, words).roles(), roles, "{words}");
        }
    }

    #[test]
    fn the_option_that_reads_the_header_is_found_wherever_it_stands() {
        for (words, reads) in [
            ("-t", true),
            ("-it", true),
            ("-tiv", true),
            ("-vt", true),
            ("-itf x@example.org", true),
            ("--read-recipients", true),
            ("--read-r", true),
            ("-i boss -t", true),
            ("-t%{X}", true),
            ("-f -t", false),
            ("-ft", false),
            ("-i -- -t", false),
            ("--read-envelope-from", false),
            ("--read", false),
            ("-oit", false),
            ("t", false),
        ] {
            assert_eq!(read(Mta::Unknown, words).reads_recipients(), reads, "{words}");
        }
    }

    #[test]
    fn a_request_chooses_values_and_no_options() {
        for (words, chosen) in [
            ("-t -f%{X}", None),
            ("-t -itf%{X}", None),
            ("-K%{X}", None),
            ("--number=%{X}", None),
            ("-f -%{X}", None),
            ("-- -%{X}", None),
            ("%{X}", None),
            ("-%{X}", Some(0)),
            ("-t -i%{X}", Some(1)),
            ("--%{X}", Some(0)),
            ("--num%{X}", Some(0)),
        ] {
            assert_eq!(read(Mta::Unknown, words).option_of_request(), chosen, "{words}");
        }
    }

    #[test]
    fn values_and_modes_are_read() {
        for (words, sender) in
            [("-tf x", true), ("--from=x", true), ("--read-envelope-from", true), ("--file=x", false)]
        {
            assert_eq!(read(Mta::Unknown, words).has('f'), sender, "{words}");
        }
        for (words, dots, mode) in [
            ("-ti", true, None),
            ("-o i", true, None),
            ("-oitrue -bm", true, None),
            ("-odq -bs", false, Some('s')),
            ("-tvbp -f i", false, Some('p')),
            ("-b s -bm", false, Some('s')),
        ] {
            let read = read(Mta::Unknown, words);
            assert_eq!((read.ignores_dots(), read.mode()), (dots, mode), "{words}");
            assert_eq!(read.reads_smtp(), mode == Some('s'), "{words}");
        }
    }

    /// What Unknown takes for a value is not a recipient to any program that delivers.
    #[test]
    fn no_program_sends_to_what_is_taken_for_a_value() {
        let refused = |mta, letter| match (mta, letter) {
            (Mta::Exim, 'N') => true,                    // delivers nothing
            (Mta::Exim, 'A' | 'b' | 'e' | 'o') => true,  // not alone: exit 1
            (Mta::Ssmtp, 'a' | 'b' | 'h' | 'o') => true, // beside -t it sends nothing; without, only the administrator's own word
            _ => false,
        };
        let mut compared = 0;
        for letter in ('a'..='z').chain('A'..='Z').filter(|&letter| takes(UNKNOWN, letter) == Takes::Value) {
            for (mta, grammar) in GRAMMARS.iter().filter(|(_, grammar)| grammar.contains(letter)) {
                compared += 1;
                assert!(takes(grammar, letter) == Takes::Value || refused(*mta, letter), "{mta}: -{letter}");
            }
        }
        assert!(compared > 100, "{compared}");
    }

    #[test]
    fn each_program_reads_in_its_own_way() {
        for (mta, words, roles) in [
            (Mta::Exim, "-N never -t", &[Option, Recipient, Option][..]),
            (Mta::Postfix, "-N never -t", &[Option, Value, Option]),
            (Mta::Msmtp, "-d 5", &[Option, Recipient]),
            (Mta::Dma, "-d 5", &[Option, Value]),
            (Mta::Ssmtp, "-X log", &[Option, Recipient]),
            (Mta::Courier, "-X log", &[Option, Value]),
        ] {
            assert_eq!(read(mta, words).roles(), roles, "{mta}: {words}");
        }
    }
}

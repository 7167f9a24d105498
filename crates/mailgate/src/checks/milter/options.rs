//! What a milter and we agree on before the first message (SMFIC_OPTNEG): the version, what it may change, which events it wants, and which
//! macros.
#![forbid(unsafe_code)]

use super::packet::{Nonsense, Stage, u32_of};

/// What a milter may ask for (SMFIF_*).
pub mod action {
    pub const ADD_FIELDS: u32 = 0x01;
    pub const CHANGE_BODY: u32 = 0x02;
    pub const ADD_RECIPIENTS: u32 = 0x04;
    pub const DELETE_RECIPIENTS: u32 = 0x08;
    pub const CHANGE_FIELDS: u32 = 0x10;
    pub const QUARANTINE: u32 = 0x20;
    pub const CHANGE_SENDER: u32 = 0x40;
    pub const SET_MACROS: u32 = 0x100;
}

/// Names of all there are, as libmilter has them, with their bits.
const ACTIONS: &[(u32, &str)] = &[
    (action::ADD_FIELDS, "SMFIF_ADDHDRS"),
    (action::CHANGE_BODY, "SMFIF_CHGBODY"),
    (action::ADD_RECIPIENTS, "SMFIF_ADDRCPT"),
    (action::DELETE_RECIPIENTS, "SMFIF_DELRCPT"),
    (action::CHANGE_FIELDS, "SMFIF_CHGHDRS"),
    (action::QUARANTINE, "SMFIF_QUARANTINE"),
    (action::CHANGE_SENDER, "SMFIF_CHGFROM"),
    (0x80, "SMFIF_ADDRCPT_PAR"),
    (action::SET_MACROS, "SMFIF_SETSYMLIST"),
];

/// All but SMFIF_ADDRCPT_PAR: a recipient with parameters has no place in an envelope of ours.
const OFFERED_ACTIONS: u32 = 0x17f;

/// The newest version of the protocol, and the oldest that is spoken.
const NEWEST: u32 = 6;
const OLDEST: u32 = 2;

/// Macros by name are sent before events; SKIP leaves the rest of a body out; the blank behind the colon is part of a value.
const SKIP: u32 = 1 << 10;
const LEADING_SPACE: u32 = 1 << 20;

/// All of version 6 (SMFIP_*) but SMFIP_RCPT_REJ: no recipient was refused before.
const OFFERED_EVENTS: u32 = 0x1f_f7ff;

/// What was agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    version: u32,
    actions: u32,
    events: u32,
    /// Which macros it wants at a stage, where it says so.
    macros: Vec<(Stage, Vec<String>)>,
}

/// Why there is no agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// It needs what is not offered; the names.
    Needs(String),
    /// Its answer has no meaning.
    Nonsense(Nonsense),
}

/// The data of our offer.
pub fn offer() -> Vec<u8> {
    [NEWEST, OFFERED_ACTIONS, OFFERED_EVENTS].map(u32::to_be_bytes).concat()
}

impl Options {
    /// Reads the data of its answer.
    pub fn parse(data: &[u8]) -> Result<Options, Disagreement> {
        let nonsense = |why: String| Disagreement::Nonsense(Nonsense(why));
        let mut rest = data;
        let mut number = || u32_of(&mut rest).ok_or_else(|| nonsense("a negotiation of less than 12 octets".into()));
        let (version, actions, events) = (number()?, number()?, number()?);
        if !(OLDEST..=NEWEST).contains(&version) {
            return Err(nonsense(format!("version {version} of the protocol; {OLDEST} to {NEWEST} are spoken here")));
        }
        if actions & !OFFERED_ACTIONS != 0 {
            let names = ACTIONS.iter().filter(|(bit, _)| actions & !OFFERED_ACTIONS & bit != 0).map(|(_, name)| *name);
            let known = ACTIONS.iter().fold(0, |all, (bit, _)| all | bit);
            let other = (actions & !known != 0).then(|| format!("actions 0x{:x}", actions & !known));
            let names: Vec<String> = names.map(str::to_owned).chain(other).collect();
            return Err(Disagreement::Needs(names.join(" ")));
        }
        let mut macros = Vec::new();
        while !rest.is_empty() {
            let stage = u32_of(&mut rest).ok_or_else(|| nonsense("a list of macros without a stage".into()))?;
            let end = rest.iter().position(|byte| *byte == 0);
            let end = end.ok_or_else(|| nonsense("a list of macros without an end".into()))?;
            let names = String::from_utf8_lossy(&rest[..end]).split([' ', ',']).map(str::to_owned).collect::<Vec<_>>();
            rest = &rest[end + 1..];
            if let Some(stage) = Stage::of_macros(stage) {
                macros.push((stage, names.into_iter().filter(|name| !name.is_empty()).collect()));
            }
        }
        Ok(Options { version, actions, events: events & OFFERED_EVENTS, macros })
    }

    /// Whether it may ask for that.
    pub fn may(&self, action: u32) -> bool {
        self.actions & action != 0
    }

    /// Whether it wants to hear of this stage.
    pub fn wants(&self, stage: Stage) -> bool {
        self.events & stage.left_out() == 0 && (stage != Stage::Data || self.version >= 4)
    }

    /// Whether it answers at this stage.
    pub fn answers(&self, stage: Stage) -> bool {
        self.events & stage.without_answer() == 0
    }

    /// Whether it may leave out the rest of a row of events.
    pub fn may_skip(&self) -> bool {
        self.events & SKIP != 0
    }

    /// What stands between the colon and a value as it sees and gives them.
    pub fn space(&self) -> &'static str {
        if self.events & LEADING_SPACE != 0 { "" } else { " " }
    }

    /// The names of the macros it wants at a stage, where it says so.
    pub fn macros(&self, stage: Stage) -> Option<&[String]> {
        self.macros.iter().rev().find(|(at, _)| *at == stage).map(|(_, names)| names.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(numbers: [u32; 3], rest: &[u8]) -> Result<Options, Disagreement> {
        Options::parse(&[numbers.map(u32::to_be_bytes).concat(), rest.to_vec()].concat())
    }

    #[test]
    fn a_milter_leaves_out_what_it_does_not_want() {
        let all = answer([6, 0x1ff & !0x80, 0], b"").unwrap();
        for stage in Stage::ALL {
            assert!(all.wants(stage) && all.answers(stage), "{stage:?}");
        }
        assert!(all.may(action::QUARANTINE) && !all.may_skip());
        assert_eq!((all.space(), all.macros(Stage::Mail)), (" ", None));
        let nothing = answer([6, 0, 0x1f_ffff], b"").unwrap();
        for stage in Stage::ALL {
            assert_eq!(nothing.wants(stage), stage == Stage::EndOfBody, "{stage:?}");
            assert_eq!(nothing.answers(stage), stage == Stage::EndOfBody, "{stage:?}");
        }
        assert!(nothing.may_skip() && nothing.space().is_empty() && !nothing.may(action::ADD_FIELDS));
        assert!(!answer([2, 0, 0], b"").unwrap().wants(Stage::Data), "version 2 does not know DATA");
    }

    #[test]
    fn macros_are_asked_for_by_stage() {
        let lists = b"\0\0\0\x02i, {auth_type}\0\0\0\0\x09x\0\0\0\0\x05\0";
        let options = answer([6, action::SET_MACROS, 0], lists).unwrap();
        assert_eq!(options.macros(Stage::Mail), Some(&["i".to_owned(), "{auth_type}".to_owned()][..]));
        assert_eq!((options.macros(Stage::EndOfBody), options.macros(Stage::Connect)), (Some(&[][..]), None));
    }

    #[test]
    fn what_is_not_offered_is_named_and_what_is_no_answer_refused() {
        assert_eq!(answer([6, 0x280, 0], b""), Err(Disagreement::Needs("SMFIF_ADDRCPT_PAR actions 0x200".into())));
        for (numbers, rest) in
            [([1, 0, 0], &b""[..]), ([7, 0, 0], b""), ([6, 0, 0], b"\0"), ([6, 0, 0], b"\0\0\0\x01i")]
        {
            assert!(matches!(answer(numbers, rest), Err(Disagreement::Nonsense(_))), "{numbers:?} {rest:?}");
        }
        assert!(matches!(Options::parse(&[0; 11]), Err(Disagreement::Nonsense(_))));
    }
}

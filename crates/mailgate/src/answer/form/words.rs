//! What the pages say, in the languages that there are: a file of texts for each, `name = text`, a line each. English and German are built
//! in, from conf/languages; SendmailFormLanguages names a folder with more.
#![forbid(unsafe_code)]

use crate::input::form::Fault;
use crate::tags::Retry;
use std::path::Path;
use std::sync::LazyLock;

macro_rules! texts {
    ($($text:ident = $name:literal,)+) => {
        /// Something that is said.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Text {
            $($text,)+
        }

        /// Every text by its name in a file, in the order of [`Text`].
        const NAMES: &[(&str, Text)] = &[$(($name, Text::$text)),+];
    };
}

texts! {
    Again = "again",
    Busy = "busy",
    BusyTitle = "busy-title",
    Change = "change",
    ChangeTitle = "change-title",
    ChooseAgain = "choose-again",
    ConfirmAgain = "confirm-again",
    Correct = "correct",
    Empty = "empty",
    Fault = "fault",
    FaultTitle = "fault-title",
    FileType = "file-type",
    LeaveEmpty = "leave-empty",
    Missing = "missing",
    NoFiles = "no-files",
    NoRobot = "no-robot",
    NotAnAddress = "not-an-address",
    Sent = "sent",
    Thanks = "thanks",
    TooLarge = "too-large",
    TooLargeTitle = "too-large-title",
    TooMany = "too-many",
    TooManyTitle = "too-many-title",
    Unknown = "unknown",
    UnknownTitle = "unknown-title",
}

/// The texts of one language, in the order of [`NAMES`].
#[derive(Clone, Debug)]
pub struct Words {
    /// As `lang` says it (BCP 47), in lower case.
    language: String,
    texts: Vec<String>,
}

/// Those that every server has, the first where none is liked.
static BUILT_IN: LazyLock<[Words; 2]> = LazyLock::new(|| {
    let read = |language, text| Words::parse(language, text).expect("a test reads each file of ours");
    [
        read("en", include_str!("../../../../../conf/languages/en.txt")),
        read("de", include_str!("../../../../../conf/languages/de.txt")),
    ]
});

/// Languages that are written from the right.
const FROM_THE_RIGHT: &[&str] = &["ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];

impl Words {
    /// Reads the texts of a file.
    fn parse(language: &str, file: &str) -> Result<Self, String> {
        let mut texts: Vec<Option<String>> = vec![None; NAMES.len()];
        for (at, line) in file.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |what: &str| format!("line {}: {what}", at + 1);
            let (name, text) =
                line.split_once('=').ok_or_else(|| bad("is not written like sent = Your message was sent."))?;
            let (name, text) = (name.trim_end(), text.trim_start());
            let known = NAMES.iter().position(|(known, _)| *known == name);
            let place = &mut texts[known.ok_or_else(|| bad(&format!("no text is called '{name}'; en.txt has all")))?];
            if text.is_empty() || place.is_some() {
                return Err(bad(&format!(
                    "{name} {}",
                    if text.is_empty() { "says nothing" } else { "stands there twice" }
                )));
            }
            *place = Some(text.to_owned());
        }
        let of_name = |(text, (name, _)): (Option<String>, &(&str, Text))| {
            text.ok_or_else(|| format!("{name} is missing; en.txt has all"))
        };
        let texts = texts.into_iter().zip(NAMES).map(of_name).collect::<Result<_, _>>()?;
        Ok(Words { language: language.to_ascii_lowercase(), texts })
    }

    /// As `lang` says it.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// As `dir` says it.
    pub fn direction(&self) -> &'static str {
        if FROM_THE_RIGHT.contains(&primary(&self.language)) { "rtl" } else { "ltr" }
    }

    /// A text; it is no HTML.
    pub fn say(&self, text: Text) -> &str {
        self.texts.get(text as usize).map_or("", String::as_str)
    }

    /// What is wrong with a field.
    pub fn fault(&self, fault: Fault) -> &str {
        self.say(match fault {
            Fault::LeaveEmpty => Text::LeaveEmpty,
            Fault::Missing => Text::Missing,
            Fault::NotAnAddress => Text::NotAnAddress,
            Fault::Unproven => Text::NoRobot,
        })
    }

    /// A file that is not taken.
    pub fn file(&self, name: &str, taken: &str) -> String {
        match taken {
            "" => format!("{} {name}", self.say(Text::NoFiles)),
            taken => format!("{} {name} ({taken})", self.say(Text::FileType)),
        }
    }

    /// What happened, and what to do.
    pub fn problem(&self, status: u16, retry: Retry) -> (&str, &str) {
        let (title, advice) = match retry {
            _ if status == 413 => (Text::TooLargeTitle, Text::TooLarge),
            _ if status == 429 => (Text::TooManyTitle, Text::TooMany),
            Retry::AfterCorrection | Retry::No => (Text::ChangeTitle, Text::Change),
            Retry::Yes | Retry::MayDouble | Retry::WithKey => (Text::BusyTitle, Text::Busy),
            Retry::Rest | Retry::Unknown => (Text::UnknownTitle, Text::Unknown),
            Retry::AfterAdministrator => (Text::FaultTitle, Text::Fault),
        };
        (self.say(title), self.say(advice))
    }
}

/// SendmailFormLanguages: the languages that stand beside those that every server has, or in their place.
#[derive(Clone, Debug, Default)]
pub struct Languages(Vec<Words>);

impl Languages {
    /// Reads each file of a folder that is called like `fr.txt`.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let listed = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut paths: Vec<_> = listed
            .map_err(|error| format!("{}: {error}", folder.display()))?
            .into_iter()
            .map(|entry| entry.path())
            .collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
        paths.sort();
        if paths.is_empty() {
            return Err(format!("{} holds no file that is called like fr.txt", folder.display()));
        }
        let read = |path: &Path| {
            let language = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_tag(stem));
            let language = language.ok_or("the name is no language, as fr or pt-BR")?;
            let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
            Words::parse(language, &text)
        };
        let words = paths.iter().map(|path| read(path).map_err(|error| format!("{}: {error}", path.display())));
        words.collect::<Result<_, _>>().map(Languages)
    }

    /// The language that is liked best: the first where several are liked equally, English where none is known (RFC 9110 12.5.4). A range
    /// that is not known as it stands is looked up without its end (RFC 4647 3.4).
    pub fn words(&self, accept_language: Option<&str>) -> &Words {
        let mut best: Option<(&Words, f32)> = None;
        for range in accept_language.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            if quality > best.map_or(0.0, |(_, quality)| quality) {
                best = self.look_up(&tag).map(|words| (words, quality)).or(best);
            }
        }
        best.map(|(words, _)| words).or_else(|| self.look_up("en")).unwrap_or(&BUILT_IN[0])
    }

    fn look_up(&self, tag: &str) -> Option<&Words> {
        let known = self.0.iter().chain(BUILT_IN.iter()).find(|words| words.language == tag);
        known.or_else(|| self.look_up(tag.rsplit_once('-')?.0))
    }
}

/// Letters, digits and hyphens (RFC 5646 2.1).
fn is_tag(name: &str) -> bool {
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_alphanumeric());
    primary(name).len() >= 2 && name.split('-').all(is_part)
}

fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/languages");

    #[test]
    fn each_language_that_we_ship_says_all() {
        let shipped = Languages::read(Path::new(FOLDER)).unwrap();
        let languages: Vec<&str> = shipped.0.iter().map(Words::language).collect();
        assert_eq!(languages, ["de", "en", "fr"]);
        for words in &shipped.0 {
            for (name, text) in NAMES {
                assert!(!words.say(*text).is_empty(), "{} {name}", words.language);
            }
        }
    }

    #[test]
    fn the_range_chooses_a_language() {
        let more = Languages(vec![
            Words { language: "fr".into(), ..BUILT_IN[0].clone() },
            Words { language: "pt-br".into(), ..BUILT_IN[0].clone() },
        ]);
        for (range, plain, with_more) in [
            ("fr", "en", "fr"),
            ("fr-CA, de;q=0.9", "de", "fr"),
            ("de, fr", "de", "de"),
            ("pt-BR", "en", "pt-br"),
            ("pt", "en", "en"),
            ("pt-br-x-old;q=0.2", "en", "pt-br"),
            ("fr;q=0", "en", "en"),
            ("*", "en", "en"),
        ] {
            let language = |languages: &Languages| languages.words(Some(range)).language().to_owned();
            assert_eq!(
                (language(&Languages::default()).as_str(), language(&more).as_str()),
                (plain, with_more),
                "{range}"
            );
        }
        let own = Languages(vec![Words { language: "en".into(), texts: vec!["OWN".into(); NAMES.len()] }]);
        assert_eq!(
            (own.words(None).say(Text::Thanks), own.words(Some("de")).say(Text::Thanks)),
            ("OWN", "Vielen Dank")
        );
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let good = include_str!("../../../../../conf/languages/en.txt");
        assert!(Words::parse("en", good).is_ok() && Words::parse("en", &good.replace('\n', "\r\n")).is_ok());
        for (old, new, says) in [
            ("sent = ", "send = ", "line 6: no text is called 'send'"),
            ("sent = Your", "# sent = Your", "sent is missing"),
            ("sent = Your message was sent.", "sent =", "line 6: sent says nothing"),
            ("sent = ", "sent ", "line 6: is not written like"),
            ("again = ", "thanks = ", "line 9: thanks stands there twice"),
        ] {
            let error = Words::parse("en", &good.replacen(old, new, 1)).unwrap_err();
            assert!(error.contains(says), "{new}: {error}");
        }
    }
}

//! The file with the secrets of a webhook -> keys (Standard Webhooks 1.0: `whsec_` and the base64 of 24 to 64 octets). With several lines
//! an event is signed with each, so that a receiver can change its secret without missing an event.
#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Largest file that is read; it has a line for each secret.
const MAX_FILE: u64 = 16 << 10;
/// Most secrets at a time: the old one, the new one, and room for a mistake.
const MAX_KEYS: usize = 8;

const REMEDY: &str = "write a line of whsec_ and the output of: openssl rand -base64 32";

/// A key that signs events. It is never shown.
pub struct Key(Vec<u8>);

impl Key {
    /// Reads `whsec_...`.
    pub fn parse(text: &str) -> Option<Key> {
        let octets = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
        (24..=64).contains(&octets.len()).then_some(Key(octets))
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Reads the file: at least one key. Only its owner and group may be able to read it.
pub fn read(file: &Path) -> Result<Vec<Key>, String> {
    let name = file.display();
    let mut text = String::new();
    let open = || -> std::io::Result<fs::Metadata> {
        let opened = File::open(file)?;
        let about = opened.metadata()?;
        opened.take(MAX_FILE).read_to_string(&mut text)?;
        Ok(about)
    };
    let about = { open }().map_err(|error| format!("{name}: {error}"))?;
    if about.permissions().mode() & 0o007 != 0 {
        return Err(format!(
            "{name}: everybody can read the secret; chmod 640 {name}, in the group of processdsn-deliver"
        ));
    }
    keys(&text).map_err(|error| format!("{name}: {error}"))
}

fn keys(text: &str) -> Result<Vec<Key>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<Key> = lines
        .map(|line| Key::parse(line).ok_or_else(|| format!("a line is not a secret; {REMEDY}")))
        .collect::<Result<_, _>>()?;
    match keys.len() {
        0 => Err(format!("there is no secret; {REMEDY}")),
        1..=MAX_KEYS => Ok(keys),
        _ => Err(format!("more than {MAX_KEYS} secrets; take out those that are no longer used")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_24_to_64_octets_and_a_broken_one_is_not_passed_over() {
        let secret = |octets: usize| format!("whsec_{}", STANDARD.encode(vec![7; octets]));
        for (text, count) in [
            (secret(24), Some(1)),
            (format!("# old\n{}\n\n  {}\n", secret(32), secret(64)), Some(2)),
            (secret(23), None),
            (secret(65), None),
            (format!("{}\n{}", secret(32), "whsec_!"), None),
            (STANDARD.encode([7; 32]), None),
            ("# nothing".into(), None),
            (format!("{}\n", secret(32)).repeat(9), None),
        ] {
            assert_eq!(keys(&text).ok().map(|keys| keys.len()), count, "{text}");
        }
    }
}

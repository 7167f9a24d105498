//! User and password for a relay, from its URL or from a file that only its owner may read.
#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::path::Path;

/// The input for AUTH. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    user: Box<[u8]>,
    password: Box<[u8]>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// Neither may be empty or hold a control character (RFC 4616 2 forbids NUL; a line end is always a mistake).
    pub fn new(user: &[u8], password: &[u8]) -> Result<Credentials, &'static str> {
        match [user, password].map(|part| (part.is_empty(), part.iter().any(u8::is_ascii_control))) {
            [(false, false), (false, false)] => Ok(Credentials { user: user.into(), password: password.into() }),
            [(true, _), _] | [_, (true, _)] => Err("is empty"),
            _ => Err("holds a control character"),
        }
    }

    /// The one line `user:password` of a file of mode 0600 or stricter.
    pub fn read(path: &Path) -> Result<Credentials, String> {
        let content = sys::secret::read(path)?;
        let complain = |why: &dyn fmt::Display| format!("'{}' {why}", path.display());
        let line = content.strip_suffix(b"\n").unwrap_or(&content);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or_else(|| complain(&"does not hold the one line user:password"))?;
        Credentials::new(&line[..colon], &line[colon + 1..])
            .map_err(|why| complain(&format!("holds a user or password that {why}; write the one line user:password")))
    }

    /// The initial response of PLAIN (RFC 4616 2), base64.
    pub fn plain(&self) -> String {
        STANDARD.encode([b"\0", &*self.user, b"\0", &*self.password].concat())
    }

    /// The two responses of LOGIN (draft-murchison-sasl-login 2), base64.
    pub fn login(&self) -> [String; 2] {
        [STANDARD.encode(&self.user), STANDARD.encode(&self.password)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_read_if_it_is_closed_to_others_and_one_line() {
        let path = std::env::temp_dir().join(format!("mailgate-credentials-{}", std::process::id()));
        let read = |content: &str, mode: u32| {
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Credentials::read(&path)
        };
        let good = Credentials::new(b"me", b"pass:word").unwrap();
        for (content, mode) in [("me:pass:word\n", 0o600), ("me:pass:word", 0o400), ("me:pass:word\r\n", 0o600)] {
            assert_eq!(read(content, mode), Ok(good.clone()), "{content:?} {mode:o}");
        }
        let long = format!("me:{}", "geheim".repeat(1000));
        for (content, mode) in [
            ("me:geheim\n", 0o640),
            ("me:geheim\n", 0o604),
            ("me:geheim\n", 0o700),
            ("geheim\n", 0o600),
            (":geheim\n", 0o600),
            ("me:\n", 0o600),
            ("me:geheim\nme:geheim\n", 0o600),
            ("", 0o600),
            (&long, 0o600),
        ] {
            let complaint = read(content, mode).unwrap_err();
            assert!(complaint.contains("credentials-") && !complaint.contains("geheim"), "{complaint}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(Credentials::read(&path).is_err() && Credentials::read(Path::new("/")).is_err());
    }

    #[test]
    fn the_words_of_sasl() {
        let credentials = Credentials::new(b"tim", b"tanstaaftanstaaf").unwrap(); // RFC 4616 4
        assert_eq!(STANDARD.decode(credentials.plain()).unwrap(), b"\0tim\0tanstaaftanstaaf");
        assert_eq!(credentials.login().map(|word| STANDARD.decode(word).unwrap()), [&b"tim"[..], b"tanstaaftanstaaf"]);
        assert_eq!(format!("{credentials:?}"), "Credentials");
    }
}

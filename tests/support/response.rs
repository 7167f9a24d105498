//! An HTTP response: status, fields in order with repeats, body.

#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    /// The 1xx statuses before it.
    pub interim: Vec<u16>,
}

impl Response {
    /// The first field of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every field of this name. A value that is not UTF-8 reads as empty.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| std::str::from_utf8(value).unwrap_or_default())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether octets occur anywhere in fields or body.
    pub fn shows(&self, octets: &[u8]) -> bool {
        let holds = |place: &[u8]| place.windows(octets.len().max(1)).any(|window| window == octets);
        holds(&self.body) || self.headers.iter().any(|(name, value)| holds(name.as_bytes()) || holds(value))
    }

    /// Without `<>`; fails the test if the response has none.
    #[track_caller]
    pub fn message_id(&self) -> &str {
        let id = self.header("X-Message-ID").unwrap_or_else(|| panic!("no X-Message-ID in {self:?}"));
        id.trim_start_matches('<').trim_end_matches('>')
    }

    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", String::from_utf8_lossy(&self.head()), self.text());
        self
    }

    fn head(&self) -> Vec<u8> {
        let lines = self.headers.iter().flat_map(|(name, value)| [name.as_bytes(), b": ", value, b"\n"]);
        lines.collect::<Vec<_>>().concat()
    }

    /// Status line and fields, without the empty line after them.
    pub(super) fn parse_head(head: &[u8]) -> Option<Self> {
        let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = std::str::from_utf8(lines.next()?).ok()?;
        let status = first.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()?;
        let fields = lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).into_owned();
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        });
        Some(Self { status, headers: fields.collect(), ..Self::default() })
    }
}

//! HTTP/2 frame by frame (RFC 9113), with field blocks that no library would send: every field is an HPACK literal without indexing (RFC
//! 7541 6.2.2), octets unchanged.

use super::request::Outcome;
use super::response::Response;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A request of one stream.
pub struct Message {
    /// Pseudo fields first; names and values are sent unchanged.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub data: Vec<u8>,
    pub ending: Ending,
}

/// What follows the last octet of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The connection is closed, the stream open.
    Close,
    EndStream,
    /// RST_STREAM(CANCEL).
    Reset,
    /// A second block of fields, which ends the stream.
    Trailers(Vec<(Vec<u8>, Vec<u8>)>),
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// The interim answer of a handler that asks for the body.
const CONTINUE: u16 = 100;

/// SETTINGS_MAX_FRAME_SIZE before any SETTINGS; data must also fit the first window of 65535.
const FRAME: usize = 16_384;

impl Message {
    /// `POST path` with these fields after the pseudo fields.
    pub fn post(path: &[u8], fields: &[(&[u8], &[u8])], data: &[u8]) -> Self {
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = vec![
            (b":method".to_vec(), b"POST".to_vec()),
            (b":scheme".to_vec(), b"http".to_vec()),
            (b":authority".to_vec(), b"localhost".to_vec()),
            (b":path".to_vec(), path.to_vec()),
        ];
        all.extend(fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())));
        Self { fields: all, data: data.to_vec(), ending: Ending::EndStream }
    }

    /// Replaces the value of a field.
    pub fn with(mut self, name: &str, value: &[u8]) -> Self {
        for field in self.fields.iter_mut().filter(|(found, _)| found == name.as_bytes()) {
            field.1 = value.to_vec();
        }
        self
    }

    /// Sends by prior knowledge on its own connection; with `expect` the data follow the interim answer. A stream or connection that the
    /// server or this client resets or closes is an error. Only status and body of the answer are read.
    pub fn send(&self, server: SocketAddr) -> Outcome {
        assert!(self.data.len() < 65_536, "more than the first window");
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(&[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat())?;
        let mut frames = self.head();
        if self.fields.iter().any(|(name, _)| name == b"expect") {
            stream.write_all(&frames)?;
            let interim = read_answer(&mut stream)?;
            if interim.status != CONTINUE {
                return Ok(interim);
            }
            frames.clear();
        }
        frames.extend(self.tail());
        // A server that has refused the fields may close before the data are written.
        if let Err(error) = stream.write_all(&frames) {
            return read_answer(&mut stream).map_err(|_| error);
        }
        if self.ending == Ending::Close {
            return Err(io::Error::new(ErrorKind::ConnectionAborted, "closed by this client"));
        }
        read_answer(&mut stream)
    }

    fn head(&self) -> Vec<u8> {
        let no_data = self.data.is_empty() && self.ending == Ending::EndStream;
        fields(&self.fields, no_data)
    }

    fn tail(&self) -> Vec<u8> {
        let mut frames = Vec::new();
        let pieces: Vec<&[u8]> = self.data.chunks(FRAME).collect();
        for (i, piece) in pieces.iter().enumerate() {
            let last = i + 1 == pieces.len() && self.ending == Ending::EndStream;
            frames.extend(frame(DATA, u8::from(last), 1, piece));
        }
        match &self.ending {
            Ending::Close | Ending::EndStream => {}
            Ending::Reset => {
                frames.extend(frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()));
                frames.extend(frame(PING, 0, 0, b"received")); // its answer shows that the reset was read
            }
            Ending::Trailers(trailers) => frames.extend(fields(trailers, true)),
        }
        frames
    }
}

/// A block of fields in as many frames as it needs.
fn fields(fields: &[(Vec<u8>, Vec<u8>)], ends_stream: bool) -> Vec<u8> {
    let block: Vec<u8> = fields.iter().flat_map(|(name, value)| literal(name, value)).collect();
    let pieces: Vec<&[u8]> = block.chunks(FRAME).collect();
    let frames = pieces.iter().enumerate().map(|(i, piece)| {
        let end = if i + 1 == pieces.len() { END_HEADERS } else { 0 };
        let (kind, flags) = if i == 0 { (HEADERS, end | u8::from(ends_stream)) } else { (CONTINUATION, end) };
        frame(kind, flags, 1, piece)
    });
    frames.flatten().collect()
}

/// RFC 7541 6.2.2 with a new name, neither string in Huffman's code.
fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[0], &integer(name.len())[..], name, &integer(value.len())[..], value].concat()
}

/// RFC 7541 5.1 with a prefix of 7 bits.
fn integer(value: usize) -> Vec<u8> {
    if value < 127 {
        return vec![value as u8];
    }
    let (mut octets, mut rest) = (vec![127], value - 127);
    while rest >= 128 {
        octets.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    octets.push(rest as u8);
    octets
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("at most FRAME").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn read_answer(stream: &mut TcpStream) -> Outcome {
    let mut answer = Response::default();
    let refused = |what: String| io::Error::new(ErrorKind::ConnectionReset, what);
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload)?;
        let (kind, flags) = (head[3], head[4]);
        let code =
            |at: usize| payload.get(at..at + 4).map_or(0, |code| u32::from_be_bytes(code.try_into().expect("4")));
        match kind {
            SETTINGS if flags & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[]))?,
            PING if flags & ACK == 0 => stream.write_all(&frame(PING, ACK, 0, &payload))?,
            PING => return Err(refused("reset by this client".into())),
            RST_STREAM if answer.status != 0 => return Ok(answer),
            RST_STREAM => return Err(refused(format!("RST_STREAM {}", code(0)))),
            GOAWAY if code(4) != 0 => return Err(refused(format!("GOAWAY {}", code(4)))),
            HEADERS => {
                let status = status(padding(&payload, flags));
                answer.status = status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no :status"))?;
                if answer.status == CONTINUE {
                    return Ok(answer);
                }
            }
            DATA => answer.body.extend_from_slice(padding(&payload, flags)),
            _ => {}
        }
        if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            return Ok(answer);
        }
    }
}

fn padding(payload: &[u8], flags: u8) -> &[u8] {
    let (padded, prioritised) = (flags & PADDED != 0, flags & PRIORITY != 0);
    let tail = if padded { usize::from(payload[0]) } else { 0 };
    &payload[usize::from(padded) + if prioritised { 5 } else { 0 }..payload.len() - tail]
}

/// `:status` comes first. Only the digits of Huffman's code are known here (RFC 7541 appendix B).
fn status(block: &[u8]) -> Option<u16> {
    let block = &block[block.iter().take_while(|&&octet| octet & 0xe0 == 0x20).count()..];
    let index = match block.first()? {
        whole if whole & 0x80 != 0 => {
            return [200, 204, 206, 304, 400, 404, 500].get(usize::from(whole & 0x7f).checked_sub(8)?).copied();
        }
        added if added & 0x40 != 0 => added & 0x3f,
        literal => literal & 0x0f,
    };
    let (length, text) = block.get(1..)?.split_first()?;
    let text = text.get(..usize::from(length & 0x7f))?;
    let digits = if length & 0x80 == 0 { text.to_vec() } else { huffman_digits(text)? };
    (8..=14).contains(&index).then(|| std::str::from_utf8(&digits).ok()?.parse().ok())?
}

fn huffman_digits(text: &[u8]) -> Option<Vec<u8>> {
    let bits: Vec<u8> = text.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1)).collect();
    let (mut digits, mut at) = (Vec::new(), 0);
    while digits.len() < 3 {
        let code = |length: usize| Some(bits.get(at..at + length)?.iter().fold(0, |code, bit| code << 1 | bit));
        match (code(5)?, code(6)) {
            (short @ 0..=2, _) => {
                digits.push(b'0' + short);
                at += 5;
            }
            (_, Some(long @ 0x19..=0x1f)) => {
                digits.push(b'3' + long - 0x19);
                at += 6;
            }
            _ => return None,
        }
    }
    Some(digits)
}

//! The fields of a request.
#![forbid(unsafe_code)]

/// The value of an HTTP field; repeated fields are joined by commas (RFC 9110 5.3).
pub fn value_of(fields: &[(&[u8], &[u8])], name: &str) -> Option<String> {
    let mut values =
        fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value);
    let first = String::from_utf8_lossy(values.next()?).into_owned();
    Some(values.fold(first, |joined, value| joined + ", " + &String::from_utf8_lossy(value)))
}

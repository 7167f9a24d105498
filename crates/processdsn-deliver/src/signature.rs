//! An event -> its signature (Standard Webhooks 1.0): `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, one for each key.
#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use tracking::secret::Key;

/// The value of `webhook-signature`.
pub fn sign(keys: &[Key], id: &str, timestamp: i64, body: &str) -> String {
    let content = format!("{id}.{timestamp}.{body}");
    let one = |key: &Key| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.octets());
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, content.as_bytes())))
    };
    keys.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `printf '%s' 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:...`.
    #[test]
    fn the_signature_is_the_one_of_openssl_and_there_is_one_for_each_key() {
        let key = || Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let sign = |keys: &[Key]| sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(&[key()]), expected);
        let other = Key::parse("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let both = sign(&[other, key()]);
        assert!(both.ends_with(&format!(" {expected}")) && both.starts_with("v1,"), "{both}");
    }
}

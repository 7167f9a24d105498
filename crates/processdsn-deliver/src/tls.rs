//! Certificates of authorities -> ureq's TLS settings. They are read from the paths where the distributions keep them; SSL_CERT_FILE in the
//! environment is ignored.
#![forbid(unsafe_code)]

use rustls::crypto::ring;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Debian and Arch; Fedora and RHEL; openSUSE; Alpine.
const AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Reads this file, or the system's.
pub fn settings(ca: Option<&Path>) -> Result<TlsConfig, String> {
    let system = || AUTHORITIES.iter().map(Path::new).find(|path| path.exists());
    let path = ca.or_else(system).ok_or("no certificates of authorities: install ca-certificates, or set --ca")?;
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(certificates(path)?)))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build())
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let pem = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let found: Vec<_> = parse_pem(&pem).filter_map(certificate).collect();
    match found.is_empty() {
        true => Err(format!("{}: holds no certificate (PEM)", path.display())),
        false => Ok(found),
    }
}

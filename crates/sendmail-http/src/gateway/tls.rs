//! Certificates in PEM files -> ureq's TLS settings. The system's authorities are read from the paths where the distributions keep them;
//! SSL_CERT_FILE in the environment is ignored.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::config::Config;

/// Debian and Arch; Fedora and RHEL; openSUSE; Alpine.
const AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Reads the files.
pub fn settings(config: &Config) -> Result<TlsConfig, String> {
    let roots = match &config.ca {
        Some(path) => certificates(path)?,
        None => {
            let path = AUTHORITIES.iter().map(Path::new).find(|path| path.exists());
            certificates(path.ok_or("no certificates of authorities: install ca-certificates, or set ca")?)?
        }
    };
    let client = match &config.certificate {
        Some((certificate, key)) => Some(own(certificate, key)?),
        None => None,
    };
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .client_cert(client)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build())
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let pem = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let found: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    match found.is_empty() {
        true => Err(format!("{}: holds no certificate (PEM)", path.display())),
        false => Ok(found),
    }
}

/// Our own certificate with its key.
fn own(certificate: &Path, key: &Path) -> Result<ClientCert, String> {
    let chain = certificates(certificate)?;
    let pem = fs::read(key).map_err(|error| format!("{}: {error}", key.display()))?;
    let broken = || format!("{}: holds no private key (PEM, without a passphrase)", key.display());
    let (private, der) = (PrivateKey::from_pem(&pem).map_err(|_| broken())?, PrivateKeyDer::from_pem_slice(&pem));
    // ureq does not check that they belong together.
    let links = chain.iter().map(|link| link.der().to_vec().into()).collect();
    let pair = CertifiedKey::from_der(links, der.map_err(|_| broken())?, &ring::default_provider());
    pair.map_err(|error| format!("{} and {}: {error}", certificate.display(), key.display()))?;
    Ok(ClientCert::new_with_certs(&chain, private))
}

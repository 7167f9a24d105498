//! TLS to a relay: certificates from PEM files, read together with the configuration, and the rustls configuration of one relay. If only
//! the message needs protection (no password, no `smtps`, no CA configured, no `must`), TLS is used opportunistically, unverified, as mail
//! servers do among themselves (RFC 7435); in all other cases the certificate must be valid.
#![forbid(unsafe_code)]

use super::Relay;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

/// SendmailRelayTLS: how STARTTLS is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartTls {
    /// It is not used.
    Never,
    /// It is used if it is offered and works.
    #[default]
    May,
    /// Nothing is sent without it and a valid certificate.
    Must,
}

impl StartTls {
    /// Reads the argument.
    pub fn parse(word: &str) -> Result<StartTls, String> {
        match word.to_ascii_lowercase().as_str() {
            "never" => Ok(StartTls::Never),
            "may" => Ok(StartTls::May),
            "must" => Ok(StartTls::Must),
            _ => Err(format!("'{word}' does not fit; write never, may or must")),
        }
    }

    /// Refuses `never` together with a setting that needs TLS ([`super::needs_tls`]).
    pub fn check(self, needs_tls: Option<&str>) -> Result<(), String> {
        match (self, needs_tls) {
            (StartTls::Never, Some(other)) => Err(format!(
                "SendmailRelayTLS never and {other} exclude each other, since that is used only with TLS; take one of them out"
            )),
            _ => Ok(()),
        }
    }
}

/// The certificates of SendmailRelayCAFile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaCertificates(Vec<CertificateDer<'static>>);

impl CaCertificates {
    /// Reads every certificate of a PEM file; each must be usable as a CA.
    pub fn read(path: &Path) -> Result<CaCertificates, String> {
        let complain = |why: String| format!("'{}' {why}", path.display());
        let certificates = certificates(path).map_err(complain)?;
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store.add(certificate.clone()).map_err(|error| complain(format!("holds an unfit certificate: {error}")))?;
        }
        Ok(CaCertificates(certificates))
    }
}

/// The client certificate of SendmailRelayCertificate with its key.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientCertificate {
    /// Reads a PEM file with the certificate, the intermediate ones, and the key without a passphrase. Only the certificates must be in
    /// order.
    pub fn read(path: &Path) -> Result<ClientCertificate, String> {
        let complain = |why: String| format!("'{}' {why}", path.display());
        let chain = certificates(path).map_err(complain)?;
        let key = PrivateKeyDer::from_pem_file(path)
            .map_err(|error| complain(format!("holds no private key in PEM without passphrase: {error}")))?;
        let identity = ClientCertificate { chain, key };
        let fits = builder().with_root_certificates(RootCertStore::empty());
        identity
            .join(fits)
            .map_err(|error| complain(format!("holds a certificate and a key that do not fit: {error}")))?;
        Ok(identity)
    }

    fn join(
        &self,
        builder: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
    ) -> Result<ClientConfig, rustls::Error> {
        builder.with_client_auth_cert(self.chain.clone(), self.key.clone_key())
    }
}

/// One or more.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(&text);
    let mut certificates = Vec::new();
    for section in sections {
        let (kind, octets) = section.map_err(|error| format!("is not PEM: {error}"))?;
        if kind == SectionKind::Certificate {
            certificates.push(octets.into());
        }
    }
    if certificates.is_empty() { Err("holds no certificate in PEM".into()) } else { Ok(certificates) }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    versions.expect("ring has cipher suites for TLS 1.2 and 1.3")
}

/// The configuration for `relay`; the complaint is for the administrator.
pub(super) fn configure(relay: &Relay) -> Result<Arc<ClientConfig>, String> {
    let builder = if relay.requires_tls() {
        builder().with_root_certificates(roots(relay)?)
    } else {
        builder().dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())))
    };
    let config = match &relay.identity {
        Some(identity) => identity.join(builder).map_err(|error| error.to_string())?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn roots(relay: &Relay) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match &relay.authorities {
        Some(authorities) => drop(store.add_parsable_certificates(authorities.0.iter().cloned())),
        None => {
            let system = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(system.certs);
            if store.is_empty() {
                let why = system.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
                return Err(format!(
                    "this system has no certificates to verify a relay by{why}; install ca-certificates or set SendmailRelayCAFile"
                ));
            }
        }
    }
    Ok(store)
}

/// Verifies that the peer has the key of its certificate, but not the names in it.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

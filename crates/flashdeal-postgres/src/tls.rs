//! Encryption on the way to the server: `sslmode` and `sslrootcert` as libpq means them, by rustls.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{ConnectError, whole_story};

/// What the server must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Nothing: the way is encrypted, against those who only listen.
    Nothing,
    /// A certificate that a trusted authority signed.
    Authority,
    /// One that names the host, too.
    AuthorityAndName,
}

/// Reads a connection string.
pub(crate) fn read_url(url: &str) -> Result<(Config, MakeRustlsConnect), ConnectError> {
    let (url, mode, root) = take_tls_parameters(url)?;
    let mut config: Config =
        url.parse().map_err(|error: tokio_postgres::Error| ConnectError::Config(whole_story(&error)))?;
    let (mode, proof) = match mode.as_deref() {
        None => (config.get_ssl_mode(), Proof::Nothing),
        Some("disable") => (SslMode::Disable, Proof::Nothing),
        Some("prefer") => (SslMode::Prefer, Proof::Nothing),
        Some("require") if root.is_none() => (SslMode::Require, Proof::Nothing),
        Some("require" | "verify-ca") => (SslMode::Require, Proof::Authority),
        Some("verify-full") => (SslMode::Require, Proof::AuthorityAndName),
        Some(other) => return Err(ConnectError::Config(format!("sslmode {other:?} is not supported"))),
    };
    // What goes through a socket of the same machine is not encrypted, whatever is asked for.
    let local = !config.get_hosts().is_empty() && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    config.ssl_mode(if local { SslMode::Disable } else { mode });
    Ok((config, MakeRustlsConnect::new(client(proof, root)?)))
}

/// Takes out of a URL what the driver does not know: the stricter values of `sslmode`, and `sslrootcert`.
fn take_tls_parameters(url: &str) -> Result<(String, Option<String>, Option<PathBuf>), ConnectError> {
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let Some((address, query)) = url.split_once('?').filter(|_| is_url) else {
        return Ok((url.to_owned(), None, None));
    };
    let (mut mode, mut root, mut others) = (None, None, Vec::new());
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => root = Some(PathBuf::from(percent_decoded(value)?)),
            _ => others.push(parameter),
        }
    }
    let url = if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    Ok((url, mode, root))
}

fn percent_decoded(text: &str) -> Result<String, ConnectError> {
    let bad = || ConnectError::Config(format!("sslrootcert={text} is not percent-encoded text"));
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(bad);
        let value = digit()? * 16 + digit()?;
        decoded.push(u8::try_from(value).map_err(|_| bad())?);
    }
    String::from_utf8(decoded).map_err(|_| bad())
}

fn client(proof: Proof, root: Option<PathBuf>) -> Result<ClientConfig, ConnectError> {
    let unusable = |error: Error| ConnectError::Config(format!("TLS cannot be set up: {error}"));
    let provider = Arc::new(ring::default_provider());
    let authority = match proof {
        Proof::Nothing => None,
        Proof::Authority | Proof::AuthorityAndName => {
            let roots = Arc::new(trusted(root)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            Some(verifier.map_err(|error| ConnectError::Config(format!("sslrootcert: {error}")))?)
        }
    };
    let verifier = Verifier { authority, name_too: proof == Proof::AuthorityAndName, provider: Arc::clone(&provider) };
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // Asked for by servers from PostgreSQL 17 on when `sslnegotiation=direct`.
    client.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(client)
}

/// The certificates of the file, or else those of the system.
fn trusted(root: Option<PathBuf>) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = root.filter(|path| path.as_os_str() != "system") {
        let unusable = |error: String| ConnectError::Config(format!("sslrootcert {}: {error}", path.display()));
        let certificates = CertificateDer::pem_file_iter(&path).map_err(|error| unusable(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(ConnectError::Config("sslrootcert: no trusted certificate was found".to_owned()));
    }
    Ok(roots)
}

/// Checks as much of the server's certificate as was asked for, and its signature always.
#[derive(Debug)]
struct Verifier {
    authority: Option<Arc<WebPkiServerVerifier>>,
    name_too: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        match authority.verify_server_cert(certificate, intermediates, name, ocsp_response, now) {
            // The name is looked at last, when the rest is found good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name_too => Ok(ServerCertVerified::assertion()),
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_out_of_the_url() {
        let url = "postgres://ada@db/shop?sslmode=verify-full&connect_timeout=3&sslrootcert=%2Fetc%2Fmy%20ca.pem";
        let (url, mode, root) = take_tls_parameters(url).unwrap();
        assert_eq!(url, "postgres://ada@db/shop?connect_timeout=3");
        assert_eq!((mode.as_deref(), root), (Some("verify-full"), Some(PathBuf::from("/etc/my ca.pem"))));
        let untouched = "host=db user=ada sslmode=require";
        assert_eq!(take_tls_parameters(untouched).unwrap(), (untouched.to_owned(), None, None));
        assert!(take_tls_parameters("postgres://db/shop?sslrootcert=%2").is_err());
    }

    #[test]
    fn modes_are_those_of_the_driver() {
        for (url, mode) in [
            ("postgres://db/shop", SslMode::Prefer),
            ("postgres://db/shop?sslmode=disable", SslMode::Disable),
            ("postgres://db/shop?sslmode=require", SslMode::Require),
            ("host=db sslmode=require", SslMode::Require),
            ("postgres://%2Frun%2Fpostgresql/shop?sslmode=require", SslMode::Disable),
        ] {
            assert_eq!(read_url(url).unwrap().0.get_ssl_mode(), mode, "{url}");
        }
        for bad in ["postgres://db/shop?sslmode=allow", "postgres://db/?sslmode=verify-full&sslrootcert=/dev/null"] {
            assert!(matches!(read_url(bad), Err(ConnectError::Config(_))), "{bad}");
        }
    }
}

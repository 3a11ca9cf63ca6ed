//! Certificates for servers that encrypt, and an authority that signs them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::folder::Folder;

/// The certificate and key of a server, and the authority that signed it; and one that did not. All are PEM files in a folder
/// that goes when this is dropped.
#[derive(Debug)]
pub struct Certificates {
    folder: Folder,
}

impl Certificates {
    /// Those of a server on this machine.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn local() -> Result<Self> {
        Self::naming(&["localhost", "127.0.0.1"])
    }

    /// Those of a server with these names and addresses.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn naming(hosts: &[&str]) -> Result<Self> {
        let certificates = Self { folder: Folder::new("certificates")? };
        let issuer = authority(&certificates.authority())?;
        authority(&certificates.stranger())?;
        let key = KeyPair::generate()?;
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let certificate = CertificateParams::new(hosts)?.signed_by(&key, &issuer)?;
        fs::write(certificates.server(), certificate.pem()).context("cannot write the certificate")?;
        fs::write(certificates.key(), key.serialize_pem()).context("cannot write the key")?;
        fs::set_permissions(certificates.key(), Permissions::from_mode(0o600)).context("cannot hide the key")?;
        Ok(certificates)
    }

    /// The authority that signed the server's certificate.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Another authority.
    #[must_use]
    pub fn stranger(&self) -> PathBuf {
        self.folder.path().join("stranger.pem")
    }

    /// The server's certificate.
    #[must_use]
    pub fn server(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// The server's key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }

    /// The settings by name, as in `redis.conf`, of a Redis or a sentinel that has this certificate, asks its clients for none, and
    /// reaches the servers it watches or copies by TLS.
    #[must_use]
    pub fn redis_settings(&self) -> [(&'static str, String); 5] {
        let path = |file: PathBuf| file.to_string_lossy().into_owned();
        [
            ("tls-cert-file", path(self.server())),
            ("tls-key-file", path(self.key())),
            ("tls-ca-cert-file", path(self.authority())),
            ("tls-auth-clients", "no".to_owned()),
            ("tls-replication", "yes".to_owned()),
        ]
    }
}

fn authority(file: &Path) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    // Authorities of one name would be taken for each other.
    params.distinguished_name.push(DnType::CommonName, file.file_name().unwrap_or_default().to_string_lossy());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(file, issuer.pem()).context("cannot write the authority's certificate")?;
    Ok(issuer)
}

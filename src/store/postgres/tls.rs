//! Which certificates of a server are taken.

use std::sync::{Arc, OnceLock};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::store::{PostgresUrl, StoreError};

static OF_SYSTEM: OnceLock<ClientConfig> = OnceLock::new();

/// A client that takes a certificate for the host's name from an authority of the file that is named, or else of this system. The
/// file is read anew each time.
///
/// # Errors
/// [`StoreError::Open`]: the file cannot be used.
pub(super) fn client(url: &PostgresUrl) -> Result<ClientConfig, StoreError> {
    let wrong = |what: String| StoreError::Open { path: url.to_string().into(), source: what.into() };
    let made: Result<ClientConfig, rustls::Error> = match url.tls_ca_file() {
        Some(path) => {
            let unusable = |e: String| wrong(format!("the certificates in {} cannot be used: {e}", path.display()));
            let mut roots = RootCertStore::empty();
            for one in CertificateDer::pem_file_iter(path).map_err(|e| unusable(e.to_string()))? {
                roots.add(one.map_err(|e| unusable(e.to_string()))?).map_err(|e| unusable(e.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unusable("there is none".into()));
            }
            begun().map(|begun| begun.with_root_certificates(roots).with_no_client_auth())
        }
        None => match OF_SYSTEM.get() {
            Some(known) => Ok(known.clone()),
            None => of_system().map(|made| OF_SYSTEM.get_or_init(|| made).clone()),
        },
    };
    made.map_err(|e| wrong(format!("no encrypted connection can be made here: {e}")))
}

/// For hosts to which nothing is encrypted: one that takes no certificate.
///
/// # Errors
/// [`StoreError::Open`].
pub(super) fn none(url: &PostgresUrl) -> Result<ClientConfig, StoreError> {
    let begun = begun().map_err(|e| StoreError::Open { path: url.to_string().into(), source: e.into() })?;
    Ok(begun.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn begun() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()
}

fn of_system() -> Result<ClientConfig, rustls::Error> {
    Ok(begun()?.with_platform_verifier()?.with_no_client_auth())
}

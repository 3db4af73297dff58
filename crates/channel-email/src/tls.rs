//! TLS towards servers: whom to trust.

use std::path::Path;
use std::sync::Arc;

use loket_core::channel::ChannelError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The system's certificate authorities and those in `ca_file`; read anew for each connection, so that changes count.
pub(crate) fn settings(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, ChannelError> {
    let mut extra = Vec::new();
    if let Some(path) = ca_file {
        let unusable = |why: String| ChannelError::Refused(format!("ca_file {}: {why}", path.display()));
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))? {
            extra.push(certificate.map_err(|error| unusable(error.to_string()))?);
        }
        if extra.is_empty() {
            return Err(unusable("no certificate in it (PEM, `-----BEGIN CERTIFICATE-----`)".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| ChannelError::Refused(format!("TLS cannot be set up: {error}"));
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(unusable)?;
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

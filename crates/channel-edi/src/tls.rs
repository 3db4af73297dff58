//! HTTPS towards partners: whom to trust.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::source::blocking;

/// A client for one request: they are rare, and certificates may have changed since the last one.
pub(crate) async fn client(ca_file: Option<&Path>, direct: bool, timeout: Duration) -> Result<reqwest::Client, String> {
    let ca_file = ca_file.map(Path::to_owned);
    let settings = blocking(move || settings(ca_file.as_deref())).await.map_err(|error| error.to_string())??;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(settings)
        .connect_timeout(timeout.min(Duration::from_secs(20)))
        .timeout(timeout)
        // What partners send goes where the configuration says, and nowhere else.
        .redirect(Policy::none());
    if direct {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| format!("no HTTP client: {error}"))
}

/// The system's certificate authorities and those in `ca_file`.
fn settings(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    let mut extra = Vec::new();
    if let Some(path) = ca_file {
        let unusable = |why: String| format!("ca_file {}: {why}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))? {
            extra.push(certificate.map_err(|error| unusable(error.to_string()))?);
        }
        if extra.is_empty() {
            return Err(unusable("no certificate in it (PEM, `-----BEGIN CERTIFICATE-----`)".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| format!("TLS cannot be set up: {error}");
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(unusable)?;
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

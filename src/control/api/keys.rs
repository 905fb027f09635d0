//! Certificate and key of the API, read again without a restart: a certificate outlives no year.

use crate::config::model::Tls;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What the API proves itself with.
pub(super) struct Keys {
    files: Tls,
    now: Mutex<TlsAcceptor>,
}

impl Keys {
    /// From these files; files that cannot be used stop the start.
    pub(super) fn load(files: &Tls) -> io::Result<Self> {
        Ok(Self {
            now: Mutex::new(acceptor(files)?),
            files: files.clone(),
        })
    }

    /// For the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.now
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads the files again; those that cannot be used leave everything as it is.
    pub(super) fn reread(&self) -> io::Result<()> {
        let acceptor = acceptor(&self.files)?;
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }
}

fn acceptor(tls: &Tls) -> io::Result<TlsAcceptor> {
    let refuse =
        |path: &Path, why: String| io::Error::other(format!("api.tls {}: {why}", path.display()));
    let unreadable = |error: pem::Error| refuse(&tls.certificate, error.to_string());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&tls.certificate)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|error| refuse(&tls.key, error.to_string()))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| refuse(&tls.certificate, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write(files: &Tls) {
        let issued = rcgen::generate_simple_self_signed(vec!["appliance.example".to_owned()]);
        let issued = issued.unwrap();
        fs::write(&files.certificate, issued.cert.pem()).unwrap();
        fs::write(&files.key, issued.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn a_new_certificate_is_for_the_next_connection_and_a_broken_one_changes_nothing() {
        let dir = std::env::temp_dir().join(format!("ranshift-keys-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let files = Tls {
            certificate: dir.join("c.pem"),
            key: dir.join("k.pem"),
        };
        write(&files);
        let keys = Keys::load(&files).unwrap();
        let first = keys.acceptor();
        write(&files);
        keys.reread().unwrap();
        let second = keys.acceptor();
        assert!(!Arc::ptr_eq(first.config(), second.config()));
        fs::write(&files.key, "no key").unwrap();
        let why = keys.reread().unwrap_err().to_string();
        assert!(why.contains("k.pem"), "{why}");
        assert!(Arc::ptr_eq(second.config(), keys.acceptor().config()));
        fs::remove_dir_all(dir).unwrap();
    }
}

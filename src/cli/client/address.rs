//! Where an appliance listens, as an operator writes it.

use hyper::Uri;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where an appliance listens unless its configuration says otherwise.
pub(super) const DEFAULT: &str = "http://127.0.0.1:8470";

/// Where an appliance listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Address {
    /// `http://HOST:PORT` or, with TLS, `https://HOST:PORT`.
    Tcp {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// With TLS.
        secure: bool,
    },
    /// `unix:PATH`.
    Unix(PathBuf),
}

impl Address {
    /// Value of the header `host`.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
        }
    }

    /// What is sent can be read on the way.
    pub(super) fn is_exposed(&self) -> bool {
        matches!(self, Self::Tcp { secure: false, .. }) && !self.is_here()
    }

    /// This machine's clock is the appliance's.
    pub(in crate::cli) fn is_here(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                let address: Option<std::net::IpAddr> = host.parse().ok();
                host == "localhost" || address.is_some_and(|address| address.is_loopback())
            }
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(format!("the path of the socket is missing: {EXPECTED}"));
            }
            return Ok(Self::Unix(path.into()));
        }
        let secure = match text.split_once("://") {
            Some(("http", _)) => false,
            Some(("https", _)) => true,
            _ => return Err(EXPECTED.to_owned()),
        };
        let uri: Uri = text
            .parse()
            .map_err(|error| format!("{error}: {EXPECTED}"))?;
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if host.is_empty() || !is_bare || text.contains('@') {
            return Err(EXPECTED.to_owned());
        }
        Ok(Self::Tcp {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(PORT),
            secure,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { secure, .. } => {
                let scheme = if *secure { "https" } else { "http" };
                write!(f, "{scheme}://{}", self.host())
            }
        }
    }
}

const PORT: u16 = 8470;

const EXPECTED: &str = "expected http://HOST:PORT, https://HOST:PORT or unix:PATH";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_it_is_written() {
        for text in [
            "http://127.0.0.1:8470",
            "https://localhost:443",
            "http://[::1]:8470",
            "unix:/run/ranshift/api.sock",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert!(address.is_here());
        }
    }

    #[test]
    fn the_port_may_be_left_out() {
        let address: Address = "http://localhost/".parse().unwrap();
        assert_eq!(address.to_string(), "http://localhost:8470");
    }

    #[test]
    fn anything_else_is_refused_with_what_is_expected() {
        for text in [
            "",
            "127.0.0.1:8470",
            "ftp://localhost",
            "unix:",
            "http://localhost/api",
            "http://localhost@localhost",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(EXPECTED), "{text}: {error}");
        }
    }
}

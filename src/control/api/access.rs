//! Who may ask what: rate, host, origin, token, role, in this order and before anything is read. Whoever is
//! let in has a name, which stands in the events of what it asked for.
//!
//! On loopback without tokens any program of this machine may do anything, so a browser must not be made
//! to: a name that is not this machine's is refused (DNS rebinding), and so is a command from another
//! site's page. There are no CORS headers.

use super::Shared;
use super::keys::Keys;
use super::problem::{Outcome, Problem};
use super::rate::Rate;
use super::strangers::Strangers;
use super::tokens::{Role, Tokens};
use crate::config::model::Api;
use crate::control::clock;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

/// Whom a connection is with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    /// `None`: through the Unix socket.
    pub(super) address: Option<IpAddr>,
    /// The connection came to a loopback address.
    pub(super) loopback: bool,
}

/// Who asks: the name of a token, or `local` where none is needed.
#[derive(Clone, Debug)]
pub(super) struct By(pub(super) Arc<str>);

impl Default for By {
    fn default() -> Self {
        Self("local".into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// What is allowed.
pub(super) struct Access {
    file: Option<PathBuf>,
    tokens: Mutex<Option<Tokens>>,
    rate: Mutex<Rate>,
    strangers: Strangers,
}

impl Access {
    /// As configured; a file of tokens that cannot be used stops the start.
    pub(super) fn open(api: &Api) -> io::Result<Self> {
        let tokens = api.tokens.as_deref().map(Tokens::load).transpose()?;
        Ok(Self {
            file: api.tokens.clone(),
            tokens: Mutex::new(tokens),
            rate: Mutex::new(Rate::new(api.rate)),
            strangers: Strangers::default(),
        })
    }

    /// Reads the file again, if there is one; one that cannot be used leaves the tokens as they are.
    fn reread(&self) -> Option<io::Result<()>> {
        let file = self.file.as_ref()?;
        Some(Tokens::load(file).map(|tokens| {
            *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokens);
        }))
    }

    fn judge(&self, client: Client, request: &Request) -> Outcome<By> {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        if !rate.allows(client.address, clock::steady()) {
            return Err(too_many());
        }
        drop(rate);
        let headers = request.headers();
        // With tokens a stranger's page has none to send.
        if client.loopback && self.file.is_none() {
            this_machine(headers)?;
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !reads {
            same_site(headers)?;
        }
        if OPEN.contains(&request.uri().path()) {
            return Ok(By::default());
        }
        self.holder(headers, reads)
    }

    fn holder(&self, headers: &HeaderMap, reads: bool) -> Outcome<By> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tokens) = &*tokens else {
            return Ok(By::default());
        };
        let Some(presented) = bearer(headers) else {
            return Err(unauthorized(
                "Send Authorization: Bearer and a secret of the tokens file.",
            ));
        };
        match tokens.holder(presented) {
            None => Err(unauthorized("No token of the tokens file has this secret.")),
            Some((_, Role::Read)) if !reads => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "role",
                "the token's role does not allow this",
                "This token may read; commands and configuration need one with the role operate.",
            )),
            Some((name, _)) => Ok(By(name)),
        }
    }
}

/// Lets a request pass or refuses it.
pub(super) async fn admit(
    State(shared): State<Shared>,
    mut request: Request,
    next: Next,
) -> Outcome<Response> {
    let client = request.extensions().get().copied().unwrap_or(Client {
        address: None,
        loopback: true,
    });
    let access = &shared.access;
    let by = access.judge(client, &request).inspect_err(|why| {
        access
            .strangers
            .tell(client, &request, why, clock::steady());
    })?;
    request.extensions_mut().insert(by);
    Ok(next.run(request).await)
}

/// On each SIGHUP reads the files of tokens, certificate and key again.
pub(super) async fn reread(access: Arc<Access>, keys: Vec<Arc<Keys>>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    while hangup.recv().await.is_some() {
        match access.reread() {
            None => {}
            Some(Ok(())) => tracing::info!("tokens read again"),
            Some(Err(error)) => tracing::warn!("tokens kept as they were: {error}"),
        }
        for keys in &keys {
            match keys.reread() {
                Ok(()) => tracing::info!("certificate read again"),
                Err(error) => tracing::warn!("certificate kept as it was: {error}"),
            }
        }
    }
}

/// Browsers send the name they looked up: one that a stranger pointed at this machine is not ours.
fn this_machine(headers: &HeaderMap) -> Outcome<()> {
    let host = host(headers).unwrap_or_default();
    let name = name(host);
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    let loopback = literal.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if loopback || name.eq_ignore_ascii_case("localhost") {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "foreign_host",
        "not a name of this machine",
        "The API listens on loopback: call it localhost or by its address.",
    ))
}

/// A page of another site must not command the appliance through somebody's browser.
fn same_site(headers: &HeaderMap) -> Outcome<()> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let site = origin.split_once("://").map(|(_, site)| site);
    if site.is_some() && site == host(headers) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "foreign_origin",
        "a page of another site",
        "Commands are taken from the appliance's own page and from programs only.",
    ))
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// A host without its port.
fn name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, secret) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(secret)
}

fn unauthorized(detail: &str) -> Problem {
    let status = StatusCode::UNAUTHORIZED;
    Problem::new(status, "token", "a token is needed", detail)
}

fn too_many() -> Problem {
    let detail = "This address has sent too many requests: wait a second, or raise api.rate.";
    let status = StatusCode::TOO_MANY_REQUESTS;
    Problem::new(status, "rate", "too many requests", detail).retry_after(1)
}

/// What says nothing worth a token: a page without content, and whether the program works.
const OPEN: [&str; 4] = ["/", "/page.css", "/page.js", "/healthz"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_this_machine_by_loopback_address_or_name_only() {
        let judged = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            this_machine(&headers).is_ok()
        };
        for ours in [
            "127.0.0.1:8470",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8470",
            "[::1]",
            "127.0.0.2",
        ] {
            assert!(judged(ours), "{ours}");
        }
        for foreign in [
            "example.org",
            "example.org:8470",
            "127.0.0.1.example.org",
            "10.0.0.1",
            "",
        ] {
            assert!(!judged(foreign), "{foreign}");
        }
        assert!(this_machine(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_command_with_the_origin_of_another_site_is_refused() {
        let judged = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:8470".parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            same_site(&headers).is_ok()
        };
        assert!(judged("http://localhost:8470"));
        for foreign in [
            "http://127.0.0.1:8470",
            "null",
            "http://localhost:3000",
            "localhost:8470",
        ] {
            assert!(!judged(foreign), "{foreign}");
        }
        assert!(same_site(&HeaderMap::new()).is_ok());
    }
}

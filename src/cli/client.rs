//! A client of the appliance's API that waits for its answer: one connection for each request, over TCP,
//! TLS or a Unix socket.
//!
//! A refusal is told in the appliance's own words with what to do about it; everything that keeps an
//! answer from coming names the address that was tried.

mod address;
mod first;
mod messages;
mod tls;

pub(super) use address::Address;
pub(super) use messages::Message;

use super::Exit;
use crate::control::status::Problem;
use first::{First, Listening};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use messages::Messages;
use serde::de::DeserializeOwned;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, pki_types::ServerName};

/// Where the appliance is and how to be let in.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Access {
    /// The appliance: http://HOST:PORT, https://HOST:PORT or unix:PATH
    #[arg(
        long,
        global = true,
        env = "RANSHIFT_API",
        value_name = "URL",
        default_value = address::DEFAULT
    )]
    api: Address,

    /// File that holds the token
    #[arg(long, global = true, env = "RANSHIFT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Certificates (PEM) to trust with https, the appliance's own among them; default: the system's
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// The appliance's other end.
pub(super) struct Client {
    address: Address,
    token: Option<HeaderValue>,
    tls: Option<Arc<ClientConfig>>,
    runtime: Runtime,
}

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The appliance said no.
    Refused(Box<Problem>),
    /// No answer, or not one of an appliance.
    Environment(String),
    /// What was asked makes no sense.
    Usage(String),
    /// The result could not be written.
    Output(io::Error),
}

impl Client {
    /// Reads the token and the certificates; connects to nothing yet.
    pub(super) fn new(access: &Access) -> Result<Self, Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let tls = match access.api {
            Address::Tcp { secure: true, .. } => Some(tls::config(access.ca.as_deref())),
            _ => None,
        };
        let token = access.token_file.as_deref().map(token).transpose()?;
        if token.is_some() && access.api.is_exposed() {
            return Err(Trouble::Usage(format!(
                "the token would cross the network for anybody to read: {} has no TLS; name the appliance \
                 as https://HOST:PORT, by its Unix socket or by a loopback address",
                access.api
            )));
        }
        Ok(Self {
            address: access.api.clone(),
            token,
            tls: tls.transpose().map_err(Trouble::Environment)?,
            runtime: runtime.map_err(|error| Trouble::Environment(error.to_string()))?,
        })
    }

    /// Where the appliance is.
    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// The object at `path`.
    pub(super) fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        let answer = self.ask(Method::GET, path, None)?;
        self.understand(&answer)
    }

    /// What is at `path`, as it came.
    pub(super) fn text(&self, path: &str) -> Result<String, Trouble> {
        let answer = self.ask(Method::GET, path, None)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Writes what is at `path` to `output` while it comes, however much it is.
    pub(super) fn fetch(&self, path: &str, output: &mut dyn Write) -> Result<(), Trouble> {
        self.runtime.block_on(async {
            let answer = timeout(PATIENCE, self.send(Method::GET, path, None));
            let answer = answer.await.map_err(|_| self.silent())??;
            if !answer.status().is_success() {
                return Err(self.refusal(answer).await);
            }
            let mut body = answer.into_body();
            loop {
                let piece = timeout(PATIENCE, body.frame()).await;
                match piece.map_err(|_| self.silent())? {
                    None => return Ok(output.flush()?),
                    Some(Ok(piece)) => {
                        output.write_all(piece.data_ref().map_or(&[][..], Bytes::as_ref))?;
                    }
                    Some(Err(error)) => return Err(self.broken_off(&error)),
                }
            }
        })
    }

    /// The answer to a command.
    pub(super) fn command(&self, path: &str, body: &serde_json::Value) -> Result<Bytes, Trouble> {
        let body = ("application/json", body.to_string().into_bytes());
        self.ask(Method::POST, path, Some(body))
    }

    /// The answer to a new configuration.
    pub(super) fn replace(&self, path: &str, text: Vec<u8>) -> Result<Bytes, Trouble> {
        self.ask(Method::PUT, path, Some(("application/yaml", text)))
    }

    /// An answer as the object that it should be.
    pub(super) fn understand<T: DeserializeOwned>(&self, answer: &[u8]) -> Result<T, Trouble> {
        serde_json::from_slice(answer).map_err(|error| {
            let address = &self.address;
            Trouble::Environment(format!(
                "{address} answers, but not as an appliance of this version does: {error}"
            ))
        })
    }

    /// Gives each message of the event stream to `take` until that says false or the stream ends.
    pub(super) fn follow(
        &self,
        path: &str,
        take: &mut dyn FnMut(Message) -> bool,
    ) -> Result<(), Trouble> {
        self.runtime.block_on(async {
            let answer = timeout(PATIENCE, self.send(Method::GET, path, None));
            let answer = answer.await.map_err(|_| self.silent())??;
            if !answer.status().is_success() {
                return Err(self.refusal(answer).await);
            }
            let mut body = answer.into_body();
            let mut messages = Messages::default();
            // The appliance says something every few seconds even if nothing happens.
            while let Ok(Some(Ok(frame))) = timeout(QUIET, body.frame()).await {
                for message in messages.feed(frame.data_ref().map_or(&[][..], Bytes::as_ref)) {
                    if !take(message) {
                        return Ok(());
                    }
                }
            }
            Err(self.silent())
        })
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<Bytes, Trouble> {
        self.runtime.block_on(async {
            let whole = async {
                let answer = self.send(method, path, body).await?;
                if !answer.status().is_success() {
                    return Err(self.refusal(answer).await);
                }
                self.whole(answer).await
            };
            timeout(PATIENCE, whole).await.map_err(|_| self.silent())?
        })
    }

    async fn whole(&self, answer: Response<Incoming>) -> Result<Bytes, Trouble> {
        let body = Limited::new(answer.into_body(), LARGEST_ANSWER);
        let body = body.collect().await;
        Ok(body.map_err(|error| self.broken_off(&error))?.to_bytes())
    }

    fn broken_off(&self, error: &dyn std::fmt::Display) -> Trouble {
        Trouble::Environment(format!("the answer of {} broke off: {error}", self.address))
    }

    /// What a refusal says; of a server that is no appliance only the number of it.
    async fn refusal(&self, answer: Response<Incoming>) -> Trouble {
        let status = answer.status();
        let body = match self.whole(answer).await {
            Ok(body) => body,
            Err(trouble) => return trouble,
        };
        match serde_json::from_slice(&body) {
            Ok(problem) => Trouble::Refused(Box::new(problem)),
            Err(_) => Trouble::Environment(format!(
                "{} answers {status}, which is not how an appliance refuses: is it one?",
                self.address
            )),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<Response<Incoming>, Trouble> {
        let stream = self.connect().await.map_err(|e| self.unreachable(&e))?;
        let first = First::default();
        let broken = |error: hyper::Error| self.cut_off(&error, &first);
        let stream = Listening::new(stream, first.clone());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // Its end is the end of the answer, which whoever reads the answer is told of.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.host())
            .header(ACCEPT, "*/*");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let bytes = match body {
            Some((kind, bytes)) => {
                request = request.header(CONTENT_TYPE, kind);
                Bytes::from(bytes)
            }
            None => Bytes::new(),
        };
        let request = request
            .body(Full::new(bytes))
            .map_err(|error| Trouble::Usage(format!("{path}: {error}")))?;
        sender.send_request(request).await.map_err(broken)
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match &self.address {
            Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Address::Tcp { host, port, .. } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                let Some(tls) = &self.tls else {
                    return Ok(Box::new(stream));
                };
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                let stream = TlsConnector::from(Arc::clone(tls))
                    .connect(name, stream)
                    .await?;
                Ok(Box::new(stream))
            }
        }
    }

    /// An appliance that has no room may say so before it is asked.
    fn cut_off(&self, error: &hyper::Error, first: &First) -> Trouble {
        first.problem().map_or_else(
            || {
                Trouble::Environment(format!(
                    "no answer from {}: {error}; {CROWDED}",
                    self.address
                ))
            },
            |problem| Trouble::Refused(Box::new(problem)),
        )
    }

    fn unreachable(&self, error: &io::Error) -> Trouble {
        let advice = match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => CROWDED,
            io::ErrorKind::PermissionDenied => "this user may not open it",
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                "is the appliance running? Start it with `ranshift run -c CONFIG`; name another one with --api or RANSHIFT_API"
            }
            _ if self.tls.is_some() => {
                "with https, --ca FILE names certificates to trust; without TLS the address begins with http://"
            }
            _ => "name another appliance with --api or RANSHIFT_API",
        };
        Trouble::Environment(format!(
            "no answer from {}: {error}; {advice}",
            self.address
        ))
    }

    fn silent(&self) -> Trouble {
        Trouble::Environment(format!(
            "no answer from {} within {} s: is the appliance running?",
            self.address,
            PATIENCE.as_secs()
        ))
    }
}

impl Trouble {
    /// Says it on standard error; the exit code that follows.
    pub(super) fn tell(self) -> io::Result<Exit> {
        match self {
            Self::Output(error) => Err(error),
            Self::Refused(problem) => {
                eprintln!("ranshift: {}", refusal(&problem));
                Ok(Exit::Failed)
            }
            Self::Environment(words) => {
                eprintln!("ranshift: {words}");
                Ok(Exit::Environment)
            }
            Self::Usage(words) => {
                eprintln!("ranshift: {words}");
                Ok(Exit::Usage)
            }
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(problem) => f.write_str(&refusal(problem)),
            Self::Environment(words) | Self::Usage(words) => f.write_str(words),
            Self::Output(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// A refusal in words, with what to do.
fn refusal(problem: &Problem) -> String {
    let detail = match problem.detail.is_empty() {
        true => &problem.title,
        false => &problem.detail,
    };
    let mut words = format!("refused: {detail}");
    for problem in &problem.problems {
        words.push_str("\n  ");
        words.push_str(problem);
    }
    let advice = match StatusCode::from_u16(problem.status) {
        Ok(StatusCode::UNAUTHORIZED) => {
            "name the file of a token with --token-file or RANSHIFT_TOKEN_FILE"
        }
        Ok(StatusCode::FORBIDDEN) if problem.kind == "/problems/role" => {
            "this needs a token of role operate"
        }
        Ok(StatusCode::TOO_MANY_REQUESTS) => "try again in a second",
        _ => return words,
    };
    format!("{words}\n  {advice}")
}

fn token(path: &std::path::Path) -> Result<HeaderValue, Trouble> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Trouble::Environment(format!("token file {}: {error}", path.display())))?;
    let bearer = format!("Bearer {}", text.trim());
    let value = HeaderValue::from_str(&bearer).ok().filter(|_| {
        let token = text.trim();
        !token.is_empty() && !token.contains(char::is_whitespace)
    });
    let mut value = value.ok_or_else(|| {
        Trouble::Usage(format!(
            "token file {}: one token is expected, and nothing else",
            path.display()
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Why an appliance closes a connection without a word.
const CROWDED: &str =
    "it may have too many connections open (api.connections): try again, or use its Unix socket";

/// For a whole answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An event stream that says nothing for so long is dead.
const QUIET: Duration = Duration::from_secs(15);

/// Bytes of an answer.
const LARGEST_ANSWER: usize = 64 << 20;

//! Every refusal as `application/problem+json` (RFC 9457): what is wrong and what to do.

use crate::control::board::Unanswered;
use crate::control::status;
use crate::dataplane::mailbox::Refusal;
use crate::telemetry::refusals;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A request that was not done, ready to be told.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// The last part of its type.
    word: &'static str,
    title: String,
    detail: String,
    problems: Vec<String>,
    retry_after: Option<u64>,
}

/// What handlers of requests return.
pub(super) type Outcome<T> = Result<T, Problem>;

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        word: &'static str,
        title: &str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            word,
            title: title.to_owned(),
            detail: detail.into(),
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// Nothing of this name.
    pub(super) fn unknown(kind: &str, name: &str, list: &str) -> Self {
        let detail = format!("There is no {kind} {name}: GET {list} lists them.");
        Self::new(StatusCode::NOT_FOUND, "not_found", "not found", detail)
    }

    /// The body is no JSON, or not what the operation takes.
    pub(super) fn body(status: StatusCode, detail: String) -> Self {
        Self::new(
            status,
            "bad_body",
            "the body is not what is expected",
            detail,
        )
    }

    /// An lcore said no.
    pub(super) fn refused(why: Refusal) -> Self {
        let sentence = refusals::sentence(why);
        Self::new(
            StatusCode::CONFLICT,
            why.label(),
            sentence,
            format!("The lcore refused: {sentence}. {}", refusals::advice(why)),
        )
    }

    pub(super) fn unanswered(why: Unanswered) -> Self {
        match why {
            Unanswered::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "too many commands wait",
                "Too many commands wait for the lcores: repeat this one in a moment.",
            )
            .retry_after(1),
            Unanswered::Silent => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "no_answer",
                "the lcore did not answer",
                "The lcore did not answer within a second; whether the command holds is not known. Look \
                 at the events and at the lcores of GET /api/v1/appliance before repeating it.",
            ),
        }
    }

    /// A configuration that is wrong or needs a restart.
    pub(super) fn configuration(problems: Vec<String>) -> Self {
        let count = problems.len();
        let plural = if count == 1 { "" } else { "s" };
        let detail = format!(
            "Nothing has changed: {count} problem{plural} must be solved first, each is listed below."
        );
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let title = "the configuration is refused";
        Self {
            problems,
            ..Self::new(status, "configuration", title, detail)
        }
    }

    /// The same with more to say about it.
    pub(super) fn with_detail(self, detail: String) -> Self {
        Self { detail, ..self }
    }

    /// Not before so many seconds.
    pub(super) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The last part of its type.
    pub(super) const fn word(&self) -> &'static str {
        self.word
    }

    /// What a status that the framework chose means here.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (word, detail) = match status {
            StatusCode::NOT_FOUND => (
                "not_found",
                "There is nothing here: GET /openapi.json lists what there is.",
            ),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "This path does not take the method: the Allow header names those that it takes.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => (
                "too_large",
                "The body is larger than this operation takes: 1 MiB for a configuration, 16 KiB else.",
            ),
            StatusCode::REQUEST_TIMEOUT => (
                "too_slow",
                "The request was not complete in time: send it at once.",
            ),
            StatusCode::GATEWAY_TIMEOUT => (
                "no_answer",
                "What was asked for took too long: whether it holds is not known. Look at the events before \
                 repeating it.",
            ),
            StatusCode::BAD_REQUEST => ("bad_request", "The path or the query cannot be read."),
            StatusCode::SERVICE_UNAVAILABLE => (
                "overloaded",
                "Too many connections are open: close some, use the Unix socket (api.socket), or raise \
                 api.connections.",
            ),
            _ => ("internal", "This should not have happened."),
        };
        let title = status.canonical_reason().unwrap_or("refused");
        Self::new(status, word, &title.to_lowercase(), detail)
    }

    fn object(&self) -> status::Problem {
        status::Problem {
            kind: format!("/problems/{}", self.word),
            title: self.title.clone(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            problems: self.problems.clone(),
        }
    }

    /// As bytes of HTTP/1.1, for a connection that is not served.
    pub(super) fn canned(&self) -> Vec<u8> {
        let body = serde_json::to_string(&self.object()).unwrap_or_default();
        format!(
            "HTTP/1.1 {}\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.status,
            body.len()
        )
        .into_bytes()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.object())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// An error that the framework made, in our words.
pub(super) fn in_our_words(response: Response) -> Response {
    let status = response.status();
    let ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == MEDIA_TYPE);
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (parts, _) = response.into_parts();
    let mut told = Problem::of_status(status).into_response();
    if let Some(allow) = parts.headers.get(header::ALLOW) {
        told.headers_mut().insert(header::ALLOW, allow.clone());
    }
    told.map(Body::new)
}

const MEDIA_TYPE: &str = "application/problem+json";

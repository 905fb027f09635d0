//! Bodies of requests: JSON objects of the expected form, whole in time, or a problem that says where they
//! are not.

use super::problem::Problem;
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;

/// A JSON object; no body at all stands for `{}`.
pub(super) struct Object<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Object<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = whole(request, SMALL).await?;
        if bytes.is_empty() {
            return object(b"{}");
        }
        // A form of a foreign page cannot have this type.
        if !json {
            let detail = "Send a JSON object with content-type: application/json.".to_owned();
            return Err(Problem::body(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        object(&bytes)
    }
}

/// All of a body of at most `most` bytes.
pub(super) async fn whole(request: Request, most: usize) -> Result<Bytes, Problem> {
    let bytes = timeout(TIME, to_bytes(request.into_body(), most)).await;
    let bytes = bytes.map_err(|_| Problem::of_status(StatusCode::REQUEST_TIMEOUT))?;
    bytes.map_err(|error| {
        if error
            .source()
            .is_some_and(|why| why.is::<LengthLimitError>())
        {
            return Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let detail = "The body ended before it was whole.".to_owned();
        Problem::body(StatusCode::BAD_REQUEST, detail)
    })
}

fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<Object<T>, Problem> {
    serde_json::from_slice(bytes).map(Object).map_err(|error| {
        let status = if error.is_data() {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::BAD_REQUEST
        };
        Problem::body(status, format!("The body: {error}."))
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// For a body, from the end of the headers.
const TIME: Duration = Duration::from_secs(5);

/// Bytes of a body that is not a configuration.
const SMALL: usize = 16 << 10;

//! Bodies of requests: JSON objects of the expected form, or a problem that says where they are not.

use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

/// A JSON object; no body at all stands for `{}`.
pub(super) struct Object<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Object<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = whole(request, state).await?;
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

/// All of a body, within the limit of its route.
pub(super) async fn whole<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let read = Bytes::from_request(request, state).await;
    read.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE),
        _ => {
            let detail = "The body ended before it was whole.".to_owned();
            Problem::body(StatusCode::BAD_REQUEST, detail)
        }
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

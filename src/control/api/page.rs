//! The dashboard's files beside the API. They hold nothing of this appliance, so they need no token.

use crate::telemetry::page::{HEADERS, PARTS, Part};
use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Adds the dashboard's files to `router`.
pub(super) fn beside<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    PARTS.iter().fold(router, |router, part| {
        router.route(part.path, get(async || answer(part)))
    })
}

fn answer(part: &Part) -> Response {
    let kind = [(header::CONTENT_TYPE, part.content_type)];
    (HEADERS, kind, part.body).into_response()
}

//! The wanted side: the configuration in force.

use super::Shared;
use crate::control::status::{self, Spec};
use axum::Json;
use axum::extract::State;

/// The configuration in force, as it was written
#[utoipa::path(
    get, path = "/api/v1/config", tag = "configuration",
    responses((status = 200, body = Spec), (status = "default", body = status::Problem, content_type = "application/problem+json"))
)]
pub(super) async fn config(State(shared): State<Shared>) -> Json<Spec> {
    let wanted = shared.board.wanted();
    Json(Spec {
        term: wanted.term,
        text: wanted.text.clone(),
    })
}

//! The wanted side: the configuration in force, and another to take its place.

use super::access::By;
use super::problem::{Outcome, Problem};
use super::{Shared, body};
use crate::control::apply::{self, Refused};
use crate::control::status::{self, Applied, Spec};
use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

/// How to apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// True: only say what would change.
    #[serde(default)]
    dry_run: bool,
}

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

/// Puts a configuration in force, or refuses it as a whole
///
/// The body is a configuration file. Cells that it does not change notice nothing; every difference is in
/// the answer. The file that the process was started with is not written.
#[utoipa::path(
    put, path = "/api/v1/config", tag = "configuration", params(How),
    request_body(content = String, content_type = "application/yaml", description = "At most 1 MiB"),
    responses(
        (status = 200, body = Applied),
        (status = 422, description = "Refused: every problem, with its place", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn replace(
    State(shared): State<Shared>,
    Query(how): Query<How>,
    by: By,
    request: Request,
) -> Outcome<Json<Applied>> {
    let bytes = body::whole(request, LARGEST).await?;
    let text = String::from_utf8(bytes.into()).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let detail = format!("The body is not UTF-8 text, from byte {valid} on.");
        Problem::body(StatusCode::BAD_REQUEST, detail)
    })?;
    let file = "configuration".to_owned();
    // Begun is begun: a client that goes away does not leave half of it.
    let board = std::sync::Arc::clone(&shared.board);
    let applying =
        tokio::spawn(async move { apply::apply(&board, (text, file), how.dry_run, &by.0).await });
    let applied = applying
        .await
        .map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    applied.map(Json).map_err(|refused| match refused {
        Refused::Problems(problems) => Problem::configuration(problems),
        Refused::Unanswered(why) => Problem::unanswered(why),
    })
}

/// Bytes of a configuration.
const LARGEST: usize = 1 << 20;

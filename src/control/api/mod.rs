//! The API: HTTP and JSON over what control knows and can do.
//!
//! Every route is registered together with its description, so that `/openapi.json` cannot differ from
//! what is served. Errors are `application/problem+json` whoever made them. Bounded are the size of bodies,
//! the time of a request, the rate of a client, and the connections.

mod access;
mod body;
mod commanding;
mod configuration;
mod events;
mod groups;
mod keys;
mod listener;
mod metrics;
mod pace;
mod page;
mod problem;
mod rate;
mod reading;
mod recordings;
mod seats;
mod strangers;
mod tokens;

pub use listener::Address;

use crate::control::board::Board;
use access::Access;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use problem::Problem;
use std::io;
use std::sync::Arc;
use tokio::runtime::Runtime;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What all requests share.
#[derive(Clone)]
struct Shared {
    board: Arc<Board>,
    access: Arc<Access>,
    /// The document, as it is served.
    document: Arc<str>,
}

/// Listens where the configuration says and serves on `runtime`; returns the addresses.
pub(super) fn serve(runtime: &Runtime, board: &Arc<Board>) -> io::Result<Vec<Address>> {
    let wanted = board.wanted();
    let Some(api) = &wanted.config.api else {
        return Ok(Vec::new());
    };
    let access = Arc::new(Access::open(api)?);
    let _context = runtime.enter();
    let doors = listener::open(api)?;
    let addresses = doors.iter().map(listener::Door::address).collect();
    let router = router(board, &access);
    let keys = doors.iter().filter_map(listener::Door::keys).collect();
    for door in doors {
        runtime.spawn(door.serve(router.clone(), api.connections));
    }
    runtime.spawn(access::reread(access, keys));
    Ok(addresses)
}

/// Removes what is left of listening: the files of Unix sockets.
pub(super) fn forget(addresses: &[Address]) {
    for address in addresses {
        if let Address::Socket(path) = address {
            // Gone already is as good.
            drop(std::fs::remove_file(path));
        }
    }
}

/// The OpenAPI document of every route.
pub fn document() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "ranshift",
        description = "The appliance between RUs and DUs: what is, what is wanted, what happened, and commands. Objects are named by their names in the configuration; instants are nanoseconds since the Unix epoch; slots are slot counts of their cell."
    ),
    tags(
        (name = "status", description = "What is, beside what is wanted (spec)"),
        (name = "commands", description = "Each is answered with the slot from which it holds"),
        (name = "events", description = "What happened, and why"),
        (name = "configuration", description = "What is wanted"),
        (name = "appliance", description = "About the program itself"),
    )
)]
struct Document;

fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(reading::appliance))
        .routes(routes!(reading::cells))
        .routes(routes!(reading::cell))
        .routes(routes!(reading::member))
        .routes(routes!(reading::pattern, commanding::set_pattern))
        .routes(routes!(reading::prb_use))
        .routes(routes!(reading::groups_by_plane))
        .routes(routes!(commanding::migrate))
        .routes(routes!(commanding::fail_over))
        .routes(routes!(commanding::fence))
        .routes(routes!(commanding::readmit))
        .routes(routes!(commanding::arm))
        .routes(routes!(commanding::mode))
        .routes(routes!(recordings::capture))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::one))
        .routes(routes!(recordings::file))
        .routes(routes!(events::events))
        .routes(routes!(events::stream))
        .routes(routes!(configuration::config, configuration::replace))
        .routes(routes!(reading::health))
        .routes(routes!(metrics::metrics))
        .routes(routes!(openapi))
}

fn router(board: &Arc<Board>, access: &Arc<Access>) -> Router {
    let (router, document) = routes().split_for_parts();
    let document = document.to_json().unwrap_or_default();
    let shared = Shared {
        board: Arc::clone(board),
        access: Arc::clone(access),
        document: document.into(),
    };
    page::beside(router)
        .fallback(|| async { Problem::of_status(StatusCode::NOT_FOUND) })
        .layer(middleware::from_fn(pace::answer_in_time))
        .layer(middleware::from_fn_with_state(
            shared.clone(),
            access::admit,
        ))
        .layer(middleware::map_response(problem_response))
        .layer(middleware::from_fn_with_state(
            shared.clone(),
            metrics::count,
        ))
        .with_state(shared)
}

async fn problem_response(response: Response) -> Response {
    problem::in_our_words(response)
}

/// This document
#[utoipa::path(
    get, path = "/openapi.json", tag = "appliance",
    responses((status = 200, body = Object))
)]
async fn openapi(State(shared): State<Shared>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, shared.document.to_string()).into_response()
}

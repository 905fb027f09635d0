//! `/metrics`: what the lcores reported last, as Prometheus reads it; and the count of requests in it.

use super::Shared;
use crate::control::board::Known;
use crate::control::status;
use crate::ran::PortId;
use crate::telemetry::metrics::{self, CONTENT_TYPE, Pool, Process, Reading};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Metrics in the text format of Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "status",
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    let board = &shared.board;
    let Known { wanted, sights, .. } = board.known();
    let seen = board.seats().iter().zip(&sights);
    let lcores: Vec<_> = seen
        .filter_map(|(seat, sight)| Some((seat.lcore, sight.now.as_deref()?)))
        .collect();
    let pools: Vec<Pool> = board
        .mempools()
        .into_iter()
        .map(|pool| Pool {
            name: pool.mempool,
            size: pool.size,
            in_use: pool.in_use,
        })
        .collect();
    let ports = (0..wanted.config.ports.len()).map(|port| PortId(port as u8));
    let links: Vec<bool> = ports.clone().map(|port| board.link_up(port)).collect();
    let losses: Vec<_> = ports.map(|port| board.losses(port)).collect();
    let text = metrics::text(&Reading {
        names: &wanted.record.names,
        lcores: &lcores,
        tally: &board.tally(),
        pools: &pools,
        links: &links,
        losses: &losses,
        process: Process {
            started: board.started,
            resident_bytes: resident_bytes(),
            live_state_kept: board.live_state_kept(),
        },
        recordings: board.archive.recordings(),
    });
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// Counts a request by its route and answer; what is no route counts as `other`.
pub(super) async fn count(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    shared.board.answered(route, response.status().as_u16());
    response
}

/// Memory that the process holds, as the system says.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

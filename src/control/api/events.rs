//! What happened: the last events as an array, and every new one as it happens (server-sent events).

use super::Shared;
use super::problem::{Outcome, Problem};
use super::seats::Streams;
use crate::control::status;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::{self, KeepAlive};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

/// One event on its way.
type Sent = Result<sse::Event, Infallible>;

/// Which events.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only those after this number, the first ones; absent: the last ones.
    after: Option<u64>,
    /// Only those of this cell.
    cell: Option<String>,
    /// At most so many, 1000 at most.
    limit: Option<usize>,
}

/// Which events to follow.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Follow {
    /// Begin after this number, as the header Last-Event-ID says it on a second connection.
    after: Option<u64>,
    /// Only those of this cell.
    cell: Option<String>,
}

/// The last events, oldest first
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", params(Which),
    responses(
        (status = 200, body = Vec<status::Event>),
        (status = 404, description = "No such cell", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Outcome<Json<Vec<status::Event>>> {
    known(&shared, which.cell.as_deref())?;
    let wants = |event: &status::Event| is_of(event, which.cell.as_deref());
    let limit = which.limit.unwrap_or(DEFAULT_LIMIT).min(LARGEST_LIMIT);
    let log = &shared.board.log;
    let events = match which.after {
        Some(after) => log.after(after, limit, wants).entries,
        None => log.newest(limit, wants),
    };
    Ok(Json(events.iter().map(|event| (**event).clone()).collect()))
}

/// Every new event as it happens
///
/// `id` is the number, `event` the kind, `data` the event as JSON. After `Last-Event-ID` (or `?after`)
/// nothing is missed that is still kept; `lagged` says up to which number events are gone, or that the
/// process has been started again and counts from one (`restarted`).
#[utoipa::path(
    get, path = "/api/v1/events/stream", tag = "events", params(Follow),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 404, description = "No such cell", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn stream(
    State(shared): State<Shared>,
    Extension(streams): Extension<Streams>,
    Query(follow): Query<Follow>,
    headers: HeaderMap,
) -> Outcome<Sse<sse::KeepAliveStream<ReceiverStream<Sent>>>> {
    known(&shared, follow.cell.as_deref())?;
    let last = headers.get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let newest = *shared.board.log.watch().borrow();
    let from = last.or(follow.after).unwrap_or(newest);
    let room = streams.take().ok_or_else(too_many)?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        feed(shared, follow.cell, from, sender).await;
        drop::<OwnedSemaphorePermit>(room);
    });
    let alive = KeepAlive::new().interval(ALIVE);
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(alive))
}

/// Until the client has gone. A client that reads slowly holds up this task only.
async fn feed(shared: Shared, cell: Option<String>, mut seen: u64, sender: mpsc::Sender<Sent>) {
    let mut newest = shared.board.log.watch();
    let mut told_gone = 0;
    // A number that was never given here is another process's: what it told is gone, all of this one is new.
    if seen > *newest.borrow() {
        let data = json!({"after": seen, "gone": seen, "restarted": true});
        if sender.send(Ok(lagged(&data))).await.is_err() {
            return;
        }
        seen = 0;
    }
    loop {
        let last = *newest.borrow_and_update();
        let reading = shared
            .board
            .log
            .after(seen, AHEAD, |event| is_of(event, cell.as_deref()));
        if let Some(gone) = reading.gone.filter(|gone| *gone > told_gone) {
            told_gone = gone;
            let data = json!({"after": seen, "gone": gone, "restarted": false});
            if sender.send(Ok(lagged(&data))).await.is_err() {
                return;
            }
        }
        let whole = reading.entries.len() < AHEAD;
        for entry in &reading.entries {
            if sender.send(Ok(event(entry))).await.is_err() {
                return;
            }
            seen = entry.id;
        }
        if !whole {
            continue;
        }
        seen = seen.max(last);
        tokio::select! {
            changed = newest.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
    }
}

fn lagged(data: &Value) -> sse::Event {
    sse::Event::default().event("lagged").data(data.to_string())
}

fn event(event: &status::Event) -> sse::Event {
    let data = serde_json::to_string(event).unwrap_or_default();
    sse::Event::default()
        .id(event.id.to_string())
        .event(&event.event)
        .data(data)
}

fn known(shared: &Shared, cell: Option<&str>) -> Outcome<()> {
    let Some(name) = cell else { return Ok(()) };
    let found = shared.board.wanted().cell(name);
    let unknown = || Problem::unknown("cell", name, "/api/v1/cells");
    found.map(|_| ()).ok_or_else(unknown)
}

fn too_many() -> Problem {
    let detail = "Half of api.connections are streams of events already: close one, or ask for the events \
                  after a number with GET /api/v1/events?after=NUMBER.";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "overloaded", "too many streams", detail).retry_after(1)
}

fn is_of(event: &status::Event, cell: Option<&str>) -> bool {
    cell.is_none_or(|cell| event.cell.as_deref() == Some(cell))
}

const DEFAULT_LIMIT: usize = 100;
const LARGEST_LIMIT: usize = 1000;

/// Events that are made ready before the client has read the last ones.
const AHEAD: usize = 64;

/// A comment is sent when nothing happens for so long.
const ALIVE: Duration = Duration::from_secs(5);

//! Flight recordings: taken when asked, listed, and read file by file.

use super::Shared;
use super::problem::{Outcome, Problem};
use crate::control::board::{Board, Unanswered};
use crate::control::recordings::Recordings;
use crate::control::status::{self, Captured, KeptRecording};
use crate::telemetry::recording::{Kept, Store};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::io;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

const LIST: &str = "/api/v1/recordings";
/// Bytes of a file that are read at once, and how many such pieces wait for a client.
const PIECE: usize = 64 * 1024;
const AHEAD: usize = 2;

/// What is recorded of the cell is written to disk
#[utoipa::path(
    post, path = "/api/v1/cells/{cell}/capture", tag = "commands",
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Captured),
        (status = 404, description = "No such cell", body = status::Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is nothing to record, or it cannot be written", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn capture(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Outcome<Json<Captured>> {
    let cell = shared.board.wanted().cell(&name);
    let cell = cell.ok_or_else(|| Problem::unknown("cell", &name, "/api/v1/cells"))?;
    let captured = shared.board.archive.capture(cell).await;
    match captured.map_err(|why| match why {
        Unanswered::Busy => Problem::unanswered(why),
        Unanswered::Silent => late(),
    })? {
        Ok(name) => Ok(Json(Captured { name })),
        Err(why) => Err(Problem::new(
            StatusCode::CONFLICT,
            "not_recorded",
            "nothing was recorded",
            why,
        )),
    }
}

fn late() -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "no_answer",
        "the recording is not on disk yet",
        "The lcore or the disk takes long: an event `recorded` or `not_recorded` will say what has become \
         of it.",
    )
}

/// The recordings that are kept, oldest first
#[utoipa::path(
    get, path = "/api/v1/recordings", tag = "events",
    responses((status = 200, body = Vec<KeptRecording>), (status = "default", body = status::Problem, content_type = "application/problem+json"))
)]
pub(super) async fn list(State(shared): State<Shared>) -> Outcome<Json<Vec<KeptRecording>>> {
    let kept = with_store(&shared.board, |store| store.list()).await?;
    Ok(Json(kept.into_iter().map(told).collect()))
}

/// One recording and its files
#[utoipa::path(
    get, path = "/api/v1/recordings/{name}", tag = "events",
    params(("name" = String, Path, description = "Name of the recording")),
    responses(
        (status = 200, body = KeptRecording),
        (status = 404, description = "No such recording", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Outcome<Json<KeptRecording>> {
    let asked = name.clone();
    let kept = with_store(&shared.board, move |store| store.find(&asked)).await?;
    let kept = kept.ok_or_else(|| Problem::unknown("recording", &name, LIST))?;
    Ok(Json(told(kept)))
}

/// One file of a recording
#[utoipa::path(
    get, path = "/api/v1/recordings/{name}/{file}", tag = "events",
    params(
        ("name" = String, Path, description = "Name of the recording"),
        ("file" = String, Path, description = "Name of the file"),
    ),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "No such recording or file", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn file(
    State(shared): State<Shared>,
    Path((name, file)): Path<(String, String)>,
) -> Outcome<Response> {
    let (asked, wanted) = (name.clone(), file.clone());
    let path = with_store(&shared.board, move |store| store.file(&asked, &wanted)).await?;
    let list = format!("{LIST}/{name}");
    let unknown = || Problem::unknown("file", &file, &list);
    let opened = File::open(path.ok_or_else(unknown)?).await;
    let opened = opened.map_err(|_| unknown())?;
    let size = opened.metadata().await.map_err(|_| unknown())?.len();
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(pieces(opened, sender));
    let head = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
    ];
    Ok((head, Body::from_stream(ReceiverStream::new(receiver))).into_response())
}

/// Until the end or until the client has gone, which is no faster than it reads.
async fn pieces(mut file: File, sender: mpsc::Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match file.read(&mut piece).await {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                Ok(piece)
            }
            Err(error) => Err(error),
        };
        if sender.send(read).await.is_err() {
            return;
        }
    }
}

/// Reads the disk on a thread that may wait for it; nothing if nothing is recorded.
async fn with_store<T: Default + Send + 'static>(
    board: &Board,
    read: impl FnOnce(&Store) -> T + Send + 'static,
) -> Outcome<T> {
    let Some(recordings) = Recordings::new(&board.wanted().config) else {
        return Ok(T::default());
    };
    let read = tokio::task::spawn_blocking(move || read(recordings.store()));
    read.await
        .map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))
}

fn told(kept: Kept) -> KeptRecording {
    let Kept { name, about, files } = kept;
    KeptRecording {
        name,
        cell: about.cell,
        trigger: about.trigger,
        taken_ns: about.taken_ns,
        term: about.term,
        cells: about.cells,
        frames: about.frames,
        files: files
            .into_iter()
            .map(|(name, bytes)| status::RecordingFile { name, bytes })
            .collect(),
    }
}

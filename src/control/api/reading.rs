//! What is: the appliance, its cells, groups, members, slot patterns and PRB use.

use super::problem::{Outcome, Problem};
use super::{Shared, groups};
use crate::control::report;
use crate::control::status::{
    self, Appliance, Cell, CellPattern, Group, Health, Member, MemberPrbUse, SlotPattern,
};
use crate::ran::{CellId, SlotCount};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

/// The appliance as a whole
#[utoipa::path(
    get, path = "/api/v1/appliance", tag = "status",
    responses((status = 200, body = Appliance), (status = "default", body = status::Problem, content_type = "application/problem+json"))
)]
pub(super) async fn appliance(State(shared): State<Shared>) -> Json<Appliance> {
    Json(report::appliance(&shared.board))
}

/// Every cell
#[utoipa::path(
    get, path = "/api/v1/cells", tag = "status",
    responses((status = 200, body = Vec<Cell>), (status = "default", body = status::Problem, content_type = "application/problem+json"))
)]
pub(super) async fn cells(State(shared): State<Shared>) -> Json<Vec<Cell>> {
    Json(report::cells(&shared.board))
}

/// One cell
#[utoipa::path(
    get, path = "/api/v1/cells/{cell}", tag = "status",
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Cell),
        (status = 404, description = "No such cell", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cell(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Outcome<Json<Cell>> {
    let (_, cell) = found(&shared, &name)?;
    Ok(Json(cell))
}

/// One member of a cell's group
#[utoipa::path(
    get, path = "/api/v1/cells/{cell}/members/{member}", tag = "status",
    params(
        ("cell" = String, Path, description = "Name of the cell"),
        ("member" = String, Path, description = "Name of the DU"),
    ),
    responses(
        (status = 200, body = Member),
        (status = 404, description = "No such cell or member", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn member(
    State(shared): State<Shared>,
    Path((name, member)): Path<(String, String)>,
) -> Outcome<Json<Member>> {
    let (_, cell) = found(&shared, &name)?;
    let mut members = cell.status.members.into_iter();
    let list = format!("/api/v1/cells/{name}");
    members
        .find(|found| found.member == member)
        .map(Json)
        .ok_or_else(|| Problem::unknown("member", &member, &list))
}

/// Who owns which slot: now, and from the next boundary
///
/// With the PRB use this is what a scheduler policy at the DUs follows. The slot pattern holds while the
/// cell is shared.
#[utoipa::path(
    get, path = "/api/v1/cells/{cell}/pattern", tag = "status",
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = CellPattern),
        (status = 404, description = "No such cell", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn pattern(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Outcome<Json<CellPattern>> {
    let (id, cell) = found(&shared, &name)?;
    let next = cell.status.next_pattern.as_ref();
    let from = next.and_then(|next: &SlotPattern| next.from_slot);
    Ok(Json(CellPattern {
        mode: cell.status.mode,
        current: cell.status.pattern,
        next_from_ns: from.and_then(|slot| air(&shared, id, SlotCount(slot))),
        next: cell.status.next_pattern,
        pattern_lead: cell.spec.pattern_lead,
        slot: cell.status.slot,
        slot_us: cell.spec.slot_us,
        at_ns: cell.status.at_ns,
    }))
}

/// What each member asked of the carrier over the last window
///
/// The window is sharing.adaptive.window, or 100 ms. Measured while the cell is shared.
#[utoipa::path(
    get, path = "/api/v1/cells/{cell}/prb-use", tag = "status",
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Vec<MemberPrbUse>),
        (status = 404, description = "No such cell", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn prb_use(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Outcome<Json<Vec<MemberPrbUse>>> {
    let (_, cell) = found(&shared, &name)?;
    let members = cell.status.members.into_iter();
    let used = members.map(|member| MemberPrbUse {
        member: member.member,
        prb_use: member.prb_use,
    });
    Ok(Json(used.collect()))
}

/// The groups by plane: the fixed side of each and who is what in it
#[utoipa::path(
    get, path = "/api/v1/groups", tag = "status",
    responses((status = 200, body = Vec<Group>), (status = "default", body = status::Problem, content_type = "application/problem+json"))
)]
pub(super) async fn groups_by_plane(State(shared): State<Shared>) -> Json<Vec<Group>> {
    Json(groups::groups(report::cells(&shared.board)))
}

/// Whether every lcore answers
#[utoipa::path(
    get, path = "/healthz", tag = "appliance",
    responses(
        (status = 200, body = Health),
        (status = 503, description = "An lcore has not answered for a second", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn health(State(shared): State<Shared>) -> Outcome<Json<Health>> {
    let silent_ms = shared.board.silence().as_nanos() as f64 / 1e6;
    if silent_ms > 1_000.0 {
        let detail = format!(
            "An lcore has not answered for {silent_ms:.0} ms: GET /api/v1/appliance shows which one."
        );
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Problem::new(
            status,
            "lcore_silent",
            "an lcore is silent",
            detail,
        ));
    }
    let status = "ok".to_owned();
    Ok(Json(Health { status, silent_ms }))
}

/// The cell of this name.
pub(super) fn found(shared: &Shared, name: &str) -> Outcome<(CellId, Cell)> {
    let unknown = || Problem::unknown("cell", name, "/api/v1/cells");
    let id = shared.board.wanted().cell(name).ok_or_else(unknown)?;
    let cell = report::cell(&shared.board, id).ok_or_else(unknown)?;
    Ok((id, cell))
}

/// When a slot of a cell is on air, ns since the Unix epoch.
pub(super) fn air(shared: &Shared, cell: CellId, slot: SlotCount) -> Option<u64> {
    let (_, seen) = report::observed(&shared.board.sights(), cell)?;
    Some(seen.clock?.air(slot, 0).0)
}

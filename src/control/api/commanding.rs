//! Commands: each is given to the lcore that owns the cell, and answered with what the lcore said.

use super::access::By;
use super::body::Object;
use super::problem::{Outcome, Problem};
use super::{Shared, reading};
use crate::control::board::Answer;
use crate::control::clock;
use crate::control::status::{self, Accepted};
use crate::control::wanted::Wanted;
use crate::dataplane::mailbox::{self, Action, PatternBits, Refusal};
use crate::ran::{CellId, Instant, MemberId, SlotCount};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// When a command applies.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Boundary {
    /// The first slot of which nothing has been sent to the RU yet.
    #[default]
    Next,
    /// So many slots after the slot on air.
    InSlots(u32),
    /// A slot count of the cell.
    Slot(u64),
    /// `SFN.SLOT`: the next time they come around; needs GPS time.
    Sfn(String),
    /// The first slot on air at or after this time, ns since the Unix epoch.
    AtNs(u64),
}

/// A planned switch.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Migrate {
    /// The new active member.
    to: String,
    #[serde(default)]
    boundary: Boundary,
}

/// An unplanned switch, as if the active member were lost now.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FailOver {
    /// Who takes over; absent or null: the armed standby.
    #[serde(default)]
    to: Option<String>,
}

/// A member of the cell.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneMember {
    /// Its name.
    member: String,
}

/// The armed plan.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arm {
    /// Who takes over when the active member is lost; null: nobody.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    standby: Option<String>,
}

/// A mode.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum SetMode {
    /// One member speaks.
    Single {
        /// Who.
        active: String,
        #[serde(default)]
        boundary: Boundary,
    },
    /// Two members share the RU by the slot pattern.
    Shared {
        /// The active member.
        source: String,
        /// Where the cell is going.
        destination: String,
        #[serde(default)]
        boundary: Boundary,
    },
}

/// A new slot pattern.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetPattern {
    /// One letter for each slot of the period: `S` source, `D` destination; 1 to 160 of them.
    #[schema(pattern = "^[SD]{1,160}$", example = "SSSSSDDDDD")]
    slots: String,
    #[serde(default)]
    boundary: Boundary,
}

/// From the boundary only another member may speak
#[utoipa::path(
    post, path = "/api/v1/cells/{cell}/migrate", tag = "commands", request_body = Migrate,
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Accepted),
        (status = 404, description = "No such cell or member", body = status::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Refused by the lcore: the type names the reason", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn migrate(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    by: By,
    Object(asked): Object<Migrate>,
) -> Outcome<Json<Accepted>> {
    let order = Ordered::new(&shared, &name, by)?;
    let to = order.member(&asked.to)?;
    order
        .give(Action::Switch { to }, when(&asked.boundary)?)
        .await
}

/// As if the active member were lost now
///
/// It is fenced at once, and the standby takes over from the first slot that it begins after this: the
/// answer names the first slot that can be, the event `mode` the one that was. While a failover waits for a
/// member that does not begin, this gives it another to wait for.
#[utoipa::path(
    post, path = "/api/v1/cells/{cell}/failover", tag = "commands", request_body = FailOver,
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Accepted),
        (status = 404, description = "No such cell or member", body = status::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Refused by the lcore: the type names the reason", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn fail_over(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    by: By,
    Object(asked): Object<FailOver>,
) -> Outcome<Json<Accepted>> {
    let order = Ordered::new(&shared, &name, by)?;
    let to = asked.to.map(|to| order.member(&to)).transpose()?;
    order
        .give(Action::FailOver { to }, mailbox::Boundary::Next)
        .await
}

/// The member may not speak, at once
#[utoipa::path(
    post, path = "/api/v1/cells/{cell}/fence", tag = "commands", request_body = OneMember,
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Accepted),
        (status = 404, description = "No such cell or member", body = status::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Refused by the lcore: the type names the reason", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn fence(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    by: By,
    Object(asked): Object<OneMember>,
) -> Outcome<Json<Accepted>> {
    let order = Ordered::new(&shared, &name, by)?;
    let member = order.member(&asked.member)?;
    order
        .give(Action::Fence { member }, mailbox::Boundary::Next)
        .await
}

/// A fenced member may take part again
///
/// It is a standby, or active at once if the failover that fenced it still waits for another.
#[utoipa::path(
    post, path = "/api/v1/cells/{cell}/readmit", tag = "commands", request_body = OneMember,
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Accepted),
        (status = 404, description = "No such cell or member", body = status::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Refused by the lcore: the type names the reason", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readmit(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    by: By,
    Object(asked): Object<OneMember>,
) -> Outcome<Json<Accepted>> {
    let order = Ordered::new(&shared, &name, by)?;
    let member = order.member(&asked.member)?;
    order
        .give(Action::Readmit { member }, mailbox::Boundary::Next)
        .await
}

/// Who takes over when the active member is lost
#[utoipa::path(
    post, path = "/api/v1/cells/{cell}/arm", tag = "commands", request_body = Arm,
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Accepted),
        (status = 404, description = "No such cell or member", body = status::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Refused by the lcore: the type names the reason", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn arm(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    by: By,
    Object(asked): Object<Arm>,
) -> Outcome<Json<Accepted>> {
    let order = Ordered::new(&shared, &name, by)?;
    let standby = asked
        .standby
        .map(|standby| order.member(&standby))
        .transpose()?;
    order
        .give(Action::Arm { standby }, mailbox::Boundary::Next)
        .await
}

/// One member speaks, or two share the RU
#[utoipa::path(
    post, path = "/api/v1/cells/{cell}/mode", tag = "commands", request_body = SetMode,
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Accepted),
        (status = 404, description = "No such cell or member", body = status::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Refused by the lcore: the type names the reason", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn mode(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    by: By,
    Object(asked): Object<SetMode>,
) -> Outcome<Json<Accepted>> {
    let order = Ordered::new(&shared, &name, by)?;
    let (action, boundary) = match &asked {
        SetMode::Single { active, boundary } => {
            let to = order.member(active)?;
            (Action::Switch { to }, boundary)
        }
        SetMode::Shared {
            source,
            destination,
            boundary,
        } => {
            let source = order.member(source)?;
            let destination = order.member(destination)?;
            let share = Action::Share {
                source,
                destination,
            };
            (share, boundary)
        }
    };
    order.give(action, when(boundary)?).await
}

/// From the boundary slots are owned by this pattern
///
/// It is published at least pattern_lead slots before it applies: GET .../pattern shows it at once.
#[utoipa::path(
    post, path = "/api/v1/cells/{cell}/pattern", tag = "commands", request_body = SetPattern,
    params(("cell" = String, Path, description = "Name of the cell")),
    responses(
        (status = 200, body = Accepted),
        (status = 404, description = "No such cell", body = status::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Refused by the lcore: the type names the reason", body = status::Problem, content_type = "application/problem+json"),
        (status = "default", body = status::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn set_pattern(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    by: By,
    Object(asked): Object<SetPattern>,
) -> Outcome<Json<Accepted>> {
    let order = Ordered::new(&shared, &name, by)?;
    let owners: Option<Vec<bool>> = asked
        .slots
        .chars()
        .map(|letter| match letter {
            'S' => Some(false),
            'D' => Some(true),
            _ => None,
        })
        .collect();
    let pattern = owners.and_then(|owners| PatternBits::new(&owners));
    let pattern = pattern.ok_or_else(|| {
        let detail = "slots: one letter S or D for each slot of the period, 1 to 160 of them";
        Problem::body(StatusCode::UNPROCESSABLE_ENTITY, detail.to_owned())
    })?;
    order
        .give(Action::Pattern(pattern), when(&asked.boundary)?)
        .await
}

/// A command on its way.
struct Ordered<'a> {
    shared: &'a Shared,
    wanted: std::sync::Arc<Wanted>,
    name: &'a str,
    cell: CellId,
    by: By,
}

impl<'a> Ordered<'a> {
    fn new(shared: &'a Shared, name: &'a str, by: By) -> Outcome<Self> {
        let wanted = shared.board.wanted();
        let cell = wanted
            .cell(name)
            .ok_or_else(|| Problem::unknown("cell", name, "/api/v1/cells"))?;
        Ok(Self {
            shared,
            wanted,
            name,
            cell,
            by,
        })
    }

    fn member(&self, name: &str) -> Outcome<MemberId> {
        let list = format!("/api/v1/cells/{}", self.name);
        self.wanted
            .member(self.cell, name)
            .ok_or_else(|| Problem::unknown("member", name, &list))
    }

    async fn give(self, action: Action, boundary: mailbox::Boundary) -> Outcome<Json<Accepted>> {
        let board = &self.shared.board;
        let answer = board
            .command(self.wanted.term, (self.cell, boundary, action), self.by.0)
            .await;
        match answer.map_err(Problem::unanswered)? {
            Answer::Refused {
                why: Refusal::FailoverWaits,
            } => Err(waits(self.shared, self.name)),
            Answer::Refused { why } => Err(Problem::refused(why)),
            Answer::Accepted { command, boundary } => Ok(Json(Accepted {
                command,
                cell: self.name.to_owned(),
                boundary_slot: boundary.0,
                boundary_ns: reading::air(self.shared, self.cell, boundary)
                    .filter(|_| boundary != SlotCount(0))
                    .unwrap_or_else(|| clock::wall().0),
            })),
        }
    }
}

/// A failover waits: for whom, and what ends that, by name if the lcore has reported it already.
fn waits(shared: &Shared, name: &str) -> Problem {
    let refused = Problem::refused(Refusal::FailoverWaits);
    let Ok((_, cell)) = reading::found(shared, name) else {
        return refused;
    };
    let status = cell.status;
    let holds = |name: &String| match &status.mode {
        status::CellMode::Single { active } => active == name,
        status::CellMode::Shared {
            source,
            destination,
        } => source == name || destination == name,
    };
    let members = status.members.iter();
    let mut fenced = members.filter(|member| member.role == "fenced" && holds(&member.member));
    let (Some(awaited), Some(fenced)) = (status.waiting_for, fenced.next()) else {
        return refused;
    };
    let fenced = &fenced.member;
    refused.with_detail(format!(
        "A failover waits for {awaited}: `failover {name} --to MEMBER` takes another member, \
         `readmit {name} {fenced}` puts {fenced} back on air, `fence {name} {awaited}` gives up on it."
    ))
}

fn when(boundary: &Boundary) -> Outcome<mailbox::Boundary> {
    Ok(match boundary {
        Boundary::Next => mailbox::Boundary::Next,
        Boundary::InSlots(slots) => mailbox::Boundary::InSlots(*slots),
        Boundary::Slot(slot) => mailbox::Boundary::Slot(SlotCount(*slot)),
        Boundary::AtNs(at) => mailbox::Boundary::At(Instant(*at)),
        Boundary::Sfn(text) => {
            let point = text.split_once('.').and_then(|(sfn, slot)| {
                let number = |text: &str| text.parse::<u16>().ok();
                Some((number(sfn)?, number(slot)?))
            });
            let (sfn, slot) = point.ok_or_else(|| {
                let detail = "boundary.sfn: SFN.SLOT, such as \"12.3\"".to_owned();
                Problem::body(StatusCode::UNPROCESSABLE_ENTITY, detail)
            })?;
            mailbox::Boundary::Sfn { sfn, slot }
        }
    })
}

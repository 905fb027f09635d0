//! The same groups, seen by plane.

use crate::control::status::{Cell, Group, GroupMember};

/// The groups of all cells: those of the fronthaul.
pub(super) fn groups(cells: Vec<Cell>) -> Vec<Group> {
    let group = |cell: Cell| Group {
        plane: "fronthaul".to_owned(),
        cell: cell.cell,
        fixed_side: cell.spec.ru,
        mode: cell.status.mode,
        armed: cell.status.armed,
        members: cell
            .status
            .members
            .into_iter()
            .map(|member| GroupMember {
                member: member.member,
                role: member.role,
            })
            .collect(),
    };
    cells.into_iter().map(group).collect()
}

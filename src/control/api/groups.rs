//! The same groups, seen by plane.

use crate::control::status::{Cell, Group, GroupMember, Member};

/// The groups of all cells: of each its fronthaul, if it has an RU, and its FAPI plane, if it has an L2.
pub(super) fn groups(cells: Vec<Cell>) -> Vec<Group> {
    cells.iter().flat_map(of_cell).collect()
}

fn of_cell(cell: &Cell) -> impl Iterator<Item = Group> {
    let (ru, l2) = (&cell.spec.ru, cell.spec.l2.as_ref());
    let fronthaul = (l2 != Some(ru)).then(|| group("fronthaul", ru, cell));
    let fapi = l2.map(|l2| group("fapi", l2, cell));
    fronthaul.into_iter().chain(fapi)
}

fn group(plane: &str, fixed_side: &str, cell: &Cell) -> Group {
    let members = cell.status.members.iter();
    let member = |member: &Member| GroupMember {
        member: member.member.clone(),
        role: member.role.clone(),
    };
    Group {
        plane: plane.to_owned(),
        cell: cell.cell.clone(),
        fixed_side: fixed_side.to_owned(),
        mode: cell.status.mode.clone(),
        armed: cell.status.armed.clone(),
        members: members.map(member).collect(),
    }
}

//! Where antenna ports go in control symbols while two members share the RU.

use super::cell::Context;
use crate::config::keys::Accepts;
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::{Diagnosis, Problem};
use crate::config::source::text;
use crate::config::source::tree::shorten;
use crate::ran::EaxcId;
use std::collections::HashMap;

/// RU ports to RU ports; each stream that a port stands for must exist in the cell's downlink.
pub(super) fn map(
    field: &Field<'_>,
    context: &Context<'_, '_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<(u16, u16)>> {
    let mut images: HashMap<u16, u16> = HashMap::new();
    let mut map = Vec::new();
    for (key, field) in field.entries(diagnosis)? {
        let from = text::integer(key).and_then(|from| u16::try_from(from).ok());
        let Some(from) = from else {
            diagnosis.refuse(
                field
                    .problem("is not a mapping from an RU_Port_ID")
                    .found(shorten(key)),
            );
            continue;
        };
        let Some(to) = field.within(0, 0xffff, diagnosis) else {
            continue;
        };
        refuse_unknown_ports(&field, from, to, context, diagnosis);
        if let Some(other) = images.insert(to, from) {
            let what = format!("is where RU_Port_ID {other} goes already");
            diagnosis.refuse(
                field
                    .problem(what)
                    .accepted("a port of its own for each port"),
            );
        }
        map.push((from, to));
    }
    Some(map)
}

fn refuse_unknown_ports(
    field: &Field<'_>,
    from: u16,
    to: u16,
    context: &Context<'_, '_>,
    diagnosis: &mut Diagnosis,
) {
    let (Some(carrier), Some(streams)) = (context.carrier, context.streams) else {
        return;
    };
    let layout = carrier.layout;
    let known = |id: EaxcId| streams.downlink.contains(&id);
    let on_port: Vec<EaxcId> = streams
        .downlink
        .iter()
        .copied()
        .filter(|id| layout.ru_port(*id) == from)
        .collect();
    let accepted = "RU_Port_IDs of the cell's downlink eAxC ids under its eaxc_bits";
    if on_port.is_empty() {
        let what = format!("RU_Port_ID {from} is in no downlink eAxC id of the cell");
        diagnosis.refuse(Problem::new(field.mark, &field.path, what).accepted(accepted));
        return;
    }
    for id in on_port {
        if layout.with_ru_port(id, to).is_some_and(known) {
            continue;
        }
        let what =
            format!("RU_Port_ID {to} in place of {from} in eAxC {id} is no downlink of the cell");
        diagnosis.refuse(Problem::new(field.mark, &field.path, what).accepted(accepted));
    }
}

/// No port may be the goal of both members.
pub(super) fn refuse_shared_goals(
    section: &Section<'_>,
    source: Option<&[(u16, u16)]>,
    destination: Option<&[(u16, u16)]>,
    diagnosis: &mut Diagnosis,
) {
    let (Some(source), Some(destination)) = (source, destination) else {
        return;
    };
    for (from, to) in destination {
        if !source.iter().any(|(_, image)| image == to) {
            continue;
        }
        let Some(field) = section.field("destination_ports") else {
            return;
        };
        let field = field.below(&[&from.to_string()]);
        let what = format!("RU_Port_ID {to} is used by source_ports too");
        let problem = Problem::new(field.mark, &field.path, what);
        diagnosis.refuse(problem.accepted("ports that source_ports does not use"));
    }
}

pub(super) const MAP: Accepts = Accepts::Form("a mapping of RU_Port_ID to RU_Port_ID");

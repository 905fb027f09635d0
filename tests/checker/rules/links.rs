//! Proves every line of the index: an output frame is its input frame outside the fields that the box
//! may change. Nothing else is judged before this, since every later rule takes the sender from it.

use super::super::control;
use super::super::packet::Message;
use super::super::run::{Run, Seen, Sent, Use};
use super::super::settings::Cell;
use super::super::timeline::Mode;
use super::super::verdict::{Rule, Verdict};
use super::super::{Frame, Kind, ORIGINATED};
use std::collections::HashMap;

/// Links each output frame to its input, or refuses it.
pub fn judge(run: &mut Run, verdict: &mut Verdict) {
    let mut by_name: HashMap<(u32, u64), Vec<usize>> = HashMap::new();
    for (index, seen) in run.seen.iter().enumerate() {
        by_name.entry(name(seen.frame)).or_default().push(index);
    }
    for index in 0..run.sent.len() {
        verdict.examine(Rule::Link);
        let sent = &run.sent[index];
        let candidates = by_name.get(&name(sent.frame));
        let Some(source) = candidates.and_then(|found| choose(run, found, index)) else {
            verdict.refuse(Rule::Link, run.sent_place(index), None, || {
                match sent.frame.input {
                    ORIGINATED => "made from nothing".to_owned(),
                    input => format!(
                        "no port received frame {} of input {input}",
                        sent.frame.number
                    ),
                }
            });
            continue;
        };
        link(run, index, source, verdict);
    }
    for index in 0..run.seen.len() {
        once(run, index, verdict);
    }
}

/// What an index line calls a frame; those of an emulated peer have no file and are told by their instant.
fn name(frame: &Frame) -> (u32, u64) {
    match frame.input {
        ORIGINATED => (ORIGINATED, frame.at_ns),
        input => (input, frame.number),
    }
}

/// Among input frames of one name (a fault may have doubled them) the one that this output came from.
fn choose(run: &Run, candidates: &[usize], index: usize) -> Option<usize> {
    let [first, _, ..] = candidates else {
        return candidates.first().copied();
    };
    let sent = &run.sent[index];
    let unused = |seen: &Seen| {
        seen.uses
            .iter()
            .all(|used| run.sent[used.sent].peer != sent.peer)
    };
    let same = |seen: &Seen| prove(run, sent, seen).is_ok();
    let at_once = |seen: &Seen| seen.frame.at_ns == sent.frame.at_ns && unused(seen) && same(seen);
    let mut found = candidates.iter().copied();
    let mut again = candidates.iter().copied();
    let best = found.find(|index| at_once(&run.seen[*index]));
    let good = || again.find(|index| unused(&run.seen[*index]) && same(&run.seen[*index]));
    best.or_else(good).or(Some(*first))
}

fn link(run: &mut Run, index: usize, source: usize, verdict: &mut Verdict) {
    let (sent, seen) = (&run.sent[index], &run.seen[source]);
    let (of, partial) = match prove(run, sent, seen) {
        Ok(proof) => proof,
        Err(text) => {
            verdict.refuse(
                Rule::Link,
                run.sent_place(index),
                run.seen_place(source),
                || text,
            );
            return;
        }
    };
    verdict.examine(Rule::Kind);
    if let Some(text) = kind_fault(run, sent, seen, partial) {
        verdict.refuse(
            Rule::Kind,
            run.sent_place(index),
            run.seen_place(source),
            || text,
        );
    }
    let uses = match of.is_empty() {
        true => vec![Use {
            sent: index,
            message: 0,
            of: None,
        }],
        false => of
            .iter()
            .enumerate()
            .map(|(message, of)| Use {
                sent: index,
                message,
                of: *of,
            })
            .collect(),
    };
    run.seen[source].uses.extend(uses);
    run.sent[index].source = Some(source);
    run.sent[index].of = of;
}

type Proof = (Vec<Option<usize>>, bool);

/// Which input message each output message is, and whether something of the input is missing.
fn prove(run: &Run, sent: &Sent, seen: &Seen) -> Result<Proof, String> {
    let (output, input) = (&sent.frame.bytes, &seen.frame.bytes);
    let (messages, sources) = (&sent.packet.messages, &seen.packet.messages);
    if messages.is_empty() || sources.is_empty() {
        let equal = output == input;
        return equal
            .then(|| (Vec::new(), false))
            .ok_or("bytes differ and this is no eCPRI frame".to_owned());
    }
    let whole = messages.len() == sources.len();
    let mut of = Vec::with_capacity(messages.len());
    let mut partial = !whole;
    for (position, message) in messages.iter().enumerate() {
        let mut found = None;
        for (candidate, source) in sources.iter().enumerate() {
            if of.contains(&Some(candidate)) || whole && candidate != position {
                continue;
            }
            if let Some(piece) = same_message(
                (message, output),
                (source, input),
                mapping(run, seen, candidate),
            ) {
                found = Some(candidate);
                partial |= piece;
                break;
            }
        }
        if found.is_none() {
            return Err(difference(
                message,
                output,
                &sources[position.min(sources.len() - 1)],
                input,
            ));
        }
        of.push(found);
    }
    same_frame(sent, seen, partial)?;
    Ok((of, partial))
}

fn same_frame(sent: &Sent, seen: &Seen, partial: bool) -> Result<(), String> {
    let (output, input) = (&sent.frame.bytes, &seen.frame.bytes);
    let (tags, source_tags) = (&sent.packet.tags, &seen.packet.tags);
    let kept = |(a, b): (&u16, &u16)| a & 0xf000 == b & 0xf000;
    if tags.len() == source_tags.len() && !tags.iter().zip(source_tags).all(kept) {
        return Err("PCP or DEI of a tag changed".to_owned());
    }
    if !partial && output.len() < input.len().min(64) {
        return Err(format!(
            "shortened from {} to {} bytes",
            input.len(),
            output.len()
        ));
    }
    let padding = &output[sent.packet.end..];
    let source_padding = &input[seen.packet.end..];
    let zero = padding.iter().all(|byte| *byte == 0);
    let common = padding.len().min(source_padding.len());
    let copied = padding[..common] == source_padding[..common]
        && padding[common..].iter().all(|byte| *byte == 0);
    if !zero && !copied {
        return Err("bytes after the last message are neither zero nor the input's".to_owned());
    }
    Ok(())
}

/// `None`: not the same message. `Some(true)`: a piece of it.
fn same_message(
    output: (&Message, &[u8]),
    input: (&Message, &[u8]),
    mapping: Option<&Cell>,
) -> Option<bool> {
    let (message, source) = (output.0, input.0);
    let (a, b) = (
        &output.1[message.body.clone()],
        &input.1[source.body.clone()],
    );
    if message.kind != source.kind {
        return None;
    }
    let concatenation = message.more != source.more;
    match message.kind {
        0 | 2 if a.get(3) != b.get(3) => None,
        0 | 2 if a[4..] == b[4..] => Some(concatenation),
        0 => mapped_back(a, b, mapping?).then_some(concatenation),
        2 => same_control(a, b, mapping.is_some()),
        5 => (a.get(1..) == b.get(1..)).then_some(concatenation),
        _ => (a == b).then_some(concatenation),
    }
}

/// The cell, if sectionIds may be mapped: two DUs share it, and this is uplink.
fn mapping<'a>(run: &Run<'a>, seen: &Seen, message: usize) -> Option<&'a Cell> {
    let fact = seen.facts[message].filter(|fact| !fact.downlink)?;
    let shared = matches!(
        run.timelines[fact.cell].segment(fact.slot).mode,
        Mode::Shared(..)
    );
    shared.then(|| &run.inputs.settings.cells[fact.cell])
}

/// Uplink U-plane whose sectionIds were mapped back for one DU.
fn mapped_back(a: &[u8], b: &[u8], cell: &Cell) -> bool {
    if a.len() != b.len() || a.get(4..8) != b.get(4..8) {
        return false;
    }
    let mut at = 8;
    while at + 4 <= b.len() {
        let Some(length) = section_length(&b[at..], cell) else {
            break;
        };
        let end = (at + length).min(b.len());
        if a[at + 1] & 15 != b[at + 1] & 15 || a[at + 2..end] != b[at + 2..end] {
            return false;
        }
        at = end;
    }
    a[at..] == b[at..]
}

/// Bytes of a U-plane section; `None` for compression whose length depends on the data.
fn section_length(section: &[u8], cell: &Cell) -> Option<usize> {
    let (mut method, mut width, header) = cell.uplink_compression;
    let mut length = 4;
    if header {
        let byte = *section.get(4)?;
        (method, width) = (byte & 15, byte >> 4);
        length += 2;
    }
    let samples = 3 * if width == 0 { 16 } else { usize::from(width) };
    let block = match method {
        0 | 4 => samples,
        1..=3 => samples + 1,
        _ => return None,
    };
    let blocks = match section[3] {
        0 => cell.carrier_prbs,
        n => usize::from(n),
    };
    Some(length + blocks * block)
}

/// A C-plane message that was split by symbols, or whose sectionIds were mapped.
fn same_control(a: &[u8], b: &[u8], mapping: bool) -> Option<bool> {
    let (part, whole) = (control::parse(a)?, control::parse(b)?);
    if a[4..7] != b[4..7] || a[7] & 0xc0 != b[7] & 0xc0 || a[9..part.header] != b[9..whole.header] {
        return None;
    }
    if mapping && renamed(&part, a, &whole, b) {
        return Some(false);
    }
    let traced = part
        .sections
        .iter()
        .all(|section| control::origin((&part, a, section), (&whole, b)).is_some());
    traced.then_some(true)
}

/// Uplink requests only: equal but for sectionIds.
fn renamed(part: &control::Control, a: &[u8], whole: &control::Control, b: &[u8]) -> bool {
    let same = |(x, y): (&control::Section, &control::Section)| {
        let (p, q) = (&a[x.fixed.clone()], &b[y.fixed.clone()]);
        p[1] & 15 == q[1] & 15
            && p[2..] == q[2..]
            && a[x.fixed.end..].len() == b[y.fixed.end..].len()
    };
    a.len() == b.len()
        && a[7] == b[7]
        && part.sections.len() == whole.sections.len()
        && part.sections.iter().zip(&whole.sections).all(same)
}

fn difference(message: &Message, output: &[u8], source: &Message, input: &[u8]) -> String {
    if message.kind != source.kind {
        return format!(
            "eCPRI type {} where the input has {}",
            message.kind, source.kind
        );
    }
    let (a, b) = (&output[message.body.clone()], &input[source.body.clone()]);
    if a.len() != b.len() {
        return format!(
            "{} bytes of payload where the input has {}",
            a.len(),
            b.len()
        );
    }
    let from = usize::from(message.stream.is_some()) * 3;
    let at = (from..a.len()).find(|at| a[*at] != b[*at]).unwrap_or(0);
    format!(
        "payload byte {at} is {:02x} where the input has {:02x}",
        a[at], b[at]
    )
}

fn kind_fault(run: &Run, sent: &Sent, seen: &Seen, partial: bool) -> Option<String> {
    let kind = sent.frame.kind;
    let several = seen.packet.messages.len() > 1;
    if partial && kind != Kind::Part && !several {
        return Some(format!("{kind:?}, but it holds a part of the input"));
    }
    let peer = &run.inputs.settings.peers[sent.peer?];
    let user_only = seen.packet.messages.iter().all(|message| message.kind == 0);
    let wrong = match kind {
        Kind::Forwarded => seen.uses.iter().any(|used| {
            run.sent[used.sent].frame.kind == Kind::Forwarded
                && run.sent[used.sent].place != sent.place
        }),
        Kind::Copy => peer.is_ru && !several,
        Kind::Part => user_only && !several,
    };
    wrong.then(|| format!("{kind:?} cannot be toward {}", peer.name))
}

fn once(run: &Run, index: usize, verdict: &mut Verdict) {
    let seen = &run.seen[index];
    if seen.uses.is_empty() {
        return;
    }
    verdict.examine(Rule::Once);
    let mut earlier: Vec<(usize, Option<usize>, usize)> = Vec::new();
    let mut spoken: HashMap<usize, u16> = HashMap::new();
    for used in &seen.uses {
        let sent = &run.sent[used.sent];
        let egress = sent.peer.unwrap_or(usize::MAX - sent.place.0);
        let doubled = earlier
            .iter()
            .any(|(peer, of, _)| *peer == egress && *of == used.of);
        earlier.push((egress, used.of, used.sent));
        let repeated = match sent.frame.kind {
            Kind::Part => says_again(run, index, used, &mut spoken).unwrap_or(doubled),
            _ => doubled,
        };
        if repeated {
            verdict.refuse(
                Rule::Once,
                run.sent_place(used.sent),
                run.seen_place(index),
                || "the input has already been used for this peer".to_owned(),
            );
        }
    }
}

/// For C-plane parts: does this one speak for a symbol of a section that another part spoke for?
fn says_again(
    run: &Run,
    index: usize,
    used: &Use,
    spoken: &mut HashMap<usize, u16>,
) -> Option<bool> {
    let (sent, seen) = (&run.sent[used.sent], &run.seen[index]);
    let (message, source) = (
        &sent.packet.messages[used.message],
        &seen.packet.messages[used.of?],
    );
    if message.kind != 2 {
        return None;
    }
    let (a, b) = (
        &sent.frame.bytes[message.body.clone()],
        &seen.frame.bytes[source.body.clone()],
    );
    let (part, whole) = (control::parse(a)?, control::parse(b)?);
    let mut again = false;
    for (position, section) in part.sections.iter().enumerate() {
        let of = control::origin((&part, a, section), (&whole, b)).unwrap_or(position);
        let mask = spoken.entry(of << 8 | used.of?).or_default();
        again |= *mask & part.mask(section) != 0;
        *mask |= part.mask(section);
    }
    Some(again)
}

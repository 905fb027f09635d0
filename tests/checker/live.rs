//! A live run: captures taken at the far end of each port, both ways in one file, and no index. What a
//! peer sent is told by its MAC. Each frame that reached a peer is matched to the input that says the same,
//! on the same place of its peer's list of eAxC ids, newest first; the rules then judge it like any other.
//!
//! Stamps are those of the peers' ends: a frame reaches the box up to `slack_ns` after it was sent.

use super::packet::{self, Message, Packet};
use super::settings::{Mac, Settings};
use super::timeline;
use super::{Frame, Inputs, Kind, Lane, ORIGINATED, Report, Scenario, pcap};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// How long a frame may have been on its way when it is matched, nanoseconds.
const LONGEST_WAY: u64 = 1_000_000_000;

/// The run whose captures are `DIR/PORT.pcap`.
pub fn load(
    settings: Settings,
    scenario: Scenario,
    report: Report,
    captures: &Path,
    slack_ns: u64,
) -> Result<Inputs, String> {
    let mut ports: Vec<&String> = settings.peers.iter().map(|peer| &peer.port).collect();
    ports.sort();
    ports.dedup();
    let mut inputs = Inputs {
        report,
        scenario,
        closed_loop: true,
        slack_ns,
        ..Inputs::default()
    };
    for (input, port) in ports.into_iter().enumerate() {
        let path = captures.join(format!("{port}.pcap"));
        let at = |error: String| format!("{}: {error}", path.display());
        let file = std::fs::read(&path).map_err(|error| at(error.to_string()))?;
        let (sent, heard) = split(&settings, port, pcap::read(&file).map_err(at)?);
        inputs.ingress.push(lane(port, sent, input as u32));
        inputs.egress.push(lane(port, heard, ORIGINATED));
    }
    inputs.settings = settings;
    relink(&mut inputs);
    Ok(inputs)
}

/// Gives every output frame the input that it was made of; those without keep `ORIGINATED`.
pub fn relink(inputs: &mut Inputs) {
    let inputs_by_words = Heard::new(inputs);
    let lenient = inputs.settings.lenient_size;
    let mut forwarded = HashSet::new();
    let mut egress = std::mem::take(&mut inputs.egress);
    for lane in &mut egress {
        let mut used = HashSet::new();
        for frame in &mut lane.frames {
            let packet = packet::dissect(&frame.bytes, lenient).unwrap_or_default();
            let mac = packet.destination;
            let place = place(&inputs.settings, (&lane.port, mac), &packet);
            let source = inputs_by_words.source(frame, &packet, place, &used);
            (frame.input, frame.number) = source.unwrap_or((ORIGINATED, 0));
            used.extend(source);
            frame.kind = match source {
                Some(source) if !forwarded.insert(source) => Kind::Copy,
                _ => Kind::Forwarded,
            };
        }
    }
    inputs.egress = egress;
}

type Records = Vec<pcap::Record>;

/// What the peers of a port sent, and what reached them.
fn split(settings: &Settings, port: &str, records: Records) -> (Records, Records) {
    let own = |mac: Option<&[u8]>| {
        let mut peers = settings.peers.iter().filter(|peer| peer.port == port);
        peers.any(|peer| Some(&peer.mac[..]) == mac)
    };
    records
        .into_iter()
        .partition(|(_, bytes)| own(bytes.get(6..12)))
}

fn lane(port: &str, records: Records, input: u32) -> Lane {
    let mut frames: Vec<Frame> = records
        .into_iter()
        .map(|(at_ns, bytes)| Frame {
            at_ns,
            bytes,
            input,
            number: 0,
            kind: Kind::Forwarded,
        })
        .collect();
    for (number, frame) in (1..).zip(&mut frames) {
        frame.number = number;
    }
    Lane {
        port: port.to_owned(),
        frames,
    }
}

/// Everything in a frame that the box leaves as it is.
fn words(packet: &Packet, bytes: &[u8]) -> Vec<u8> {
    if packet.messages.is_empty() {
        return bytes.to_vec();
    }
    let mut words = Vec::new();
    for message in &packet.messages {
        let body = &bytes[message.body.clone()];
        words.push(message.kind);
        words.extend_from_slice(&body[message.stream.map_or(0, |_| 3)..]);
    }
    words
}

/// Cell, list and position of the eAxC id of the first message, as the peer numbers it.
type Listed = Option<(usize, usize, usize)>;

fn place(settings: &Settings, peer: (&str, Mac), packet: &Packet) -> Listed {
    let message: &Message = packet.messages.first()?;
    let (stream, radio) = (message.stream?, message.radio?);
    let vlans = packet.vlans();
    let peer = settings.peer_at(peer.0, peer.1, &vlans)?;
    let lists = timeline::lists(radio.downlink, radio.filter, radio.section_type);
    let mut found = settings.cells.iter().enumerate().flat_map(|(id, cell)| {
        let member = cell.members.iter().find(|member| member.peer == peer);
        let streams = match member {
            Some(member) => Some(&member.streams),
            None => (cell.ru == peer).then_some(&cell.streams),
        };
        let listed = move |list: &super::settings::List| {
            let ids = &streams?.lists[*list as usize];
            let position = ids.iter().position(|eaxc| *eaxc == stream.eaxc)?;
            Some((id, *list as usize, position))
        };
        lists.iter().filter_map(listed)
    });
    found.next()
}

/// An input frame: when it came, where it belongs, its input and its number there.
type Known = (u64, Listed, (u32, u64));

/// Input frames by what they say.
struct Heard(HashMap<Vec<u8>, Vec<Known>>);

impl Heard {
    fn new(inputs: &Inputs) -> Self {
        let mut heard: HashMap<_, Vec<_>> = HashMap::new();
        for lane in &inputs.ingress {
            for frame in &lane.frames {
                let packet =
                    packet::dissect(&frame.bytes, inputs.settings.lenient_size).unwrap_or_default();
                let place = place(&inputs.settings, (&lane.port, packet.source), &packet);
                let known = heard.entry(words(&packet, &frame.bytes)).or_default();
                known.push((frame.at_ns, place, (frame.input, frame.number)));
            }
        }
        Self(heard)
    }

    /// The input of an output frame: the same words, best on the same place, newest before it left.
    fn source(
        &self,
        frame: &Frame,
        packet: &Packet,
        place: Listed,
        used: &HashSet<(u32, u64)>,
    ) -> Option<(u32, u64)> {
        let known = self.0.get(&words(packet, &frame.bytes))?;
        let earlier = known.iter().filter(|(at, _, name)| {
            *at <= frame.at_ns && frame.at_ns - at <= LONGEST_WAY && !used.contains(name)
        });
        let best = earlier.max_by_key(|(at, listed, _)| (*listed == place, *at));
        best.map(|(_, _, name)| *name)
    }
}

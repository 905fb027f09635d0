//! A run made ready for judgement: every frame dissected, each input frame put into its cell, slot and
//! member, each output frame given its egress peer.

use super::clock::{self, Clock};
use super::packet::{self, Message, Packet};
use super::settings::{List, Mac};
use super::timeline::{self, Certain, Timeline};
use super::verdict::{Place, Rule, Verdict};
use super::{Frame, Inputs};
use std::collections::HashMap;

/// A run, dissected.
pub struct Run<'a> {
    /// What is judged.
    pub inputs: &'a Inputs,
    /// Input frames, all ports, in order of time.
    pub seen: Vec<Seen<'a>>,
    /// Output frames, port by port.
    pub sent: Vec<Sent<'a>>,
    /// By cell.
    pub timelines: Vec<Timeline>,
    /// Cells of each peer, with the member it is there (none for the RU).
    pub serves: Vec<Vec<(usize, Option<usize>)>>,
}

/// An input frame.
pub struct Seen<'a> {
    /// Which.
    pub frame: &'a Frame,
    /// Lane and position.
    pub place: (usize, usize),
    /// Dissected.
    pub packet: Packet,
    /// Who sent it.
    pub peer: Option<usize>,
    /// By message: what it is about, if it is a C/U-plane message that its sender may send.
    pub facts: Vec<Option<Fact>>,
    /// Output frames made of it.
    pub uses: Vec<Use>,
}

/// One message of an input frame used in one output frame.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Position in `Run::sent`.
    pub sent: usize,
    /// Message there.
    pub message: usize,
    /// Message here; none for frames that are no eCPRI.
    pub of: Option<usize>,
}

/// An output frame.
pub struct Sent<'a> {
    /// Which.
    pub frame: &'a Frame,
    /// Lane and position.
    pub place: (usize, usize),
    /// Dissected.
    pub packet: Packet,
    /// To whom, by port, destination MAC and VLAN.
    pub peer: Option<usize>,
    /// Position in `Run::seen`, once proved.
    pub source: Option<usize>,
    /// By message: the message of the source, once proved.
    pub of: Vec<Option<usize>>,
}

/// What a C/U-plane message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Cell.
    pub cell: usize,
    /// Member that sent it; none for the RU.
    pub member: Option<usize>,
    /// Where its eAxC is listed.
    pub stream: (List, usize),
    /// dataDirection.
    pub downlink: bool,
    /// U-plane.
    pub user: bool,
    /// Unwrapped slot.
    pub slot: i64,
    /// symbolId or startSymbolId.
    pub symbol: u8,
    /// filterIndex.
    pub filter: u8,
    /// sectionType of C-plane.
    pub section_type: Option<u8>,
}

impl<'a> Run<'a> {
    /// Dissects everything.
    pub fn new(inputs: &'a Inputs, verdict: &mut Verdict) -> Self {
        let directory = Directory::new(inputs);
        let mut seen = see(inputs, &directory);
        let sent = sort_out(inputs, &directory);
        verdict.frames = sent.len();
        let serves = serves(inputs);
        let timelines = (0..inputs.settings.cells.len())
            .map(|cell| Timeline::new(inputs, cell, clock_of(inputs, cell, &seen)))
            .collect();
        let mut run = Self {
            inputs,
            seen: Vec::new(),
            sent,
            timelines,
            serves,
        };
        let mut fragments = HashMap::new();
        for frame in &mut seen {
            frame.facts = run.facts(frame, &mut fragments);
        }
        run.seen = seen;
        run
    }

    /// Where input frame `index` stands.
    pub fn seen_place(&self, index: usize) -> Option<Place> {
        let (lane, position) = self.seen[index].place;
        Some(Place {
            port: self.inputs.ingress[lane].port.clone(),
            frame: position + 1,
        })
    }

    /// Where output frame `index` stands.
    pub fn sent_place(&self, index: usize) -> Option<Place> {
        let (lane, position) = self.sent[index].place;
        Some(Place {
            port: self.inputs.egress[lane].port.clone(),
            frame: position + 1,
        })
    }

    /// Name of a member.
    pub fn name(&self, cell: usize, member: usize) -> &str {
        let peer = self.inputs.settings.cells[cell].members[member].peer;
        &self.inputs.settings.peers[peer].name
    }

    /// Messages of output frame `index` with the input message each was made of: input frame, message,
    /// and what that is about.
    pub fn origins(&self, index: usize) -> impl Iterator<Item = (&Message, usize, usize, Fact)> {
        let sent = &self.sent[index];
        sent.packet
            .messages
            .iter()
            .zip(&sent.of)
            .filter_map(|(message, of)| {
                let (source, of) = (sent.source?, (*of)?);
                Some((message, source, of, self.seen[source].facts[of]?))
            })
    }

    fn facts(
        &self,
        frame: &Seen,
        fragments: &mut HashMap<(usize, u16, u8, u8), Fact>,
    ) -> Vec<Option<Fact>> {
        let messages = frame.packet.messages.iter();
        messages
            .map(|message| {
                let (peer, stream) = (frame.peer?, message.stream?);
                let key = (peer, stream.eaxc, message.kind, stream.sequence);
                if stream.subsequence() != 0 {
                    return fragments.get(&key).copied();
                }
                let fact = self.fact(peer, message, frame.frame.at_ns);
                match fact {
                    Some(fact) if stream.fragment & 0x80 == 0 => fragments.insert(key, fact),
                    _ => fragments.remove(&key),
                };
                fact
            })
            .collect()
    }

    fn fact(&self, peer: usize, message: &Message, at: u64) -> Option<Fact> {
        let (stream, radio) = (message.stream?, message.radio?);
        let user = message.kind == 0;
        let from_ru = self.inputs.settings.peers[peer].is_ru;
        let response = matches!(radio.section_type, Some(7..=10));
        let right_way = match (from_ru, user) {
            (true, true) => !radio.downlink,
            (true, false) => !radio.downlink && response,
            (false, true) => radio.downlink,
            (false, false) => !matches!(radio.section_type, Some(8..=10)),
        };
        if !right_way || radio.version != 1 {
            return None;
        }
        let (cell, member, list) = self.place_of(peer, stream.eaxc, &radio, at)?;
        let settings = &self.inputs.settings.cells[cell];
        let index = clock::index(settings.mu, radio.frame, radio.subframe, radio.slot)?;
        (radio.symbol < settings.symbols).then(|| Fact {
            cell,
            member,
            stream: list,
            downlink: radio.downlink,
            user,
            slot: self.timelines[cell].clock.lift(index, at),
            symbol: radio.symbol,
            filter: radio.filter,
            section_type: radio.section_type,
        })
    }

    fn place_of(
        &self,
        peer: usize,
        eaxc: u16,
        radio: &packet::Radio,
        at: u64,
    ) -> Option<(usize, Option<usize>, (List, usize))> {
        let pooled = self.inputs.settings.peers[peer].pooled;
        let mut fallback = None;
        for (cell, member) in &self.serves[peer] {
            let settings = &self.inputs.settings.cells[*cell];
            let streams = match member {
                Some(member) => &settings.members[*member].streams,
                None => &settings.streams,
            };
            for list in timeline::lists(radio.downlink, radio.filter, radio.section_type) {
                let Some(position) = streams.lists[*list as usize]
                    .iter()
                    .position(|id| *id == eaxc)
                else {
                    continue;
                };
                let found = Some((*cell, *member, (*list, position)));
                let serving = !pooled
                    || member.is_some_and(|m| self.timelines[*cell].assigned(m, at) != Certain::No);
                if serving {
                    return found;
                }
                fallback = fallback.or(found);
            }
        }
        fallback
    }
}

/// Refuses what could not be read at all.
pub fn unreadable(verdict: &mut Verdict, place: Option<Place>) {
    verdict.refuse(Rule::Link, place, None, || {
        "not even an Ethernet header".to_owned()
    });
}

struct Directory(HashMap<(String, Mac), Vec<usize>>);

impl Directory {
    fn new(inputs: &Inputs) -> Self {
        let mut by_address: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, peer) in inputs.settings.peers.iter().enumerate() {
            by_address
                .entry((peer.port.clone(), peer.mac))
                .or_default()
                .push(index);
        }
        Self(by_address)
    }

    fn find(&self, inputs: &Inputs, key: &(String, Mac), packet: &Packet) -> Option<usize> {
        let vlans = packet.vlans();
        self.0.get(key)?.iter().copied().find(|index| {
            let peer = &inputs.settings.peers[*index];
            peer.vlan_control == vlans || peer.vlan_user == vlans
        })
    }
}

fn see<'a>(inputs: &'a Inputs, directory: &Directory) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for (lane, content) in inputs.ingress.iter().enumerate() {
        let mut key = (content.port.clone(), [0; 6]);
        for (position, frame) in content.frames.iter().enumerate() {
            let packet =
                packet::dissect(&frame.bytes, inputs.settings.lenient_size).unwrap_or_default();
            key.1 = packet.source;
            let peer = directory.find(inputs, &key, &packet);
            let place = (lane, position);
            seen.push(Seen {
                frame,
                place,
                packet,
                peer,
                facts: Vec::new(),
                uses: Vec::new(),
            });
        }
    }
    seen.sort_by_key(|frame| frame.frame.at_ns);
    seen
}

fn sort_out<'a>(inputs: &'a Inputs, directory: &Directory) -> Vec<Sent<'a>> {
    let mut sent = Vec::new();
    for (lane, content) in inputs.egress.iter().enumerate() {
        let mut key = (content.port.clone(), [0; 6]);
        for (position, frame) in content.frames.iter().enumerate() {
            let packet =
                packet::dissect(&frame.bytes, inputs.settings.lenient_size).unwrap_or_default();
            key.1 = packet.destination;
            let peer = directory.find(inputs, &key, &packet);
            let of = vec![None; packet.messages.len()];
            sent.push(Sent {
                frame,
                place: (lane, position),
                packet,
                peer,
                source: None,
                of,
            });
        }
    }
    sent
}

fn serves(inputs: &Inputs) -> Vec<Vec<(usize, Option<usize>)>> {
    let mut serves = vec![Vec::new(); inputs.settings.peers.len()];
    for (index, cell) in inputs.settings.cells.iter().enumerate() {
        serves[cell.ru].push((index, None));
        for (member, entry) in cell.members.iter().enumerate() {
            serves[entry.peer].push((index, Some(member)));
        }
    }
    serves
}

fn clock_of(inputs: &Inputs, index: usize, seen: &[Seen]) -> Clock {
    let cell = &inputs.settings.cells[index];
    if let Some((alpha, beta)) = cell.gps {
        return Clock::gps(cell.mu, alpha, beta);
    }
    let active = cell.members[cell.active].peer;
    let streams = &cell.members[cell.active].streams;
    let header = |frame: &Seen| {
        let message = frame.packet.messages.iter().find(|message| {
            message
                .stream
                .is_some_and(|stream| streams.lists.iter().flatten().any(|id| *id == stream.eaxc))
        })?;
        let radio = message.radio?;
        clock::index(cell.mu, radio.frame, radio.subframe, radio.slot)
    };
    let spoke = seen.iter().filter(|frame| frame.peer == Some(active));
    let first = spoke
        .filter_map(|frame| Some((header(frame)?, frame.frame.at_ns)))
        .next();
    first.map_or(Clock::gps(cell.mu, 0, 0), |(slot, at)| {
        Clock::anchored(cell.mu, slot, at)
    })
}

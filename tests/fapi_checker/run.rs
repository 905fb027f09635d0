//! A run made ready for judgement: datagrams given to their peers, messages put together, slots unwrapped,
//! the owner of each slot known.

use super::message::{self, Message, SLOT};
use super::packet::{self, Datagram};
use super::settings::{Cell, Peer};
use super::verdict::{Rule, Verdict};
use super::{Cause, Inputs, Lane};

/// A run, read.
pub struct Run<'a> {
    /// What is judged.
    pub inputs: &'a Inputs,
    /// Messages that arrived, by time.
    pub seen: Vec<Message>,
    /// Those of which only the front arrived.
    pub seen_cut: Vec<Message>,
    /// Messages that left, by peer, in the order in which they began.
    pub sent: Vec<Vec<Message>>,
    /// The same, cut.
    pub sent_cut: Vec<Message>,
    /// What left, by peer: for rules about datagrams.
    pub datagrams: Vec<Vec<Datagram>>,
    /// By cell.
    pub clocks: Vec<Clock>,
    /// By cell.
    pub owners: Vec<Owners>,
    /// The last instant of the run.
    pub end: u64,
}

/// Which slot is on air when. Members may be apart, so an instant is known to lie between two.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// Nanoseconds at which slot 0 is on air, at the earliest.
    pub early: i64,
    /// And at the latest.
    pub late: i64,
    /// Length of a slot.
    pub slot_ns: i64,
    /// Slots until SFN and slot repeat.
    pub period: i64,
    /// No SLOT.indication of the active was seen.
    pub unknown: bool,
}

impl Clock {
    /// When `slot` begins: at the earliest and at the latest.
    pub fn air(&self, slot: i64) -> (i64, i64) {
        let since = slot * self.slot_ns;
        (self.early + since, self.late + since)
    }

    /// The slot on air.
    pub fn at(&self, at: u64) -> i64 {
        (at as i64 - self.early).div_euclid(self.slot_ns)
    }

    /// The count congruent to `slot` that is nearest to the one on air.
    pub fn lift(&self, slot: i64, at: u64) -> i64 {
        let current = self.at(at);
        let ahead = (slot - current).rem_euclid(self.period);
        let wrapped = if ahead >= self.period / 2 {
            self.period
        } else {
            0
        };
        current + ahead - wrapped
    }
}

/// Who owns which slot of a cell.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    first: usize,
    /// In the order in which they were decided.
    pub changes: Vec<Change>,
    /// Member, from, until.
    pub fenced: Vec<(usize, u64, u64)>,
}

/// A switch of a cell.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// First slot of the new owner.
    pub boundary: i64,
    /// The member that owned before.
    pub from: usize,
    /// The member that then owns.
    pub to: usize,
    /// Why.
    pub cause: Cause,
}

impl Owners {
    /// The member that speaks for `slot`.
    pub fn of(&self, slot: i64) -> usize {
        self.known(slot, u64::MAX)
    }

    /// Who that was as far as was known at `at`: a switch may be decided for a slot that is indicated already.
    pub fn known(&self, slot: i64, at: u64) -> usize {
        let mut latest = self.changes.iter().rev();
        let holds = |change: &&Change| change.boundary <= slot && change.cause.at_ns() <= at;
        latest.find(holds).map_or(self.first, |change| change.to)
    }

    /// The slot from which the owner of `slot` owns no more.
    pub fn until(&self, slot: i64) -> Option<i64> {
        let owner = self.of(slot);
        let later = self.changes.iter().map(|change| change.boundary);
        later
            .filter(|from| *from > slot && self.of(*from) != owner)
            .min()
    }

    /// True if `member` is fenced at `at`; what falls on the instant itself may go either way.
    pub fn fenced(&self, member: usize, at: u64) -> bool {
        let holds = |span: &&(usize, u64, u64)| span.0 == member && at > span.1 && at < span.2;
        self.fenced.iter().any(|span| holds(&span))
    }

    /// True if `member` may be fenced at `at`.
    pub fn may_be_fenced(&self, member: usize, at: u64) -> bool {
        let holds = |span: &&(usize, u64, u64)| span.0 == member && at >= span.1 && at <= span.2;
        self.fenced.iter().any(|span| holds(&span))
    }
}

impl<'a> Run<'a> {
    /// Reads everything, and judges what can be judged on the way.
    pub fn new(inputs: &'a Inputs, verdict: &mut Verdict) -> Self {
        let lanes = inputs.ingress.iter().chain(&inputs.egress);
        let last = lanes
            .filter_map(|lane| lane.frames.last())
            .map(|frame| frame.at_ns);
        let mut run = Self {
            inputs,
            seen: Vec::new(),
            seen_cut: Vec::new(),
            sent: Vec::new(),
            sent_cut: Vec::new(),
            datagrams: vec![Vec::new(); inputs.settings.peers.len()],
            clocks: Vec::new(),
            owners: Vec::new(),
            end: last.max().unwrap_or(0),
        };
        run.read_ingress();
        run.read_egress(verdict);
        for cell in &inputs.settings.cells {
            let clock = run.clock(cell);
            run.clocks.push(clock);
            run.owners.push(owners(inputs, cell, &clock));
        }
        run.lift();
        run
    }

    /// The cell of a peer and its place there.
    pub fn serves(&self, peer: usize) -> Option<(usize, Option<usize>)> {
        self.inputs.settings.peers[peer].serves
    }

    /// Settings of a peer.
    pub fn peer(&self, peer: usize) -> &Peer {
        &self.inputs.settings.peers[peer]
    }

    /// The L2 and the members' PHYs of a cell.
    pub fn l2(&self, cell: usize) -> usize {
        self.inputs.settings.cells[cell].l2
    }

    /// When a member ran: as told, or from when it was first heard.
    pub fn running(&self, cell: usize, member: usize) -> Vec<(u64, u64)> {
        let member = &self.inputs.settings.cells[cell].members[member];
        let name = &self.inputs.settings.peers[member.phy].name;
        let told = self.inputs.running.iter().filter(|span| span.0 == *name);
        let told: Vec<_> = told.map(|span| (span.1, span.2)).collect();
        if !told.is_empty() {
            return told;
        }
        let heard = self.seen.iter().find(|message| message.peer == member.phy);
        heard
            .map(|message| (message.at, u64::MAX))
            .into_iter()
            .collect()
    }

    /// Where a message is, in words.
    pub fn place(&self, message: &Message) -> String {
        let peer = self.peer(message.peer);
        let slot = match message.point {
            Some((sfn, slot)) => format!(" {sfn}.{slot}"),
            None => String::new(),
        };
        format!(
            "{} frame {}, {}: {:#04x}{slot}",
            peer.port, message.frame, peer.name, message.id
        )
    }

    fn read_ingress(&mut self) {
        let peers = &self.inputs.settings.peers;
        let mut by_peer: Vec<Vec<Datagram>> = vec![Vec::new(); peers.len()];
        for lane in &self.inputs.ingress {
            for datagram in packet::read(lane).datagrams {
                let from = peers
                    .iter()
                    .position(|peer| came_from(peer, lane, &datagram));
                if let Some(from) = from.filter(|_| datagram.fault.is_none()) {
                    by_peer[from].push(datagram);
                }
            }
        }
        for (index, datagrams) in by_peer.iter().enumerate() {
            let peer = &peers[index];
            let pieces = datagrams.iter().filter_map(|datagram| {
                let piece = message::piece(&datagram.payload, peer.dialect).ok()?;
                (piece.checksum || !peer.check).then_some((datagram, piece))
            });
            let messages = message::assemble(index, peer, pieces);
            self.seen.extend(messages.whole);
            self.seen_cut.extend(messages.cut);
        }
        self.seen.sort_by_key(|message| (message.at, message.frame));
    }

    fn read_egress(&mut self, verdict: &mut Verdict) {
        let settings = &self.inputs.settings;
        for lane in &self.inputs.egress {
            let reading = packet::read(lane);
            let mtu = settings.mtu(&lane.port);
            for (number, length) in &reading.frames {
                verdict.examine(Rule::Frames, *length <= mtu, || {
                    format!(
                        "{} frame {number}: {length} bytes on an MTU of {mtu}",
                        lane.port
                    )
                });
            }
            for (number, fault) in &reading.faults {
                verdict.refuse(Rule::Frames, || {
                    format!("{} frame {number}: {fault}", lane.port)
                });
            }
            for datagram in reading.datagrams {
                if let Some(peer) = self.addressee(lane, &datagram, verdict) {
                    self.datagrams[peer].push(datagram);
                }
            }
        }
        for index in 0..settings.peers.len() {
            let peer = &settings.peers[index];
            let pieces = self.datagrams[index].iter().filter_map(|datagram| {
                Some((
                    datagram,
                    message::piece(&datagram.payload, peer.dialect).ok()?,
                ))
            });
            let messages = message::assemble(index, peer, pieces);
            for (number, fault) in &messages.faults {
                verdict.refuse(Rule::Segments, || {
                    format!("{} frame {number}: {fault}", peer.port)
                });
            }
            self.sent.push(messages.whole);
            self.sent_cut.extend(messages.cut);
        }
    }

    /// The peer to which a datagram goes, if it comes from where that peer sees the box.
    fn addressee(&self, lane: &Lane, datagram: &Datagram, verdict: &mut Verdict) -> Option<usize> {
        let peers = &self.inputs.settings.peers;
        let ours = |peer: &&Peer| peer.port == lane.port && peer.facing == datagram.macs.1;
        if !peers.iter().any(|peer| ours(&peer)) {
            return None;
        }
        let found = peers.iter().position(|peer| {
            peer.port == lane.port
                && (peer.mac, peer.facing) == datagram.macs
                && peer.vlans == datagram.vlans
                && (peer.facing_ip, peer.ip) == datagram.ips
                && (peer.facing_udp, peer.udp) == datagram.ports
        });
        let place = || format!("{} frame {}", lane.port, datagram.frame);
        verdict.examine(Rule::Addresses, found.is_some(), || {
            format!(
                "{}: {:?} {:?} is no peer's",
                place(),
                datagram.ips,
                datagram.ports
            )
        });
        if let Some(fault) = datagram.fault {
            verdict.refuse(Rule::Addresses, || format!("{}: {fault}", place()));
        }
        found
    }

    /// Anchored by the first SLOT.indication of who is active first; then where each owner's lie on the mean.
    fn clock(&self, cell: &Cell) -> Clock {
        let slot_ns = cell.slot_ns();
        let mut clock = Clock {
            slot_ns,
            period: cell.period(),
            unknown: true,
            ..Clock::default()
        };
        let count = |message: &Message, member: usize| {
            let (sfn, slot) = message.point?;
            let count = i64::from(sfn) * cell.frame() + i64::from(slot);
            Some(count - cell.members[member].offset)
        };
        let told = |member: usize| {
            let phy = cell.members[member].phy;
            let slots = self.seen.iter();
            slots.filter(move |message| message.peer == phy && message.id == SLOT)
        };
        let Some(first) = told(cell.active).next() else {
            return clock;
        };
        let named = count(first, cell.active).unwrap_or(0) + clock.period;
        clock.early = first.at as i64 - (named - cell.ahead) * slot_ns;
        clock.late = clock.early;
        clock.unknown = false;
        let owners = owners(self.inputs, cell, &clock);
        let mut bounds: Option<(i64, i64)> = None;
        for member in 0..cell.members.len() {
            let mut sum = 0i128;
            let mut heard = 0i128;
            for message in told(member) {
                let Some(slot) = count(message, member) else {
                    continue;
                };
                let slot = clock.lift(slot, message.at);
                let off = message.at as i64 - clock.air(slot - cell.ahead).0;
                if owners.of(slot) == member && off.abs() < slot_ns / 2 {
                    sum += i128::from(off);
                    heard += 1;
                }
            }
            if heard > 0 {
                let mean = clock.early + (sum / heard) as i64;
                let (early, late) = bounds.unwrap_or((mean, mean));
                bounds = Some((early.min(mean), late.max(mean)));
            }
        }
        (clock.early, clock.late) = bounds.unwrap_or((clock.early, clock.late));
        clock
    }

    fn lift(&mut self) {
        let settings = &self.inputs.settings;
        let sent = self.sent.iter_mut().flatten();
        let seen = self.seen.iter_mut().chain(&mut self.seen_cut);
        for message in seen.chain(sent).chain(&mut self.sent_cut) {
            let Some((cell, member)) = settings.peers[message.peer].serves else {
                continue;
            };
            let clock = &self.clocks[cell];
            let offset = member.map_or(0, |member| settings.cells[cell].members[member].offset);
            let frame = settings.cells[cell].frame();
            message.slot = message
                .point
                .filter(|(sfn, slot)| *sfn < 1024 && i64::from(*slot) < frame && !clock.unknown)
                .map(|(sfn, slot)| {
                    let count = i64::from(sfn) * frame + i64::from(slot) - offset;
                    clock.lift(count, message.at)
                });
        }
    }
}

fn came_from(peer: &Peer, lane: &Lane, datagram: &Datagram) -> bool {
    peer.port == lane.port
        && peer.mac == datagram.macs.1
        && peer.vlans == datagram.vlans
        && peer.facing_udp == datagram.ports.1
}

fn owners(inputs: &Inputs, cell: &Cell, clock: &Clock) -> Owners {
    let mut owners = Owners {
        first: cell.active,
        ..Owners::default()
    };
    for switch in inputs
        .switches
        .iter()
        .filter(|switch| switch.cell == cell.name)
    {
        let (Some(from), Some(to)) = (cell.member(&switch.from), cell.member(&switch.to)) else {
            continue;
        };
        let at = switch.cause.at_ns();
        let boundary = clock.lift(switch.slot, at);
        owners.changes.push(Change {
            boundary,
            from,
            to,
            cause: switch.cause,
        });
        if let Cause::Failover { detected_ns, .. } = switch.cause {
            let again = inputs.readmitted.iter();
            let again = again.filter(|(name, at)| *name == switch.from && *at > detected_ns);
            let until = again.map(|(_, at)| *at).min().unwrap_or(u64::MAX);
            owners.fenced.push((from, detected_ns, until));
        }
    }
    owners
}

//! The FAPI plane in its plainest form, for showing that the judge accepts what is right: two PHYs, every
//! message put together before anything is done with it, nothing that is fast.

use super::body::{self, Block};
use super::cast::{Appliance, Timing};
use super::message::{self, CRC, DL_TTI, Message, REQUESTS, SLOT, UL_TTI};
use super::packer::{self, Head, Way};
use super::packet::{self, Datagram};
use super::settings::{Cell, Settings};
use super::{Cause, Frame, Lane, Switch};
use std::collections::{BTreeMap, HashSet};

/// What it sends: port and frame.
type Out = Vec<(String, Vec<u8>)>;

/// The appliance of one cell with two members.
#[derive(Debug)]
pub struct Model {
    settings: Settings,
    cell: Cell,
    timing: Timing,
    begun: bool,
    /// Slot to be indicated next, slot up to which NULLs are given, newest slot given.
    next: i64,
    supplied: i64,
    newest: i64,
    given: HashSet<(usize, u16, i64)>,
    /// When each member was last heard; 0: never.
    heard: [u64; 2],
    fenced: [bool; 2],
    owners: Vec<(i64, usize)>,
    /// Instants, slots ahead of what is given, and to whom.
    commands: Vec<(u64, i64, usize)>,
    /// What each peer has been sent: messages, datagrams.
    numbers: Vec<(u16, u16)>,
    frames: Vec<Lane>,
    pieces: Vec<Vec<Datagram>>,
    awaited: BTreeMap<(i64, Block), usize>,
    /// Switches that took effect.
    pub switches: Vec<Switch>,
}

impl Model {
    /// Before anything is heard; `commands` in order of time.
    pub fn new(settings: &Settings, timing: Timing, commands: Vec<(u64, i64, usize)>) -> Self {
        let peers = settings.peers.len();
        let lane = |peer: &super::settings::Peer| Lane {
            port: peer.port.clone(),
            frames: Vec::new(),
        };
        Self {
            cell: settings.cells[0].clone(),
            timing,
            begun: false,
            next: 0,
            supplied: 0,
            newest: 0,
            given: HashSet::new(),
            heard: [0; 2],
            fenced: [false; 2],
            owners: vec![(i64::MIN, settings.cells[0].active)],
            commands,
            numbers: vec![(0, 0); peers],
            frames: settings.peers.iter().map(lane).collect(),
            pieces: vec![Vec::new(); peers],
            awaited: BTreeMap::new(),
            switches: Vec::new(),
            settings: settings.clone(),
        }
    }

    fn owner(&self, slot: i64) -> usize {
        let mut latest = self.owners.iter().rev();
        latest.find(|span| span.0 <= slot).unwrap().1
    }

    fn listeners(&self) -> impl Iterator<Item = usize> + use<> {
        let heard = self.heard;
        (0..2).filter(move |member| heard[*member] > 0)
    }

    fn send(&mut self, out: &mut Out, to: usize, id: u16, timestamp: u32, body: &[u8]) {
        let peer = &self.settings.peers[to];
        self.numbers[to].0 += 1;
        let (dialect, phy_id) = (peer.dialect, peer.phy_id);
        let head = Head {
            dialect,
            phy_id,
            id,
            sequence: self.numbers[to].0,
            timestamp,
        };
        let mtu = self.settings.mtu(&peer.port);
        for datagram in packer::datagrams(head, body, peer.segment) {
            self.numbers[to].1 += 1;
            let frames = packer::frames(peer, Way::To, &datagram, self.numbers[to].1, mtu);
            out.extend(frames.into_iter().map(|frame| (peer.port.clone(), frame)));
        }
    }

    fn give(
        &mut self,
        out: &mut Out,
        member: usize,
        id: u16,
        slot: i64,
        full: Option<&Message>,
        timestamp: u32,
    ) {
        let new = self.given.insert((member, id, slot));
        self.newest = self.newest.max(slot);
        let null = body::null(id, self.timing.point(slot)).unwrap();
        let phy = self.cell.members[member].phy;
        match full {
            Some(message) => self.send(out, phy, id, timestamp, &message.body),
            None if new => self.send(out, phy, id, timestamp, &null),
            None => {}
        }
    }

    fn request(&mut self, out: &mut Out, message: &Message, now: u64) {
        let (Some(point), true) = (message.point, REQUESTS.contains(&message.id)) else {
            return;
        };
        let slot = self.timing.lift(point, now);
        let owner = self.owner(slot);
        if self.fenced[owner] || self.heard[owner] == 0 {
            return;
        }
        if message.id == UL_TTI {
            let dialect = self.settings.peers[message.peer].dialect;
            for block in body::puschs(&message.body, dialect) {
                self.awaited.insert((slot, block), owner);
            }
        }
        let stamp = message.timestamp.unwrap_or(0);
        self.give(out, owner, message.id, slot, Some(message), stamp);
        for member in self.listeners().filter(|member| *member != owner) {
            self.give(out, member, message.id, slot, None, stamp);
        }
    }

    fn indication(&mut self, out: &mut Out, member: usize, message: &Message, now: u64) {
        self.heard[member] = if message.id == SLOT {
            now
        } else {
            self.heard[member].max(1)
        };
        let Some(point) = message.point else {
            return;
        };
        let slot = self.timing.lift(point, now);
        if self.fenced[member] || self.owner(slot) != member {
            return;
        }
        let l2 = self.cell.l2;
        if message.id == SLOT {
            if !self.begun {
                (self.begun, self.next, self.supplied) = (true, slot, slot - 1);
            }
            while self.next <= slot {
                let point = self.timing.point(self.next);
                self.send(out, l2, SLOT, 0, &point);
                self.next += 1;
            }
            return;
        }
        let depth = (self.cell.pipeline * self.cell.slot_ns()) as u64;
        let boundary = self
            .owners
            .iter()
            .map(|span| span.0)
            .find(|from| *from > slot);
        if boundary.is_some_and(|boundary| now > self.timing.air(boundary) + depth) {
            return;
        }
        if message.id == CRC {
            let dialect = self.settings.peers[message.peer].dialect;
            for (block, _) in body::crcs(&message.body, dialect).unwrap() {
                self.awaited.remove(&(slot, block));
            }
        }
        self.send(
            out,
            l2,
            message.id,
            message.timestamp.unwrap_or(0),
            &message.body,
        );
    }

    /// When a member counts as lost; a standby's loss changes nothing here.
    fn lost_at(&self) -> Option<u64> {
        let active = self.owner(self.newest);
        let patience = 2 * self.timing.slot_ns() + self.cell.grace as u64;
        (self.heard[active] > 1 && !self.fenced[active]).then(|| self.heard[active] + patience)
    }

    fn fail_over(&mut self, out: &mut Out, now: u64) {
        let dead = self.owner(self.newest);
        let boundary = self.newest + 1;
        self.fenced[dead] = true;
        let detected = Cause::Failover {
            detected_ns: now,
            last_heard_ns: self.heard[dead],
        };
        self.switch(boundary, 1 - dead, detected);
        let lost: Vec<_> = self
            .awaited
            .iter()
            .filter(|(_, owner)| **owner == dead)
            .map(|(key, _)| *key)
            .collect();
        for (slot, (handle, rnti, harq)) in lost {
            self.awaited.remove(&(slot, (handle, rnti, harq)));
            let mut body = self.timing.point(slot).to_vec();
            body.extend([0, 1]);
            body.extend(handle.to_be_bytes());
            body.extend(rnti.to_be_bytes());
            body.extend([harq, 1, 0, 0, 255, 0, 31, 0, 0]);
            self.send(out, self.cell.l2, CRC, 0, &body);
        }
    }

    fn switch(&mut self, boundary: i64, to: usize, cause: Cause) {
        let name = |member: usize| self.cell.members[member].name.clone();
        self.switches.push(Switch {
            cell: self.cell.name.clone(),
            slot: boundary,
            from: name(1 - to),
            to: name(to),
            cause,
        });
        self.owners.push((boundary, to));
    }

    fn nulls_due(&self) -> u64 {
        self.timing.air(self.supplied + 1) - self.cell.null_deadline as u64
    }

    fn slot_due(&self) -> u64 {
        self.timing.air(self.next - self.cell.ahead) + self.cell.grace as u64
    }
}

impl Appliance for Model {
    fn next_at(&self) -> Option<u64> {
        let command = self.commands.first().map(|command| command.0);
        let clocks = self.begun.then(|| self.nulls_due().min(self.slot_due()));
        command
            .into_iter()
            .chain(clocks)
            .chain(self.lost_at())
            .min()
    }

    fn tick(&mut self, now: u64) -> Out {
        let mut out = Out::new();
        if self
            .commands
            .first()
            .is_some_and(|command| command.0 <= now)
        {
            let (at, ahead, to) = self.commands.remove(0);
            self.switch(self.newest + ahead, to, Cause::Planned { commanded_ns: at });
        }
        if self.lost_at().is_some_and(|at| at <= now) {
            self.fail_over(&mut out, now);
        }
        while self.begun && self.nulls_due() <= now {
            let slot = self.supplied + 1;
            let owner = self.owner(slot);
            for member in self.listeners().filter(|member| *member != owner) {
                for id in [DL_TTI, UL_TTI] {
                    self.give(&mut out, member, id, slot, None, 0);
                }
            }
            self.supplied = slot;
        }
        while self.begun && self.slot_due() <= now {
            let point = self.timing.point(self.next);
            self.send(&mut out, self.cell.l2, SLOT, 0, &point);
            self.next += 1;
        }
        out
    }

    fn receive(&mut self, port: &str, now: u64, frame: &[u8]) -> Out {
        let mut out = Out::new();
        let from = self
            .settings
            .peers
            .iter()
            .position(|peer| peer.port == port)
            .unwrap();
        let lane = &mut self.frames[from];
        lane.frames.push(Frame {
            at_ns: now,
            bytes: frame.to_vec(),
        });
        let read = packet::read(lane).datagrams;
        if read.is_empty() {
            return out;
        }
        lane.frames.clear();
        self.pieces[from].extend(read);
        let peer = &self.settings.peers[from];
        let pieces = self.pieces[from].iter();
        let pieces = pieces.map(|datagram| {
            (
                datagram,
                message::piece(&datagram.payload, peer.dialect).unwrap(),
            )
        });
        let messages = message::assemble(from, peer, pieces).whole;
        if messages.is_empty() {
            return out;
        }
        self.pieces[from].clear();
        for message in &messages {
            match self.settings.peers[from].serves.unwrap().1 {
                None => self.request(&mut out, message, now),
                Some(member) => self.indication(&mut out, member, message, now),
            }
        }
        out
    }
}

//! Three cells, two servers and a pooled backup around the real worker and the real controller, a slot at a time.

use crate::judge::Judge;
use crate::schedule::{Fault, Manner};
use ranshift::config::{self, Config};
use ranshift::control::compile::compile;
use ranshift::control::controller::{Controller, FIRST_ORDER};
use ranshift::control::transaction::{
    Asked, Call, Cause, Output, Reply, Request, Transaction, Wish,
};
use ranshift::dataplane::mailbox::{
    Action, Boundary, Command, Director, Event, EventKind, Mailbox, Parcel,
};
use ranshift::dataplane::observation::{CellObservation, Load, Observation};
use ranshift::dataplane::tables::Tables;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{
    CellId, CyclicPrefix, Direction, Instant, MemberId, Numerology, PortId, SlotClock, SlotCount,
    WireSlot,
};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use ranshift::wire::oran::emit::{ControlKind, ControlMessage, ControlSection};
use ranshift::wire::oran::header::Header;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Members that send: `left` and `right` have a DU of each cell, the last is the pooled backup.
pub(crate) const SENDERS: usize = 2 * CELLS + 1;
pub(crate) const CELLS: usize = 3;
pub(crate) const POOLED: usize = SENDERS - 1;

const START: u64 = 2560 * 400_000_000;
const MS: u64 = 1_000_000;

/// The configuration of every schedule.
pub(crate) fn configuration() -> Config {
    let mut text = String::from(
        "ports: {ru: {mtu: 9000}, left: {mtu: 9000}, right: {mtu: 9000}, third: {mtu: 9000}}\nrus:\n",
    );
    for n in 1..=CELLS {
        text += &format!(
            "  ru-{n}: {{port: ru, mac: '02:a0:00:00:00:0{n}', facing: '02:0b:00:00:00:0{n}', vlan: 10{n}}}\n"
        );
    }
    text += "dus:\n";
    for (side, port) in [(1, "left"), (2, "right")] {
        for n in 1..=CELLS {
            text += &format!(
                "  {port}-{n}: {{port: {port}, mac: '02:d0:00:00:0{side}:0{n}', facing: '02:0a:00:00:00:0{n}', vlan: 20{n}, attachment: dedicated}}\n"
            );
        }
    }
    text += "  backup: {port: third, mac: '02:d0:00:00:03:01', facing: '02:0a:00:00:00:09', vlan: 209, attachment: pooled}\ncells:\n";
    for n in 1..=CELLS {
        text += &format!(
            "  cell-{n}:
    ru: ru-{n}
    numerology: 0
    carrier_prbs: 51
    eaxc: {{downlink: [0, 1], uplink: [0], prach: [4]}}
    compression: {{downlink: {{method: bfp, width: 9, header: dynamic}}, uplink: {{method: bfp, width: 9, header: dynamic}}}}
    time: {{source: gps}}
    step_window: 10ms
    step_memory: 8ms
    late_tolerance: 2ms
    largest_lead: 4ms
    periods: {{tdd: 5}}
    active: left-{n}
    members:
      left-{n}: {{}}
      right-{n}: {{}}
      backup: {{}}
    liveness: {{history: 3, confirm: 2, grace: 250us, declared: {{downlink_control: [0, 1, 2, 3, 4]}}}}
    failover: {{standby: [right-{n}, backup], damping: 20ms}}
    sharing: {{source_ports: {{0: 0}}, destination_ports: {{0: 1}}, control_symbols: [0, 1], pattern: SD, pattern_lead: 4}}
"
        );
    }
    text += "bridge: {flood: {ru: [left], left: [ru], right: [ru], third: [ru]}}
servers:
  left: {dus: [left-1, left-2, left-3]}
  right: {dus: [right-1, right-2, right-3]}
drivers:
  member: {command: [/bin/true]}
  pattern: {command: [/bin/true]}
  ues: {command: [/bin/true]}
transactions:
  parallel: 2
  rest_of_server: move
  lead: 10ms
  join_within: 10ms
  deadlines: {preparing: 40ms, sharing: 40ms, moving_ues: 60ms, switching: 30ms, confirming: 20ms, rolling_back: 250ms}
";
    let loaded = config::parse(&text, "simulator").unwrap_or_else(|problems| panic!("{problems}"));
    loaded.config
}

/// What every schedule begins with.
pub(crate) struct Stage {
    config: Config,
    tables: Arc<Tables>,
    /// Frames of slot 0, by sender.
    frames: Vec<Vec<u8>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let config = configuration();
        let tables = Arc::new(compile(&config, 1));
        let frames = (0..SENDERS).map(frame).collect();
        Self {
            config,
            tables,
            frames,
        }
    }
}

/// A rule that the simulator can be told to break in its own wiring, to see that it would notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    Nothing,
    /// A command to go back is answered and not given to the lcore.
    UndoIsSwallowed,
    /// A standby speaks with the address of the active member.
    StandbySpeaks,
}

pub(crate) struct World<'s> {
    stage: &'s Stage,
    worker: Worker<ReplayFrame>,
    io: ReplayIo,
    mailbox: Mailbox,
    control: Controller,
    pub(crate) journal: BTreeMap<u64, Transaction>,
    pub(crate) judge: Judge,
    /// Slots since the start.
    slot: u64,
    /// Of senders: silent until this slot.
    silent: [u64; SENDERS],
    waiting: VecDeque<Command>,
    heard: VecDeque<(u64, Event)>,
    replies: Vec<(u64, u64, Reply)>,
    manner: Manner,
    /// Until these slots: commands are not taken; events are late, or lost; nothing is observed.
    pub(crate) blocked: u64,
    late: u64,
    deaf: u64,
    unseen: u64,
    epoch: i64,
    kills: u32,
    broken: Broken,
    raw: u32,
}

impl<'s> World<'s> {
    pub(crate) fn new(stage: &'s Stage, manner: Manner, broken: Broken) -> Self {
        let mut control = Controller::new(&stage.config, 1);
        control.transactions().wait_for_observations();
        Self {
            worker: Worker::new(Arc::clone(&stage.tables), Clock::Stamps),
            io: ReplayIo::default(),
            // Small, so that events are lost when control does not hear.
            mailbox: Mailbox::new(4, 64),
            control,
            journal: BTreeMap::new(),
            judge: Judge::new(),
            slot: 0,
            silent: [0; SENDERS],
            waiting: VecDeque::new(),
            heard: VecDeque::new(),
            replies: Vec::new(),
            manner,
            blocked: 0,
            late: 0,
            deaf: 0,
            unseen: 0,
            epoch: 0,
            kills: 0,
            broken,
            raw: 0,
            stage,
        }
    }

    /// Control's own time.
    fn now(&self) -> Instant {
        Instant(1 + self.slot * MS)
    }

    pub(crate) fn open(&mut self) -> bool {
        self.control.transactions().open().next().is_some()
    }

    /// One slot: frames, then the lcore's queues, then control.
    pub(crate) fn step(&mut self) {
        self.slot += 1;
        let air = clock().air(SlotCount(START + self.slot), 0);
        self.worker.tick(air);
        for sender in 0..SENDERS {
            self.send(sender, air);
        }
        let truth = self.exchange(air.offset(400_000));
        self.listen();
        self.turn(&truth);
        self.judge.balance(self.worker.counters().ledger.balance());
    }

    fn send(&mut self, sender: usize, air: Instant) {
        if self.silent[sender] > self.slot {
            return;
        }
        let mut bytes = self.stage.frames[sender].clone();
        // Three slots ahead: of the slot that follows the one that follows the next.
        let slot = SlotCount(START + self.slot + 3);
        let (frame, subframe, _) = WireSlot::of(slot, numerology()).fields(numerology());
        bytes[27] = frame;
        bytes[28] = subframe << 4;
        bytes[24] = self.slot as u8;
        let mut port = sender / CELLS + 1;
        if self.broken == Broken::StandbySpeaks && sender == CELLS && self.slot > 60 {
            bytes[6..12].copy_from_slice(&self.stage.frames[0][6..12]);
            bytes[14..16].copy_from_slice(&self.stage.frames[0][14..16]);
            port = 1;
        }
        let at = air.offset(100_000 + sender as i64 * 1_000);
        self.worker.tick(at);
        self.io.offer(
            PortId(port as u8),
            ReplayFrame::new(&bytes, bytes.len(), None, at),
        );
        self.worker
            .poll(&mut self.io, PortId(port as u8), at, &mut Unobserved);
        for (_, sent) in self.io.take_sent() {
            self.judge.left(slot, sent.bytes());
        }
    }

    /// The lcore looks into its mailbox; what it says of itself is the truth of this slot.
    fn exchange(&mut self, at: Instant) -> Vec<Option<CellObservation>> {
        self.worker.tick(at);
        while self.blocked <= self.slot
            && let Some(command) = self.waiting.front()
            && self.mailbox.post(*command)
        {
            self.waiting.pop_front();
        }
        let tables = &self.stage.tables;
        let empty = Box::new(Observation::with_room(tables, tables));
        assert!(self.mailbox.order(Parcel::Observation(empty)).is_ok());
        for _ in 0..ROUNDS {
            self.worker.exchange(at, &self.mailbox, Load::default());
            if let Some(Parcel::Observation(seen)) = self.mailbox.collect() {
                return seen.cells;
            }
        }
        panic!("the lcore does not fill an observation");
    }

    /// Events on their way to control.
    fn listen(&mut self) {
        while let Some(event) = self.mailbox.hear() {
            self.judge.event(&event, self.now());
            if self.deaf <= self.slot {
                let due = if self.late > self.slot {
                    self.late
                } else {
                    self.slot
                };
                self.heard.push_back((due, event));
            }
        }
    }

    fn turn(&mut self, truth: &[Option<CellObservation>]) {
        let now = self.now();
        let at = clock().air(SlotCount(START + self.slot), 0).offset(400_000);
        let wall = at.0.wrapping_sub(now.0) as i64 + self.epoch;
        self.control.transactions().set_epoch(wall);
        let mut commands = Vec::new();
        while self.heard.front().is_some_and(|(due, _)| *due <= self.slot) {
            if let Some((_, event)) = self.heard.pop_front() {
                self.control.on_event(now, &event, &mut commands);
            }
        }
        if self.unseen <= self.slot && self.slot.is_multiple_of(LOOK) {
            for (index, cell) in truth.iter().enumerate() {
                if let Some(cell) = cell {
                    let id = CellId(index as u16);
                    self.control.transactions().observe(now, id, at, cell);
                }
            }
        }
        let slot = self.slot;
        for (_, call, reply) in self.replies.extract_if(.., |(due, ..)| *due <= slot) {
            self.control.transactions().reply(now, call, &reply);
        }
        self.control.on_tick(now, &mut commands);
        for command in commands {
            let wired = self.wired(command);
            self.waiting.extend(wired);
        }
        for output in self.control.transactions().take_outputs() {
            match output {
                Output::Call(call) => self.driver(&call),
                Output::Record { transaction, .. } => {
                    self.judge.record(&transaction, truth, now);
                    self.journal.insert(transaction.id, *transaction);
                }
                Output::Told { .. } => {}
            }
        }
        self.judge.rest(
            truth,
            self.blocked.max(self.late).max(self.deaf).max(self.unseen) > self.slot,
            now,
        );
    }

    /// What lies between control and the lcore; the one place where a rule can be broken.
    fn wired(&mut self, command: Command) -> Option<Command> {
        let back = matches!(command.action, Action::Switch { to: MemberId(0) });
        if self.broken == Broken::UndoIsSwallowed && back {
            let boundary = SlotCount(START + self.slot + 5);
            let id = command.id;
            let kind = EventKind::Accepted {
                command: id,
                boundary,
            };
            self.answer(command, kind);
            let mode = ranshift::dataplane::mailbox::Mode::Single(MemberId(0));
            let cause = ranshift::dataplane::mailbox::Cause::Command;
            self.answer(
                command,
                EventKind::Mode {
                    mode,
                    boundary,
                    cause,
                },
            );
            return None;
        }
        Some(command)
    }

    fn answer(&mut self, command: Command, kind: EventKind) {
        let slot = SlotCount(START + self.slot);
        let event = Event {
            at: clock().air(slot, 0),
            term: 1,
            cell: command.cell,
            slot,
            kind,
        };
        self.heard.push_back((self.slot + 1, event));
    }

    fn driver(&mut self, call: &Call) {
        let (delay, reply) = match self.manner {
            Manner::Prompt => (1, Reply::Done),
            Manner::Slow => (25, Reply::Done),
            Manner::Silent => return,
            Manner::Failing => (2, Reply::Failed("no".to_owned())),
            Manner::NeverReady => (3, Reply::Left(7)),
        };
        self.replies.push((self.slot + delay, call.call, reply));
    }

    /// Something happens.
    pub(crate) fn suffer(&mut self, fault: &Fault) {
        let (slot, now) = (self.slot, self.now());
        match *fault {
            Fault::Silence { sender, slots } => self.silence(sender, slots),
            Fault::Server { side, slots } => {
                for cell in 0..CELLS {
                    self.silence(side * CELLS + cell, slots);
                }
            }
            Fault::Blocked { slots } => self.blocked = slot + slots,
            Fault::Late { slots } => self.late = slot + slots,
            Fault::Deaf { slots } => self.deaf = slot + slots,
            Fault::Unseen { slots } => self.unseen = slot + slots,
            Fault::ClockStep { ms } => self.epoch += ms * MS as i64,
            Fault::Kill => self.kill(),
            Fault::Move { cells, side, share } => {
                let side = ["left", "right", "backup"][side];
                let wish = |cell: usize| Wish {
                    cell: format!("cell-{}", cell + 1),
                    to: match side {
                        "backup" => side.to_owned(),
                        side => format!("{side}-{}", cell + 1),
                    },
                };
                let request = Request::Move {
                    cells: (0..CELLS)
                        .filter(|cell| cells >> cell & 1 == 1)
                        .map(wish)
                        .collect(),
                    what: None,
                    share,
                    wait: false,
                    boundary: Boundary::InSlots(8),
                };
                self.ask(request);
            }
            Fault::Drain { side } => {
                let server = ["left", "right"][side].to_owned();
                let share = false;
                self.ask(Request::Drain { server, share });
            }
            Fault::Abort => {
                let transactions = self.control.transactions();
                let open = transactions.open().last().map(|open| open.id);
                if let Some(id) = open {
                    drop(transactions.abort(now, id, "somebody"));
                }
            }
            Fault::Command { cell, action } => {
                self.raw += 1;
                self.waiting.push_back(Command {
                    id: self.raw,
                    term: 1,
                    cell: CellId(cell as u16),
                    boundary: Boundary::Next,
                    action,
                });
            }
        }
    }

    fn silence(&mut self, sender: usize, slots: u64) {
        self.silent[sender] = self.slot + slots;
    }

    fn ask(&mut self, request: Request) {
        let asked = Asked {
            request,
            cause: Cause::Operator("somebody".to_owned()),
            key: None,
            term: None,
        };
        let now = self.now();
        drop(self.control.transactions().submit(now, asked));
    }

    /// Control dies and starts again from its journal; what was on its way to it is gone.
    fn kill(&mut self) {
        self.kills += 1;
        let now = self.now();
        let text = serde_json::to_string(&self.journal).unwrap();
        let records: BTreeMap<u64, Transaction> = serde_json::from_str(&text).unwrap();
        self.control = Controller::new(&self.stage.config, 1);
        let transactions = self.control.transactions();
        transactions.number_from(FIRST_ORDER + self.kills * 1_000_000);
        transactions.restore(now, records.into_values());
        self.waiting.clear();
        self.heard.clear();
        self.replies.clear();
    }
}

/// The C-plane message of a whole slot of one sender; its beam says whose it is.
fn frame(sender: usize) -> Vec<u8> {
    let (side, cell) = (sender / CELLS + 1, sender % CELLS + 1);
    let (facing, vlan) = match sender {
        POOLED => (9, 209),
        _ => (cell as u8, 200 + cell as u16),
    };
    let mut frame = vec![
        2, 0x0a, 0, 0, 0, facing, 2, 0xd0, 0, 0, side as u8, cell as u8,
    ];
    frame.extend_from_slice(&[0x81, 0]);
    frame.extend_from_slice(&(0xe000 | vlan).to_be_bytes());
    frame.extend_from_slice(&[0xae, 0xfe]);
    let mut body = Vec::new();
    let radio = Header {
        direction: Direction::Downlink,
        filter_index: 0,
        frame: 0,
        subframe: 0,
        slot: 0,
        symbol: 0,
    };
    let section = ControlSection {
        beam_or_ue_id: sender as u16 + 1,
        ..ControlSection::whole(1, 14)
    };
    ControlMessage {
        radio,
        kind: ControlKind::Normal(0x91),
        sections: &[section],
    }
    .emit(&mut body);
    frame.extend_from_slice(&[0x10, 2]);
    frame.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 0x80]);
    frame.extend_from_slice(&body);
    frame
}

fn numerology() -> Numerology {
    Numerology::new(0).unwrap()
}

fn clock() -> SlotClock {
    SlotClock::from_gps(numerology(), CyclicPrefix::Normal, 0, 0)
}

/// Looks at its mailbox that an lcore takes for an observation at most.
const ROUNDS: usize = 16;

/// Slots between two observations.
const LOOK: u64 = 10;

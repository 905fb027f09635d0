//! Every decision of the proxy, without sockets and clocks: messages and connections in, messages out.
//!
//! A request of the L2 enters the record and is sent to every PHY that is in step; the L2 is answered once, when
//! all of them have answered or their time is over, with the answer that the policy names. A PHY that comes
//! later walks along the record by itself, its answers kept from the L2. Bodies are not read but for results,
//! P7 addresses and ids. What is sent unasked reaches the other side from the active member only.

mod l2;
mod phys;

use super::happening::{Happening, Reason, What};
use super::member::{Link, Member};
use super::record::{Members, Record};
use super::rewrite;
use super::settings::Settings;
use super::view::{L2State, PhyState, View};
use crate::ran::{Instant, MemberId};
use crate::wire::nfapi::p5_header::P5Header;
use crate::wire::nfapi::{Head, MessageId, PhyId};

/// What comes in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The connection to the L2 that was asked for is there.
    L2Connected,
    /// The L2 is gone.
    L2Gone,
    /// One message of the L2, whole.
    L2(Vec<u8>),
    /// A PHY is connected.
    PhyConnected(MemberId),
    /// A PHY is gone.
    PhyGone(MemberId),
    /// One message of a PHY, whole.
    Phy(MemberId, Vec<u8>),
    /// A connection has to end: the peer broke a rule of the stream. `None`: that to the L2.
    Broken(Option<MemberId>, Reason),
    /// Another member is active from now on.
    Active(MemberId),
    /// Time goes by.
    Tick,
}

/// What goes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Connect to the L2, and keep trying.
    ConnectL2,
    /// One message to the L2.
    L2(Vec<u8>),
    /// One message to a PHY.
    Phy(MemberId, Vec<u8>),
    /// End the connection to the L2. Its end is not to be reported.
    CloseL2,
    /// End the connection to a PHY. Its end is not to be reported.
    ClosePhy(MemberId),
    /// Whether a member has been started, for the lcores.
    Running(MemberId, Life),
    /// For people.
    Happened(Happening),
}

/// What P5 knows of a PHY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// It was started.
    Runs,
    /// It was stopped by its L2.
    Stopped,
    /// It ran, and stopped by itself, or its connection ended.
    Gone,
}

/// The L2's side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum L2 {
    /// Nobody to present to it.
    Unwanted,
    /// A connection was asked for.
    Wanted,
    /// Connected; whether it has had PNF_READY, and the sequence number of the next message to it.
    Connected { greeted: bool, sequence: u8 },
}

/// The state machine.
#[derive(Debug)]
pub struct Proxy {
    settings: Settings,
    active: MemberId,
    l2: L2,
    members: Vec<Member>,
    record: Record,
    /// Messages of the L2 that were dropped.
    strays: u32,
    now: Instant,
    out: Vec<Output>,
}

impl Proxy {
    /// Nobody is connected. The settings must have been checked.
    pub fn new(settings: Settings) -> Self {
        Self {
            active: settings.active,
            l2: L2::Unwanted,
            members: settings.members.iter().map(|_| Member::default()).collect(),
            record: Record::default(),
            strays: 0,
            now: Instant(0),
            out: Vec::new(),
            settings,
        }
    }

    /// Takes one input; what is to be done about it, in order. `now` is of any clock that never steps back.
    pub fn take(&mut self, input: Input, now: Instant) -> Vec<Output> {
        self.now = now;
        match input {
            Input::L2Connected => self.l2_connected(),
            Input::L2Gone => self.l2_gone(What::Gone),
            Input::L2(bytes) => self.l2_says(&bytes),
            Input::PhyConnected(member) => self.phy_connected(member),
            Input::PhyGone(member) => self.phy_gone(member, What::Gone),
            Input::Phy(member, bytes) => self.phy_says(member, &bytes),
            Input::Broken(None, reason) => self.close_l2(reason),
            Input::Broken(Some(member), reason) => self.close_phy(member, reason),
            Input::Active(member) => self.set_active(member),
            Input::Tick => {}
        }
        self.look_at_the_time();
        for member in self.ids() {
            self.judge(member);
        }
        std::mem::take(&mut self.out)
    }

    /// When to tick at the latest.
    pub fn due(&self) -> Option<Instant> {
        let asked = self.members.iter().filter_map(|member| member.asked);
        let asked = asked
            .filter(|asked| !asked.overdue)
            .map(|asked| asked.until);
        asked.chain(self.record.due()).min()
    }

    /// What it was told at its start.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What people may ask.
    pub fn view(&self) -> View {
        let phy = |member: &Member| match member.link {
            Link::Absent => PhyState::Absent,
            _ if member.running => PhyState::Running,
            _ if member.refused.is_some() => PhyState::Refused,
            _ if member.rebuilding => PhyState::Rebuilding,
            _ => PhyState::Connected,
        };
        View {
            l2: match self.l2 {
                L2::Unwanted => L2State::Waiting,
                L2::Wanted => L2State::Connecting,
                L2::Connected { .. } => L2State::Connected,
            },
            phys: self.members.iter().map(phy).collect(),
        }
    }

    fn set_active(&mut self, member: MemberId) {
        if member.index() >= self.members.len() {
            return;
        }
        self.active = member;
        self.present();
        self.answer_all();
    }

    fn look_at_the_time(&mut self) {
        let now = self.now;
        for member in self.ids() {
            let Some(asked) = self
                .member_mut(member)
                .and_then(|state| state.asked.as_mut())
            else {
                continue;
            };
            if asked.overdue || asked.until > now {
                continue;
            }
            asked.overdue = true;
            let (message, own) = (asked.message, asked.own);
            self.happened(Some(member), What::Silent(message));
            if own {
                self.close_phy(member, Reason::NotStopped);
            }
        }
        for serial in self.record.owed() {
            self.press(serial);
        }
    }

    /// Marks what the L2 has been waiting for too long, and answers it if that can be done.
    fn press(&mut self, serial: u64) {
        let now = self.now;
        let Some(entry) = self.record.entry_mut(serial) else {
            return;
        };
        let message = entry.request.message;
        let Some(owed) = entry.owed.as_mut() else {
            return;
        };
        if owed.overdue || owed.until > now {
            return;
        }
        owed.overdue = true;
        self.answer(serial);
        let entry = self.record.entry_mut(serial);
        if entry.is_some_and(|entry| entry.owed.is_some()) {
            self.happened(None, What::Unanswered(message));
        }
    }

    fn send_l2(&mut self, message: MessageId, phy: PhyId, body: &[u8]) {
        let L2::Connected { sequence, .. } = &mut self.l2 else {
            return;
        };
        let number = *sequence;
        *sequence = sequence.wrapping_add(1);
        let bytes = self.message(message, phy, number, body);
        self.out.push(Output::L2(bytes));
    }

    /// Sends a message of the L2 with everything in it as this PHY knows it.
    fn send_phy(&mut self, member: MemberId, message: MessageId, phy: PhyId, body: &[u8]) {
        let Some(known) = self.settings.members.get(member.index()) else {
            return;
        };
        let (ids, p7) = ((self.settings.l2_phy, known.phy), known.p7);
        let mut body = body.to_vec();
        let encoding = self.settings.dialect.encoding();
        // What cannot be rewritten was refused when it came.
        let _ = rewrite::toward_phy(&mut body, message, encoding, p7, ids);
        let phy = if phy.0 == 0 { phy } else { known.phy };
        let Some(state) = self.member_mut(member) else {
            return;
        };
        let number = state.sequence;
        state.sequence = number.wrapping_add(1);
        let bytes = self.message(message, phy, number, &body);
        self.out.push(Output::Phy(member, bytes));
    }

    fn message(&self, message: MessageId, phy: PhyId, sequence: u8, body: &[u8]) -> Vec<u8> {
        let dialect = self.settings.dialect;
        let head = Head { phy, message };
        let mut bytes = vec![0; P5Header::len(dialect)];
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        // Room there is, and PHY_IDs were checked with the settings.
        let _ = P5Header { head, sequence }.emit(dialect, len, &mut bytes);
        bytes.extend_from_slice(body);
        bytes
    }

    fn happened(&mut self, member: Option<MemberId>, what: What) {
        let happening = Happening { member, what };
        self.out.push(Output::Happened(happening));
    }

    /// Tells of a message that is dropped. Who sends many is told of ever less often.
    fn strayed(&mut self, member: Option<MemberId>, what: What) {
        let state = member.and_then(|member| self.members.get_mut(member.index()));
        let strays = match state {
            Some(state) => &mut state.strays,
            None => &mut self.strays,
        };
        *strays = strays.saturating_add(1);
        if strays.is_power_of_two() {
            self.happened(member, what);
        }
    }

    fn ids(&self) -> impl Iterator<Item = MemberId> + use<> {
        (0u8..).map(MemberId).take(self.members.len())
    }

    fn member(&self, member: MemberId) -> Option<&Member> {
        self.members.get(member.index())
    }

    fn member_mut(&mut self, member: MemberId) -> Option<&mut Member> {
        self.members.get_mut(member.index())
    }

    fn which(&self, holds: impl Fn(&Member) -> bool) -> Members {
        self.which_by_id(|_, _, state| holds(state))
    }

    fn which_by_id(&self, holds: impl Fn(&Self, MemberId, &Member) -> bool) -> Members {
        let members = self.ids().zip(&self.members);
        members
            .filter(|(member, state)| holds(self, *member, state))
            .map(|(member, _)| member)
            .collect()
    }
}

#[cfg(test)]
mod tests;

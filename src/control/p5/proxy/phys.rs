//! The PHYs' side: each one walks along the record, is judged by its answers, and speaks to the L2 unasked only
//! while it is the active one.

use super::{Life, Output, Proxy};
use crate::control::p5::happening::{Reason, What};
use crate::control::p5::member::{Asked, Link, Member, answers};
use crate::control::p5::record::{Request, Response};
use crate::control::p5::rewrite::{self, Addresses};
use crate::ran::MemberId;
use crate::wire::WireError;
use crate::wire::nfapi::indication::ErrorCode;
use crate::wire::nfapi::p5::P5Body;
use crate::wire::nfapi::p5_header::P5Header;
use crate::wire::nfapi::{Head, MessageId, PhyId};

impl Proxy {
    pub(super) fn phy_connected(&mut self, member: MemberId) {
        self.phy_gone(member, What::Gone);
        let dialect = self.settings.dialect;
        let Some(state) = self.member_mut(member) else {
            return;
        };
        *state = Member::connected(dialect);
        self.happened(Some(member), What::Connected);
        self.set_off(member);
    }

    /// Has a member walk along the record if it can be spoken to.
    fn set_off(&mut self, member: MemberId) {
        let behind = !self.is_in_step(member);
        if let Some(state) = self.member_mut(member) {
            state.rebuilding = behind;
        }
        self.advance(member);
        self.present();
    }

    pub(super) fn phy_gone(&mut self, member: MemberId, what: What) {
        let Some(state) = self.member_mut(member) else {
            return;
        };
        if state.link == Link::Absent {
            return;
        }
        let running = std::mem::take(state).running;
        self.happened(Some(member), what);
        if running {
            self.out.push(Output::Running(member, Life::Gone));
        }
        self.record.leave(member);
        self.answer_all();
    }

    pub(super) fn close_phy(&mut self, member: MemberId, reason: Reason) {
        self.out.push(Output::ClosePhy(member));
        self.phy_gone(member, What::Closed(reason));
    }

    pub(super) fn phy_says(&mut self, member: MemberId, bytes: &[u8]) {
        let (header, body) = match P5Header::parse(bytes, self.settings.dialect) {
            Ok(parsed) => parsed,
            Err(error) => return self.close_phy(member, Reason::Malformed(error)),
        };
        let Some(state) = self.member(member) else {
            return;
        };
        let Head { phy, message } = header.head;
        let known = self.settings.members.get(member.index());
        let phy = match known {
            _ if phy.0 == 0 => phy,
            Some(known) if known.phy == phy => self.settings.l2_phy,
            _ => return self.strayed(Some(member), What::UnknownPhy(message, phy)),
        };
        match state.asked {
            Some(asked) if answers(message, asked.message) => {
                if let Err(error) = self.answered(member, asked, (message, phy), body) {
                    self.close_phy(member, Reason::Malformed(error));
                }
            }
            _ => self.unasked(member, (message, phy), body),
        }
    }

    /// A message that no request asked for.
    fn unasked(&mut self, member: MemberId, (message, phy): (MessageId, PhyId), body: &[u8]) {
        if message == MessageId::PNF_READY_INDICATION {
            return self.greeted_by(member, body);
        }
        if message == MessageId::STOP_INDICATION {
            self.stopped(member);
        }
        let told = matches!(
            message,
            MessageId::STOP_INDICATION | MessageId::ERROR_INDICATION
        );
        match message {
            _ if member == self.active && (told || message.is_vendor()) => {
                self.send_l2(message, phy, body);
            }
            MessageId::STOP_INDICATION => {}
            MessageId::ERROR_INDICATION => self.strayed(Some(member), What::Error),
            _ => self.strayed(Some(member), What::Unexpected(message)),
        }
    }

    /// A member says that it has stopped, without having been told to.
    fn stopped(&mut self, member: MemberId) {
        let Some(state) = self.member_mut(member) else {
            return;
        };
        state.started = false;
        let running = std::mem::take(&mut state.running);
        let runs = std::mem::take(&mut state.runs);
        if running {
            self.out.push(Output::Running(member, Life::Gone));
        }
        match runs {
            true => self.happened(Some(member), What::Stopped),
            false => self.strayed(Some(member), What::Stopped),
        }
    }

    fn greeted_by(&mut self, member: MemberId, body: &[u8]) {
        let Some(state) = self.member_mut(member) else {
            return;
        };
        if state.link == Link::Ready {
            let what = What::Unexpected(MessageId::PNF_READY_INDICATION);
            return self.strayed(Some(member), what);
        }
        state.link = Link::Ready;
        state.greeting = Some(body.to_vec());
        self.set_off(member);
    }

    /// The answer to what was asked.
    fn answered(
        &mut self,
        member: MemberId,
        asked: Asked,
        (message, phy): (MessageId, PhyId),
        body: &[u8],
    ) -> Result<(), WireError> {
        let encoding = self.settings.dialect.encoding();
        let (view, _) = P5Body::parse(body, message, encoding)?;
        let error = view.error().unwrap_or(ErrorCode::OK);
        let mut body = body.to_vec();
        let told = rewrite::toward_l2(&mut body, message, encoding, self.settings.l2_p7)?;
        let refused = error != ErrorCode::OK;
        if let Some(state) = self.member_mut(member) {
            state.asked = None;
            state.done = asked.serial;
            state.note_answer(asked.message, asked.serial, refused);
        }
        if refused {
            self.happened(Some(member), What::Refused(asked.message, error));
        }
        if refused && asked.own {
            self.close_phy(member, Reason::NotStopped);
            return Ok(());
        }
        if told == Addresses::Missing {
            self.happened(Some(member), What::NoAddress(message));
        }
        // Before the L2 hears of it: its requests may follow at once.
        self.judge(member);
        let entry = self.record.entry_mut(asked.serial);
        match entry.map(|entry| (entry.kept, entry.owed.as_mut())) {
            Some((_, Some(owed))) => {
                owed.awaited.remove(member);
                owed.responses.retain(|old| old.member != member);
                owed.responses.push(Response {
                    member,
                    error,
                    message,
                    phy,
                    body,
                });
                self.answer(asked.serial);
            }
            // The others have it behind them: where they are this one will not come.
            Some((true, None)) if refused => self.give_up(member),
            _ => {}
        }
        self.advance(member);
        Ok(())
    }

    /// A member is not walked any further along what is past.
    fn give_up(&mut self, member: MemberId) {
        let newest = self.record.newest();
        if let Some(state) = self.member_mut(member) {
            state.done = newest;
            state.rebuilding = false;
        }
    }

    /// Tells lcores and people when a member begins or ceases to run. A refusal counts once the L2 has been told
    /// otherwise: what it is told failed, nobody has to have done.
    pub(super) fn judge(&mut self, member: MemberId) {
        let refused = self.member(member).and_then(|state| state.refused);
        let open = refused.is_some_and(|(_, at)| {
            let entry = self.record.entry_mut(at);
            entry.is_some_and(|entry| entry.owed.is_some())
        });
        let Some(state) = self.member_mut(member) else {
            return;
        };
        let running = state.runs && (refused.is_none() || open && state.running);
        if running == state.running {
            return;
        }
        state.running = running;
        let life = match running {
            true => Life::Runs,
            // It was not sent STOP: it refused what the others do.
            false if state.started => Life::Gone,
            false => Life::Stopped,
        };
        self.out.push(Output::Running(member, life));
        if running {
            self.happened(Some(member), What::Started);
        }
    }

    pub(super) fn advance_all(&mut self) {
        for member in self.ids() {
            self.advance(member);
        }
    }

    /// Sends a member the next request on its way, unless it owes an answer.
    pub(super) fn advance(&mut self, member: MemberId) {
        let Some(state) = self.member(member) else {
            return;
        };
        if !state.is_ready() || state.asked.is_some() {
            return;
        }
        let Some(entry) = self.record.next(member, state.done) else {
            return self.arrived(member);
        };
        let asked = Asked {
            serial: entry.serial,
            message: entry.request.message,
            own: entry.own,
            until: self.now.after(self.settings.answer_within),
            overdue: false,
        };
        let Request { message, phy, body } = entry.request.clone();
        if let Some(entry) = self.record.entry_mut(asked.serial) {
            entry.to.remove(member);
        }
        self.record.prune();
        if let Some(state) = self.member_mut(member) {
            state.asked = Some(asked);
            state.note_request(message);
        }
        self.send_phy(member, message, phy, &body);
    }

    /// A member has come to the end of the record.
    fn arrived(&mut self, member: MemberId) {
        let Some(state) = self.member_mut(member) else {
            return;
        };
        if std::mem::take(&mut state.rebuilding) && state.refused.is_none() {
            self.happened(Some(member), What::Rebuilt);
        }
    }
}

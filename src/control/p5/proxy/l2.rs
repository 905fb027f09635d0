//! The L2's side: one PNF that never goes away, and answers each request once.

use super::{L2, Output, Proxy};
use crate::control::p5::happening::{Reason, What};
use crate::control::p5::member::{Member, is_request};
use crate::control::p5::record::{Members, Owed, Request, Response};
use crate::control::p5::rewrite::{self, Addresses};
use crate::control::p5::settings::Answer;
use crate::ran::MemberId;
use crate::wire::nfapi::indication::ErrorCode;
use crate::wire::nfapi::p5_header::P5Header;
use crate::wire::nfapi::{Head, MessageId, PhyId};

impl Proxy {
    pub(super) fn l2_connected(&mut self) {
        self.l2 = L2::Connected {
            greeted: false,
            sequence: 0,
        };
        self.happened(None, What::Connected);
        self.strays = 0;
        self.record.clear();
        for member in &mut self.members {
            member.done = self.record.newest();
            member.refused = None;
            member.rebuilding = false;
        }
        let phy = self.settings.l2_phy;
        let started = self.which(|member| member.started);
        let bound = self.which(|member| member.pnf_started);
        self.push_own(MessageId::STOP_REQUEST, phy, started);
        self.push_own(MessageId::PNF_STOP_REQUEST, PhyId(0), bound);
        self.advance_all();
        self.present();
    }

    /// What the appliance tells members on its own.
    fn push_own(&mut self, message: MessageId, phy: PhyId, to: Members) {
        let request = Request {
            message,
            phy,
            body: Vec::new(),
        };
        if !to.is_empty() && self.record.push(request, to, None).is_err() {
            self.close_l2(Reason::TooManyRequests);
        }
    }

    pub(super) fn l2_gone(&mut self, what: What) {
        if self.l2 == L2::Unwanted {
            return;
        }
        self.l2 = L2::Unwanted;
        self.record.release();
        self.happened(None, what);
        self.present();
    }

    pub(super) fn close_l2(&mut self, reason: Reason) {
        self.out.push(Output::CloseL2);
        self.l2_gone(What::Closed(reason));
    }

    /// Shows the active member to the L2: connects to it, or passes on the member's greeting.
    pub(super) fn present(&mut self) {
        let Some(active) = self.members.get(self.active.index()) else {
            return;
        };
        match self.l2 {
            _ if !active.is_ready() => {}
            L2::Unwanted => {
                self.l2 = L2::Wanted;
                self.out.push(Output::ConnectL2);
            }
            L2::Connected {
                greeted: false,
                sequence,
            } => {
                let Some(greeting) = active.greeting.clone() else {
                    return;
                };
                self.l2 = L2::Connected {
                    greeted: true,
                    sequence,
                };
                self.send_l2(MessageId::PNF_READY_INDICATION, PhyId(0), &greeting);
            }
            L2::Wanted | L2::Connected { .. } => {}
        }
    }

    pub(super) fn l2_says(&mut self, bytes: &[u8]) {
        let (header, body) = match P5Header::parse(bytes, self.settings.dialect) {
            Ok(parsed) => parsed,
            Err(error) => return self.close_l2(Reason::Malformed(error)),
        };
        let Head { phy, message } = header.head;
        if phy.0 != 0 && phy != self.settings.l2_phy {
            return self.strayed(None, What::UnknownPhy(message, phy));
        }
        if is_request(message) {
            let body = body.to_vec();
            return self.request(Request { message, phy, body });
        }
        if message.is_vendor() && self.member(self.active).is_some_and(Member::is_ready) {
            return self.send_phy(self.active, message, phy, body);
        }
        self.strayed(None, What::Unexpected(message));
    }

    fn request(&mut self, request: Request) {
        let message = request.message;
        let (p7, ids) = (self.settings.l2_p7, (PhyId(0), PhyId(0)));
        let encoding = self.settings.dialect.encoding();
        // As it will be for each PHY, but on a copy: what cannot be rewritten must not be recorded.
        match rewrite::toward_phy(&mut request.body.clone(), message, encoding, p7, ids) {
            Ok(Addresses::Told) => {}
            Ok(Addresses::Missing) => self.happened(None, What::NoAddress(message)),
            Err(error) => return self.close_l2(Reason::Malformed(error)),
        }
        let to = self.which_by_id(|proxy, member, state| {
            let stops = match message {
                MessageId::STOP_REQUEST => state.started,
                MessageId::PNF_STOP_REQUEST => state.pnf_started,
                _ => false,
            };
            stops || proxy.is_in_step(member)
        });
        let owed = Owed {
            awaited: to,
            responses: Vec::new(),
            until: self.now.after(self.settings.answer_within),
            overdue: false,
        };
        match self.record.push(request, to, Some(owed)) {
            Ok(Some(forgotten)) => self.happened(None, What::Forgotten(forgotten)),
            Ok(None) => {}
            Err(_) => return self.close_l2(Reason::TooManyRequests),
        }
        self.advance_all();
    }

    /// True for a PHY that is ready and has nothing before it but what the others have before them, too.
    pub(super) fn is_in_step(&self, member: MemberId) -> bool {
        let Some(state) = self.member(member).filter(|state| state.is_ready()) else {
            return false;
        };
        let mut rest = self.record.rest(member, state.done);
        rest.all(|entry| entry.own || entry.owed.is_some())
    }

    /// Answers the L2 wherever an answer is complete.
    pub(super) fn answer_all(&mut self) {
        for serial in self.record.owed() {
            self.answer(serial);
        }
    }

    /// Gives the L2 its answer to the request at `serial`, if it is owed one and there is one that counts.
    pub(super) fn answer(&mut self, serial: u64) {
        let (active, policy) = (self.active, self.settings.answer);
        let Some(entry) = self.record.entry_mut(serial) else {
            return;
        };
        let Some(owed) = &entry.owed else {
            return;
        };
        if !owed.awaited.is_empty() && !owed.overdue {
            return;
        }
        let Some((response, alone)) = choose(&owed.responses, active, policy) else {
            return;
        };
        entry.owed = None;
        let request = entry.request.message;
        if alone {
            let what = What::RefusalGiven(request, response.error);
            self.happened(Some(response.member), what);
        }
        if response.error == ErrorCode::OK {
            self.record.succeeded(serial);
        } else {
            self.record.failed(serial);
            for member in &mut self.members {
                member.refused = member.refused.filter(|(_, at)| *at != serial);
            }
        }
        self.send_l2(response.message, response.phy, &response.body);
    }
}

/// The response that the L2 is given, and whether a member that is not active decided it.
fn choose(responses: &[Response], active: MemberId, policy: Answer) -> Option<(Response, bool)> {
    let of_active = responses.iter().find(|given| given.member == active);
    let chosen = match policy {
        Answer::Active => of_active,
        Answer::Worst => {
            let mut refusals = responses
                .iter()
                .filter(|given| given.error != ErrorCode::OK);
            refusals.next().or(of_active).or(responses.first())
        }
    }?;
    let alone = chosen.error != ErrorCode::OK && chosen.member != active;
    Some((chosen.clone(), alone))
}

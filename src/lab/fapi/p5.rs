//! P5 of an emulated L2 or PHY, as OAI's VNF and PNF speak it: the L2 asks one request after the other until its
//! PHY is started, the PHY answers, and refuses what is out of order.
//!
//! Sans I/O: bytes of a connection come in, bytes go out. Bodies are those of the vectors, with the P7 address of
//! whoever speaks; the address that is told must be that of the box. SCF 222 and 225, section on P5 of each.

use super::templates;
use crate::wire::nfapi::p5::{self, P5Body, Setting, tag};
use crate::wire::nfapi::p5_header::P5Header;
use crate::wire::nfapi::{Dialect, Encoding, Head, MessageId, PhyId};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddrV4};

/// Which end of a P5 connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum P5Role {
    /// It asks.
    L2,
    /// It answers.
    Phy,
}

/// What an end of P5 knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct P5Terms {
    /// PHY_ID of messages about the PHY; those about the PNF have 0.
    pub phy: PhyId,
    /// Where it hears P7.
    pub own: SocketAddrV4,
    /// The P7 address of the box on its side: the only one that it must be told.
    pub facing: SocketAddrV4,
}

/// What happened on P5.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct P5Report {
    /// Connections there have been.
    pub connections: u64,
    /// START.requests that succeeded.
    pub starts: u64,
    /// STOP.requests and PNF_STOP.requests that succeeded.
    pub stops: u64,
    /// Requests that were answered, whatever the result.
    pub answered: u64,
    /// Of those, the ones that failed.
    pub refused: u64,
    /// P7 addresses told that are not those of the box.
    pub misdirected: u64,
    /// Messages that do not belong here, and what cannot be read.
    pub strange: u64,
    /// Started and not stopped since.
    pub runs: bool,
}

/// One end of P5.
#[derive(Clone, Debug)]
pub struct P5 {
    role: P5Role,
    terms: P5Terms,
    unread: Vec<u8>,
    /// How far the procedure has come on this connection: the next of `PROCEDURE`.
    step: usize,
    report: P5Report,
}

impl P5 {
    /// One that is not connected.
    pub fn new(role: P5Role, terms: P5Terms) -> Self {
        Self {
            role,
            terms,
            unread: Vec::new(),
            step: 0,
            report: P5Report::default(),
        }
    }

    /// A connection has begun; an L2 asks at once.
    pub fn connected(&mut self, out: &mut Vec<u8>) {
        self.report.connections += 1;
        self.step = 0;
        self.unread.clear();
        self.report.runs = false;
        if self.role == P5Role::L2 {
            self.ask(out);
        }
    }

    /// The connection has ended: a PHY begins anew, as OAI's PNF does.
    pub fn gone(&mut self) {
        self.report.runs = false;
    }

    /// Bytes came. `None` if the connection has to end: they are no messages.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.unread.extend_from_slice(bytes);
        loop {
            let frame = P5Header::frame(&self.unread, DIALECT);
            let Ok(frame) = frame else {
                self.report.strange += 1;
                return None;
            };
            let Some(len) = frame.filter(|len| self.unread.len() >= *len) else {
                return Some(());
            };
            let rest = self.unread.split_off(len);
            let message = std::mem::replace(&mut self.unread, rest);
            let (header, body) = P5Header::parse(&message, DIALECT).ok()?;
            if header.head.phy != self.phy(header.head.message) {
                self.report.strange += 1;
                continue;
            }
            match self.role {
                P5Role::L2 => self.answered(header.head.message, body, out),
                P5Role::Phy => self.asked(header.head.message, body, out),
            }
        }
    }

    /// True from START to STOP.
    pub const fn runs(&self) -> bool {
        self.report.runs
    }

    /// What happened so far.
    pub const fn report(&self) -> &P5Report {
        &self.report
    }

    /// The L2 sends the request that is next.
    fn ask(&mut self, out: &mut Vec<u8>) {
        let Some(next) = PROCEDURE.get(self.step) else {
            return;
        };
        let mut body = templates::body(next.request_body, HEADER_LEN);
        if next.request == MessageId::CONFIG_REQUEST {
            self.name_own(&mut body, next.request, tag::VNF_IPV4, tag::VNF_PORT);
        }
        self.say(next.request, &body, out);
    }

    /// A response reached the L2.
    fn answered(&mut self, message: MessageId, body: &[u8], out: &mut Vec<u8>) {
        let next = PROCEDURE.get(self.step);
        if next.is_none_or(|next| next.response != message) {
            self.report.strange += 1;
            return;
        }
        let view = P5Body::parse(body, message, ENCODING);
        let error = view.ok().and_then(|(view, _)| view.error());
        self.report.answered += 1;
        if error.is_none_or(|error| error.0 != 0) {
            // It stays where it is, as OAI's VNF does.
            self.report.refused += 1;
            return;
        }
        if message == MessageId::PARAM_RESPONSE {
            self.check_told(body, message, tag::PNF_IPV4, tag::PNF_PORT);
        }
        if message == MessageId::START_RESPONSE {
            self.report.starts += 1;
            self.report.runs = true;
        }
        self.step += 1;
        self.ask(out);
    }

    /// A request reached the PHY.
    fn asked(&mut self, message: MessageId, body: &[u8], out: &mut Vec<u8>) {
        let stop = STOPS.iter().find(|stop| stop.request == message);
        if let Some(stop) = stop {
            let possible = self.step > stop.back_to;
            if possible {
                self.step = stop.back_to;
                self.report.runs = false;
                self.report.stops += 1;
            }
            return self.reply(stop.response, vec![0; stop.len], possible, out);
        }
        let Some(place) = PROCEDURE.iter().position(|step| step.request == message) else {
            self.report.strange += 1;
            return;
        };
        let Some(asked) = PROCEDURE.get(place) else {
            return;
        };
        // What was done may be done again until the PHY runs: OAI's asks for parameters when it likes.
        let possible = place <= self.step && !self.report.runs;
        if possible {
            self.step = self.step.max(place + 1);
        }
        let mut answer = templates::body(asked.response_body, HEADER_LEN);
        match message {
            MessageId::CONFIG_REQUEST => {
                self.check_told(body, message, tag::VNF_IPV4, tag::VNF_PORT);
            }
            MessageId::PARAM_REQUEST => {
                answer.extend_from_slice(&PNF_ADDRESS);
                if let Some(count) = answer.get_mut(1) {
                    *count += 2;
                }
                let response = MessageId::PARAM_RESPONSE;
                self.name_own(&mut answer, response, tag::PNF_IPV4, tag::PNF_PORT);
            }
            MessageId::START_REQUEST if possible => {
                self.report.starts += 1;
                self.report.runs = true;
            }
            _ => {}
        }
        self.reply(asked.response, answer, possible, out);
    }

    fn reply(&mut self, message: MessageId, mut body: Vec<u8>, possible: bool, out: &mut Vec<u8>) {
        self.report.answered += 1;
        self.report.refused += u64::from(!possible);
        // The result is the whole body if that is a word, else its first byte.
        let place = if body.len() == 4 { 3 } else { 0 };
        if let Some(result) = body.get_mut(place) {
            *result = if possible { 0 } else { INVALID_STATE };
        }
        self.say(message, &body, out);
    }

    fn say(&mut self, message: MessageId, body: &[u8], out: &mut Vec<u8>) {
        let phy = self.phy(message);
        let header = P5Header {
            head: Head { phy, message },
            sequence: 0,
        };
        let mut bytes = [0; HEADER_LEN];
        if header.emit(DIALECT, body.len() as u32, &mut bytes).is_err() {
            self.report.strange += 1;
            return;
        }
        out.extend_from_slice(&bytes);
        out.extend_from_slice(body);
    }

    /// Messages about the PNF have PHY_ID 0.
    fn phy(&self, message: MessageId) -> PhyId {
        match message.0 {
            0x100..=0x107 => PhyId(0),
            _ => self.terms.phy,
        }
    }

    fn name_own(&mut self, body: &mut [u8], message: MessageId, address: u16, port: u16) {
        let own = self.terms.own;
        let at = Setting::Address(IpAddr::V4(*own.ip()));
        for (tag, setting) in [(address, at), (port, Setting::Port(own.port()))] {
            let told = p5::set(body, message, ENCODING, tag, setting);
            self.report.strange += u64::from(!matches!(told, Ok(1..)));
        }
    }

    fn check_told(&mut self, body: &[u8], message: MessageId, address: u16, port: u16) {
        let told = P5Body::parse(body, message, ENCODING).ok();
        let told = told.map(|(view, _)| (view.setting(address), view.setting(port)));
        let facing = self.terms.facing;
        let expected = (
            Some(Setting::Address(IpAddr::V4(*facing.ip()))),
            Some(Setting::Port(facing.port())),
        );
        self.report.misdirected += u64::from(told != Some(expected));
    }
}

/// A request, its response, and the bodies of both as OAI packed them.
struct Step {
    request: MessageId,
    request_body: &'static str,
    response: MessageId,
    response_body: &'static str,
}

/// A request that stops, and how far back it leads.
struct Stop {
    request: MessageId,
    response: MessageId,
    len: usize,
    back_to: usize,
}

macro_rules! vector {
    ($name:literal) => {
        include_str!(concat!("../../../pcap-fixtures/nfapi/p5_", $name, ".hex"))
    };
}

const PROCEDURE: [Step; 6] = [
    Step {
        request: MessageId::PNF_PARAM_REQUEST,
        request_body: vector!("pnf_param_request"),
        response: MessageId::PNF_PARAM_RESPONSE,
        response_body: vector!("pnf_param_response"),
    },
    Step {
        request: MessageId::PNF_CONFIG_REQUEST,
        request_body: vector!("pnf_config_request"),
        response: MessageId::PNF_CONFIG_RESPONSE,
        response_body: vector!("pnf_config_response"),
    },
    Step {
        request: MessageId::PNF_START_REQUEST,
        request_body: vector!("pnf_start_request"),
        response: MessageId::PNF_START_RESPONSE,
        response_body: vector!("pnf_start_response"),
    },
    Step {
        request: MessageId::PARAM_REQUEST,
        request_body: vector!("param_request"),
        response: MessageId::PARAM_RESPONSE,
        response_body: vector!("param_response"),
    },
    Step {
        request: MessageId::CONFIG_REQUEST,
        request_body: vector!("config_request_tdd"),
        response: MessageId::CONFIG_RESPONSE,
        response_body: vector!("config_response_ok"),
    },
    Step {
        request: MessageId::START_REQUEST,
        request_body: vector!("start_request"),
        response: MessageId::START_RESPONSE,
        response_body: vector!("start_response"),
    },
];

const STOPS: [Stop; 2] = [
    Stop {
        request: MessageId::STOP_REQUEST,
        response: MessageId::STOP_RESPONSE,
        len: 1,
        back_to: 5,
    },
    Stop {
        request: MessageId::PNF_STOP_REQUEST,
        response: MessageId::PNF_STOP_RESPONSE,
        len: 4,
        back_to: 2,
    },
];

/// Bodies of the vectors are OAI's.
const DIALECT: Dialect = Dialect::OaiNfapi;
const ENCODING: Encoding = Encoding::OAI;
const HEADER_LEN: usize = P5Header::len(DIALECT);
/// TLVs of address and port, which the vector of PARAM.response does not hold.
const PNF_ADDRESS: [u8; 16] = [1, 3, 0, 4, 0, 0, 0, 0, 1, 5, 0, 2, 0, 0, 0, 0];
/// Error code of SCF 222.
const INVALID_STATE: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const fn address(last: u8) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, last), 50_000 + last as u16)
    }

    /// An L2 and a PHY that know each other's addresses.
    fn ends() -> (P5, P5) {
        let end = |role, own, facing| {
            let phy = PhyId(1);
            let (own, facing) = (address(own), address(facing));
            P5::new(role, P5Terms { phy, own, facing })
        };
        (end(P5Role::L2, 1, 2), end(P5Role::Phy, 2, 1))
    }

    /// Connects them, and lets them speak until both are silent.
    fn talk(l2: &mut P5, phy: &mut P5) {
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        l2.connected(&mut asked);
        phy.connected(&mut answered);
        while !asked.is_empty() {
            for byte in std::mem::take(&mut asked) {
                phy.receive(&[byte], &mut answered).unwrap();
            }
            l2.receive(&std::mem::take(&mut answered), &mut asked)
                .unwrap();
        }
    }

    fn request(phy: &mut P5, message: MessageId) -> Vec<u8> {
        let (mut l2, _) = ends();
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        l2.say(message, &[], &mut asked);
        phy.receive(&asked, &mut answered).unwrap();
        answered
    }

    #[test]
    fn an_l2_starts_its_phy() {
        let (mut l2, mut phy) = ends();
        talk(&mut l2, &mut phy);
        let expected = P5Report {
            connections: 1,
            starts: 1,
            answered: 6,
            runs: true,
            ..P5Report::default()
        };
        assert_eq!((l2.report(), phy.report()), (&expected, &expected));
    }

    #[test]
    fn a_start_that_comes_first_is_refused() {
        let (_, mut phy) = ends();
        phy.connected(&mut Vec::new());
        let answer = request(&mut phy, MessageId::START_REQUEST);
        assert_eq!(answer[HEADER_LEN..], [INVALID_STATE]);
        assert!(!phy.runs());
    }

    #[test]
    fn a_phy_that_is_stopped_does_not_run() {
        for message in [MessageId::STOP_REQUEST, MessageId::PNF_STOP_REQUEST] {
            let (mut l2, mut phy) = ends();
            talk(&mut l2, &mut phy);
            let answer = request(&mut phy, message);
            assert!(answer[HEADER_LEN..].iter().all(|byte| *byte == 0));
            assert!(!phy.runs());
        }
    }

    #[test]
    fn a_phy_whose_connection_ended_begins_anew() {
        let (mut l2, mut phy) = ends();
        talk(&mut l2, &mut phy);
        phy.gone();
        assert!(!phy.runs());
        talk(&mut l2, &mut phy);
        assert_eq!((phy.report().starts, phy.report().refused), (2, 0));
    }

    #[test]
    fn an_address_that_is_not_the_boxs_is_noticed() {
        let (mut l2, mut phy) = ends();
        l2.terms.facing = address(9);
        phy.terms.facing = address(9);
        talk(&mut l2, &mut phy);
        assert_eq!((l2.report().misdirected, phy.report().misdirected), (1, 1));
    }

    #[test]
    fn bytes_that_are_no_message_end_the_connection() {
        let (mut l2, _) = ends();
        l2.connected(&mut Vec::new());
        assert_eq!(l2.receive(&[0xff; 64], &mut Vec::new()), None);
    }
}

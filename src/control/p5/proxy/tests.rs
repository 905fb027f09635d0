use super::*;
use crate::control::p5::settings::{ANSWER_WITHIN, Answer, example as settings};
use crate::wire::nfapi::Dialect;
use crate::wire::nfapi::indication::ErrorCode;

mod answers;
mod connections;
mod orders;
mod random;
mod returning;

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);
const C: MemberId = MemberId(2);

const PNF_PARAM: MessageId = MessageId::PNF_PARAM_REQUEST;
const PNF_CONFIG: MessageId = MessageId::PNF_CONFIG_REQUEST;
const PNF_START: MessageId = MessageId::PNF_START_REQUEST;
const PNF_STOP: MessageId = MessageId::PNF_STOP_REQUEST;
const PARAM: MessageId = MessageId::PARAM_REQUEST;
const CONFIG: MessageId = MessageId::CONFIG_REQUEST;
const START: MessageId = MessageId::START_REQUEST;
const STOP: MessageId = MessageId::STOP_REQUEST;
const STOPPED: MessageId = MessageId::STOP_INDICATION;
const ERROR: MessageId = MessageId::ERROR_INDICATION;
const READY: MessageId = MessageId::PNF_READY_INDICATION;
const VENDOR: MessageId = MessageId(0x300);

/// What OAI's VNF asks one after the other.
const SEQUENCE: [MessageId; 6] = [PNF_PARAM, PNF_CONFIG, PNF_START, PARAM, CONFIG, START];

fn bytes(dialect: Dialect, phy: u16, message: MessageId, body: &[u8]) -> Vec<u8> {
    let header = P5Header {
        head: Head {
            phy: PhyId(phy),
            message,
        },
        sequence: 0,
    };
    let mut bytes = vec![0; P5Header::len(dialect)];
    header.emit(dialect, body.len() as u32, &mut bytes).unwrap();
    [&bytes[..], body].concat()
}

const fn is_of_pnf(message: MessageId) -> bool {
    message.0 >= 0x100 && message.0 != 0x108 && message.0 != 0x10f
}

/// The response to `request`, and a body for it that carries `error` and tells `mark`.
fn response(request: MessageId, error: u8, mark: u8) -> (MessageId, Vec<u8>) {
    match request {
        PNF_PARAM => (MessageId::PNF_PARAM_RESPONSE, vec![error, mark]),
        PNF_CONFIG => (MessageId::PNF_CONFIG_RESPONSE, vec![error, mark]),
        PNF_START => (MessageId::PNF_START_RESPONSE, vec![error, mark]),
        PNF_STOP => (MessageId::PNF_STOP_RESPONSE, vec![error, mark]),
        PARAM => (MessageId::PARAM_RESPONSE, vec![error, mark]),
        CONFIG => (MessageId::CONFIG_RESPONSE, vec![error, mark, 0, 0, 0]),
        START => (MessageId::START_RESPONSE, vec![error, mark]),
        STOP => (MessageId::STOP_RESPONSE, vec![error, mark]),
        other => panic!("{other:?} is no request"),
    }
}

fn body_of(request: MessageId) -> Vec<u8> {
    match request {
        CONFIG | PNF_CONFIG => vec![0],
        _ => Vec::new(),
    }
}

/// A proxy, and everything that came out of it and was not looked at yet.
struct Scene {
    proxy: Proxy,
    now: Instant,
    out: Vec<Output>,
}

impl Scene {
    fn of(settings: Settings) -> Self {
        settings.check().unwrap();
        Self {
            proxy: Proxy::new(settings),
            now: Instant(1_000),
            out: Vec::new(),
        }
    }

    /// PHYs and L2 are connected, in the dialect of OAI.
    fn new(members: u8, answer: Answer) -> Self {
        let mut scene = Self::of(settings(members, answer, Dialect::OaiNfapi));
        for member in (0..members).map(MemberId) {
            scene.take(Input::PhyConnected(member));
        }
        scene.take(Input::L2Connected);
        scene
    }

    /// The L2 has started all.
    fn started(members: u8, answer: Answer) -> Self {
        let mut scene = Self::new(members, answer);
        scene.start();
        scene.out.clear();
        scene
    }

    fn start(&mut self) {
        for request in SEQUENCE {
            self.ask(request);
            for member in self.proxy.ids() {
                if self.owes(member) == Some(request) {
                    self.answer(member, 0);
                }
            }
        }
    }

    fn take(&mut self, input: Input) {
        self.out.extend(self.proxy.take(input, self.now));
    }

    fn dialect(&self) -> Dialect {
        self.proxy.settings.dialect
    }

    /// A message of the L2.
    fn ask(&mut self, message: MessageId) {
        self.ask_with(message, &body_of(message));
    }

    fn ask_with(&mut self, message: MessageId, body: &[u8]) {
        let phy = if is_of_pnf(message) { 0 } else { 1 };
        self.take(Input::L2(bytes(self.dialect(), phy, message, body)));
    }

    /// A message of a PHY.
    fn say(&mut self, member: MemberId, message: MessageId, body: &[u8]) {
        let known = self.proxy.settings.members[member.index()].phy.0;
        let phy = if is_of_pnf(message) { 0 } else { known };
        self.take(Input::Phy(
            member,
            bytes(self.dialect(), phy, message, body),
        ));
    }

    fn owes(&self, member: MemberId) -> Option<MessageId> {
        self.proxy.member(member)?.asked.map(|asked| asked.message)
    }

    /// The PHY answers what it was asked last; its answer is marked with its own number.
    fn answer(&mut self, member: MemberId, error: u8) {
        let request = self.owes(member).expect("nothing was asked");
        let (message, body) = response(request, error, member.0);
        self.say(member, message, &body);
    }

    /// Answers without error until nothing is asked any more.
    fn answer_all(&mut self, member: MemberId) {
        while self.owes(member).is_some() {
            self.answer(member, 0);
        }
    }

    fn later(&mut self, by: crate::ran::Duration) {
        self.now = self.now.after(by);
        self.take(Input::Tick);
    }

    /// What the L2 was sent since this was asked last.
    fn l2_got(&mut self) -> Vec<(MessageId, Vec<u8>)> {
        self.got(|output| match output {
            Output::L2(bytes) => Some(bytes.clone()),
            _ => None,
        })
    }

    fn phy_got(&mut self, wanted: MemberId) -> Vec<(MessageId, Vec<u8>)> {
        self.got(|output| match output {
            Output::Phy(member, bytes) if *member == wanted => Some(bytes.clone()),
            _ => None,
        })
    }

    /// Messages alone, without bodies.
    fn phy_heard(&mut self, member: MemberId) -> Vec<MessageId> {
        let got = self.phy_got(member);
        got.into_iter().map(|(message, _)| message).collect()
    }

    fn got(&mut self, which: impl Fn(&Output) -> Option<Vec<u8>>) -> Vec<(MessageId, Vec<u8>)> {
        let dialect = self.dialect();
        let found: Vec<_> = self.out.iter().filter_map(&which).collect();
        self.out.retain(|output| which(output).is_none());
        let parsed = found.iter().map(|bytes| {
            let (header, body) = P5Header::parse(bytes, dialect).unwrap();
            (header.head.message, body.to_vec())
        });
        parsed.collect()
    }

    /// Who began (true) or ceased to run since this was asked last.
    fn ran(&mut self) -> Vec<(MemberId, bool)> {
        let found = |output: &Output| match output {
            Output::Running(member, life) => Some((*member, *life == Life::Runs)),
            _ => None,
        };
        let ran = self.out.iter().filter_map(found).collect();
        self.out.retain(|output| found(output).is_none());
        ran
    }

    /// What people were told since this was asked last.
    fn told(&mut self) -> Vec<(Option<MemberId>, What)> {
        let found = |output: &Output| match output {
            Output::Happened(Happening { member, what }) => Some((*member, what.clone())),
            _ => None,
        };
        let told = self.out.iter().filter_map(found).collect();
        self.out.retain(|output| found(output).is_none());
        told
    }

    fn was_told(&mut self, member: Option<MemberId>, what: What) -> bool {
        self.told().contains(&(member, what))
    }
}

/// The answer of a member to `request`, as the L2 gets it.
fn given(request: MessageId, error: u8, member: MemberId) -> Vec<(MessageId, Vec<u8>)> {
    vec![response(request, error, member.0)]
}

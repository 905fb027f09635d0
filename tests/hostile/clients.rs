//! Clients that mean no good, and one that does. Each request comes from another address of loopback, so
//! that the rate of one address is not all that holds them back.

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use serde_json::Value;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

/// The only good token.
pub(crate) const SECRET: &str = "correct-horse-battery-staple";

/// An API.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    tokens: PathBuf,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Target {
    pub(crate) fn new(address: SocketAddr, tokens: PathBuf) -> Self {
        Self { address, tokens }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn tokens(&self) -> &Path {
        &self.tokens
    }

    /// What an honest client reads, from an address that nobody else uses.
    pub(crate) fn honest(&self) -> Option<Answer> {
        let asked = request("GET", "/api/v1/appliance", SECRET, "");
        self.ask(Ipv4Addr::LOCALHOST, asked.as_bytes())
    }

    /// The same for any path, when nobody is in the way.
    pub(crate) fn read(&self, path: &str) -> Value {
        let asked = request("GET", path, SECRET, "");
        let answer = self.ask(Ipv4Addr::LOCALHOST, asked.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The answer to these bytes, if there is one.
    fn ask(&self, from: Ipv4Addr, bytes: &[u8]) -> Option<Answer> {
        let mut stream = self.connect(from)?;
        // Who is refused early is not listened to till the end: what counts is the answer.
        let _ = stream.write_all(bytes);
        Answer::read(&mut stream)
    }

    fn connect(&self, from: Ipv4Addr) -> Option<TcpStream> {
        let made = socket(AddressFamily::INET, SocketType::STREAM, None).ok()?;
        bind(&made, &SocketAddrV4::new(from, 0)).ok()?;
        connect(&made, &self.address).ok()?;
        let stream = TcpStream::from(made);
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .ok()?;
        stream.set_write_timeout(Some(WRITE)).ok()?;
        Some(stream)
    }
}

impl Answer {
    /// Reads until the other side ends, or resets: what came before that counts.
    fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        Some(Self {
            status: head.split(' ').nth(1)?.parse().ok()?,
            body: body.to_owned(),
        })
    }
}

fn request(method: &str, path: &str, secret: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// What a client does once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    Garbage,
    LargeBody,
    LargeConfiguration,
    WrongToken,
    Malformed,
    /// Headers that never end.
    HalfOpen,
    /// Asks for events, and for the longest answer again and again, and reads nothing.
    Deaf,
    /// As many connections as it can have, and not a word.
    Flood,
}

use Deed::{Deaf, Flood, Garbage, HalfOpen, LargeBody, LargeConfiguration, Malformed, WrongToken};

const DEEDS: [Deed; 8] = [
    Garbage,
    LargeBody,
    LargeConfiguration,
    WrongToken,
    Malformed,
    HalfOpen,
    Deaf,
    Flood,
];

/// Requests, and what they are to be answered with when nobody is in the way.
const REFUSED: [(Deed, u16, &str); 4] = [
    (LargeBody, 413, "/problems/too_large"),
    (LargeConfiguration, 413, "/problems/too_large"),
    (WrongToken, 401, "/problems/token"),
    (Malformed, 400, "/problems/bad_body"),
];

/// The bytes of a deed that is one request.
fn words(deed: Deed, seed: u64) -> Vec<u8> {
    const MIGRATE: &str = "/api/v1/cells/cell-0/migrate";
    match deed {
        Garbage => garbage(seed),
        LargeBody => request("POST", MIGRATE, SECRET, &" ".repeat(64 << 10)).into_bytes(),
        LargeConfiguration => {
            request("PUT", "/api/v1/config", SECRET, &"#".repeat(2 << 20)).into_bytes()
        }
        WrongToken => {
            request("POST", MIGRATE, "not-the-one", "{\"to\": \"standby-0\"}").into_bytes()
        }
        Malformed => request("POST", MIGRATE, SECRET, "{\"to\": ").into_bytes(),
        HalfOpen => b"GET /healthz HTTP/1.1\r\nhost: loc".to_vec(),
        Deaf => {
            let events = request("GET", "/api/v1/events/stream", SECRET, "");
            let open = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n";
            let longest = format!("{open}authorization: Bearer {SECRET}\r\n\r\n").repeat(64);
            match seed % 2 {
                0 => events.into_bytes(),
                _ => longest.into_bytes(),
            }
        }
        Flood => Vec::new(),
    }
}

/// 4 KiB that begin as no request does; the same for the same seed.
fn garbage(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut byte = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    let mut bytes: Vec<u8> = (0..4096).map(|_| byte()).collect();
    bytes[0] = 0x16;
    bytes
}

/// After all that, one by one: each is refused with the reason.
pub(crate) fn assert_refusals(target: &Target) {
    for (deed, status, problem) in REFUSED {
        let answer = target.ask(Ipv4Addr::new(127, 1, 0, 1), &words(deed, 1));
        let answer = answer.unwrap_or_else(|| panic!("{deed:?} is not answered"));
        assert_eq!(answer.status, status, "{deed:?}: {answer:?}");
        assert!(answer.body.contains(problem), "{deed:?}: {answer:?}");
    }
    let answer = target.ask(Ipv4Addr::new(127, 1, 0, 1), &garbage(1));
    assert!(answer.is_none_or(|answer| answer.status == 400), "garbage");
}

/// What was heard, by deed.
#[derive(Default)]
struct Tally {
    tries: AtomicU64,
    /// Told to come later or not at all: 429, 503.
    turned_away: AtomicU64,
    /// Any other refusal.
    refused: AtomicU64,
    /// Ended without a word.
    cut: AtomicU64,
    /// Answered as if nothing was wrong.
    served: AtomicU64,
}

impl Tally {
    fn count(&self, answer: Option<&Answer>) {
        let heard = match answer.map(|answer| answer.status) {
            Some(429 | 503) => &self.turned_away,
            Some(400..) => &self.refused,
            Some(_) => &self.served,
            None => &self.cut,
        };
        heard.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Common {
    tallies: [Tally; DEEDS.len()],
    loose: AtomicBool,
    over: AtomicBool,
    number: AtomicU32,
}

impl Common {
    /// The next address of loopback.
    fn from(&self) -> (Ipv4Addr, u64) {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = (number % ADDRESSES).to_be_bytes();
        (Ipv4Addr::new(127, 2, high, low.max(1)), u64::from(number))
    }
}

/// A thread for each kind, waiting for its turn.
pub(crate) struct Crowd {
    common: Arc<Common>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    pub(crate) fn gather(target: &Target) -> Self {
        let common = Arc::new(Common::default());
        let start = |deed: Deed| {
            let (target, common) = (target.clone(), Arc::clone(&common));
            thread::spawn(move || live(&target, deed, &common))
        };
        let threads = DEEDS.into_iter().map(start).collect();
        Self { common, threads }
    }

    pub(crate) fn let_loose(&self) {
        self.common.loose.store(true, Ordering::Relaxed);
    }

    pub(crate) fn call_back(&self) {
        self.common.loose.store(false, Ordering::Relaxed);
    }

    /// Waits until everybody is gone.
    pub(crate) fn dismiss(self) -> Told {
        self.common.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        Told(self.common)
    }
}

/// What the crowd was told.
pub(crate) struct Told(Arc<Common>);

impl Told {
    /// Deaf readers are clients with a token: what they ask for they may have, if they read it.
    pub(crate) fn assert_none_served(&self) {
        for (deed, tally) in DEEDS.iter().zip(&self.0.tallies) {
            let served = tally.served.load(Ordering::Relaxed);
            assert!(
                served == 0 || *deed == Deaf,
                "{deed:?}: {served} were served"
            );
            let tries = tally.tries.load(Ordering::Relaxed);
            assert!(tries > 0, "{deed:?} was not tried");
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["tries", "refused", "429 or 503", "cut"];
        let heads = heads.map(|head| format!("{head:>12}")).concat();
        writeln!(f, "{:<20}{heads}", "hostile clients")?;
        for (deed, tally) in DEEDS.iter().zip(&self.0.tallies) {
            let counts = [&tally.tries, &tally.refused, &tally.turned_away, &tally.cut];
            let counts = counts.map(|count| format!("{:>12}", count.load(Ordering::Relaxed)));
            writeln!(f, "{:<20}{}", format!("{deed:?}"), counts.concat())?;
        }
        Ok(())
    }
}

fn live(target: &Target, deed: Deed, common: &Common) {
    let tally = &common.tallies[deed as usize];
    let mut held = Vec::new();
    while !common.over.load(Ordering::Relaxed) {
        if !common.loose.load(Ordering::Relaxed) {
            held.clear();
            sleep(Duration::from_millis(5));
            continue;
        }
        let (from, seed) = common.from();
        tally.tries.fetch_add(1, Ordering::Relaxed);
        let words = words(deed, seed);
        if let HalfOpen | Deaf | Flood = deed {
            hold(target, (from, &words), deed, &mut held, tally);
        } else {
            tally.count(target.ask(from, &words).as_ref());
        }
    }
}

/// Opens one more connection and says no more than its words; looks what became of the others now and then.
fn hold(
    target: &Target,
    (from, words): (Ipv4Addr, &[u8]),
    deed: Deed,
    held: &mut Vec<TcpStream>,
    tally: &Tally,
) {
    if let Some(mut stream) = target.connect(from) {
        let _ = stream.write_all(words);
        held.push(stream);
    }
    if held.len() < most(deed) {
        return;
    }
    sleep(Duration::from_millis(20));
    if deed == Deaf {
        held.clear();
        return;
    }
    for mut stream in held.drain(..) {
        let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
        let mut begun = [0; 12];
        match stream.read(&mut begun) {
            Ok(12) => {
                let status = String::from_utf8_lossy(&begun[9..]).parse().unwrap_or(0);
                let body = String::new();
                tally.count(Some(&Answer { status, body }));
            }
            Ok(_) => tally.count(None),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => tally.count(None),
        }
    }
}

/// Connections held at a time: together more than the API takes.
const fn most(deed: Deed) -> usize {
    match deed {
        Flood => 100,
        _ => 12,
    }
}

/// Addresses that the crowd comes from.
const ADDRESSES: u32 = 2_000;
/// A client that is refused early need not finish.
const WRITE: Duration = Duration::from_secs(2);

//! The FAPI plane on one core: worker and journey over frames in memory, without a driver. Bodies are those that
//! OAI's library packed; limits of OAI and its checksum are looked at. What a driver adds is testpmd's own figure
//! of the same run, what touching the bytes costs is memcpy's.

use crate::fapi_traffic::{Cast, Traffic, config};
use crate::machine::Machine;
use crate::rack::{Rack, Sheet};
use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{Instant, PortId};
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time;

/// Nanoseconds of single messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    /// The middle one.
    pub(crate) p50: f64,
    /// One in a hundred takes longer.
    pub(crate) p99: f64,
}

/// Many cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Cells, and messages of all of them a second.
    pub(crate) cells: usize,
    /// Messages a second.
    pub(crate) rate: f64,
    /// Nanoseconds of a message.
    pub(crate) each: f64,
    /// Of one core.
    pub(crate) share: f64,
    /// Of one core, to copy the same bytes once.
    pub(crate) memcpy: f64,
}

/// Large messages of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Large {
    /// What becomes of them.
    pub(crate) what: &'static str,
    /// Frames in and out, of one message.
    pub(crate) frames: (usize, usize),
    /// Body bits a second.
    pub(crate) gbits: f64,
    /// The same bytes copied once.
    pub(crate) memcpy: f64,
}

/// All figures.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Reading the clock twice: in every figure of a single message.
    pub(crate) clock: Spread,
    /// A DL_TTI of 16 PDUs: to one PHY as it is, to the other as NULL.
    pub(crate) dl_tti: Spread,
    /// An UL_TTI of 16 PDUs.
    pub(crate) ul_tti: Spread,
    /// Copying the DL_TTI's frame.
    pub(crate) memcpy: Spread,
    /// Forty cells.
    pub(crate) load: Load,
    /// 60 KB.
    pub(crate) large: Vec<Large>,
}

/// Measures on the core of the measured program.
pub(crate) fn measure(machine: &Machine, quick: bool) -> Result<Figures, String> {
    let core = machine.core;
    let measured = thread::spawn(move || {
        let mut cores = rustix::thread::CpuSet::new();
        cores.set(core);
        rustix::thread::sched_setaffinity(None, &cores).map_err(|error| error.to_string())?;
        Ok(figures(if quick { 1 } else { 5 }))
    });
    measured
        .join()
        .map_err(|_| "the FAPI bench stopped".to_owned())?
}

fn figures(times: usize) -> Figures {
    let (dl_tti, ul_tti, memcpy) = singles(times * 5_000);
    let clock = (0..10_000).map(|_| timed(|| ()).1).collect();
    Figures {
        clock: spread(clock),
        dl_tti,
        ul_tti,
        memcpy,
        load: load(times * 400),
        large: large(times * 200),
    }
}

/// One appliance.
struct Bench {
    worker: Worker<Sheet>,
    rack: Rack,
    now: Instant,
}

impl Bench {
    fn new(traffic: &Traffic) -> Self {
        let text = config(traffic);
        let loaded = config::parse(&text, "bench").unwrap_or_else(|problems| panic!("{problems}"));
        Self {
            worker: Worker::new(Arc::new(compile(&loaded.config, 1)), Clock::Burst),
            rack: Rack::new(),
            now: Instant(1_000_000_000_000),
        }
    }

    /// Takes in what waits on `port`.
    #[inline]
    fn poll(&mut self, port: u8) {
        while self
            .worker
            .poll(&mut self.rack, PortId(port), self.now, &mut Unobserved)
            > 0
        {}
    }

    fn tick(&mut self) {
        self.worker.tick(self.now);
        self.worker.flush(&mut self.rack, self.now);
    }

    /// The next slot begins: all PHYs say so.
    fn begin(&mut self, indications: &[(u8, Vec<u8>)]) {
        self.rack.clear();
        self.now = Instant(self.now.0 + SLOT_NS);
        for (port, frame) in indications {
            self.rack.offer(*port, frame);
        }
        self.poll(1);
        self.poll(2);
        self.tick();
    }
}

/// DL_TTI and UL_TTI, one by one.
fn singles(slots: usize) -> (Spread, Spread, Spread) {
    let traffic = Traffic::new(1, 1500, true);
    let cast = &traffic.casts[0];
    let mut bench = Bench::new(&traffic);
    let (mut downlink, mut uplink, mut copies) = (Vec::new(), Vec::new(), Vec::new());
    let mut copy = vec![0; 2048];
    for slots in ahead(slots) {
        let frames: Vec<_> = slots
            .map(|slot| {
                let requests = [traffic.dl_tti(cast, slot), traffic.ul_tti(cast, slot)];
                (traffic.slots(slot), requests)
            })
            .collect();
        for (indications, requests) in &frames {
            bench.begin(indications);
            let mut one = |frame: &[u8]| {
                bench.rack.offer(0, frame);
                timed(|| bench.poll(0)).1
            };
            downlink.push(one(&requests[0]));
            uplink.push(one(&requests[1]));
            let from = black_box(&requests[0]);
            copies.push(timed(|| copy[..from.len()].copy_from_slice(from)).1);
            black_box(&copy);
        }
    }
    let ledger = bench.worker.counters().ledger;
    // Both requests and their NULLs; the L2's SLOT.indications.
    assert_eq!(ledger.sent, 5 * slots as u64, "{ledger:?}");
    (spread(downlink), spread(uplink), spread(copies))
}

/// Forty cells at 30 kHz: three requests of the L2, three indications of two PHYs a slot.
fn load(slots: usize) -> Load {
    let traffic = Traffic::new(CELLS, 1500, true);
    let mut bench = Bench::new(&traffic);
    let (mut spent, mut copied) = (0.0, 0.0);
    let mut copy = vec![0; 2048];
    for slots in ahead(slots) {
        let frames: Vec<_> = slots.map(|slot| traffic.all(slot)).collect();
        for frames in &frames {
            bench.rack.clear();
            bench.now = Instant(bench.now.0 + SLOT_NS);
            for (port, frame) in frames {
                bench.rack.offer(*port, frame);
            }
            spent += timed(|| {
                for port in [1, 2, 0] {
                    bench.poll(port);
                }
                bench.tick();
            })
            .1;
            copied += timed(|| {
                for (_, frame) in frames {
                    copy[..frame.len()].copy_from_slice(frame);
                    black_box(&copy);
                }
            })
            .1;
        }
    }
    let ledger = bench.worker.counters().ledger;
    let messages = (CELLS * 6 * slots) as u64;
    assert_eq!(ledger.received, messages, "{ledger:?}");
    assert!(
        ledger.sent >= 8 * messages / 6 - messages / 60,
        "{ledger:?}"
    );
    let second = slots as f64 * SLOT_NS as f64;
    Load {
        cells: CELLS,
        rate: messages as f64 / second * 1e9,
        each: spent / messages as f64,
        share: spent / second,
        memcpy: copied / second,
    }
}

/// Slots in runs of a few, so that traffic is made ahead and not between two messages that are measured.
fn ahead(slots: usize) -> impl Iterator<Item = Range<u32>> {
    let starts = (0..slots as u32).step_by(AHEAD as usize);
    starts.map(move |start| start..(start + AHEAD).min(slots as u32))
}

/// TX_DATA of 60 KB, however it comes.
fn large(rounds: usize) -> Vec<Large> {
    let kinds: [(&'static str, usize, bool, bool); 5] = [
        ("fragments of 1500 into segments", 1500, true, false),
        ("the same, limits looked at", 1500, true, true),
        ("fragments of 9000 into segments", 9000, true, false),
        ("segments of 1500 as they are", 1500, false, false),
        ("the same, limits looked at", 1500, false, true),
    ];
    let one = |(what, mtu, fragments, limits)| {
        let traffic = Traffic::new(1, mtu, limits);
        let cast: &Cast = &traffic.casts[0];
        let mut bench = Bench::new(&traffic);
        let (mut spent, mut copied) = (Vec::new(), Vec::new());
        let mut copy = vec![0; 1 << 16];
        let mut frames = (0, 0);
        for slot in 0..rounds as u32 {
            bench.begin(&traffic.slots(slot));
            bench.rack.clear();
            let message = traffic.tx_data(cast, slot, fragments);
            for frame in &message {
                bench.rack.offer(0, frame);
            }
            spent.push(timed(|| bench.poll(0)).1);
            let sent = bench.rack.sent.iter().filter(|(port, _)| port.0 == 1);
            frames = (message.len(), sent.count());
            assert!(frames.1 >= 60_000 / mtu, "{frames:?}");
            copied.push(
                timed(|| {
                    let mut at = 0;
                    for frame in &message {
                        copy[at..at + frame.len() - 42].copy_from_slice(&frame[42..]);
                        at += frame.len() - 42;
                    }
                    black_box(&copy);
                })
                .1,
            );
        }
        let gbits = |times| 8.0 * traffic.large() as f64 / spread(times).p50;
        Large {
            what,
            frames,
            gbits: gbits(spent),
            memcpy: gbits(copied),
        }
    };
    kinds.into_iter().map(one).collect()
}

/// What `work` gives, and its nanoseconds.
#[inline]
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let began = time::Instant::now();
    let done = work();
    (done, began.elapsed().as_nanos() as f64)
}

fn spread(mut times: Vec<f64>) -> Spread {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    Spread {
        p50: at(50),
        p99: at(99),
    }
}

const SLOT_NS: u64 = 500_000;
const CELLS: usize = 40;
/// Slots whose traffic is made at once.
const AHEAD: u32 = 64;

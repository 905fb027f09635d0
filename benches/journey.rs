//! The journey alone, in memory: nanoseconds a frame for people, and a loop for an instruction counter
//! (`valgrind --tool=callgrind --toggle-collect='*journey*decide*'`). Arguments: cells, frames, and
//! frames that a flight recorder keeps of each cell.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and stops at the first surprise"
)]

use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::dataplane::frame_io::{FrameInfo, HEADROOM};
use ranshift::dataplane::journey::decide;
use ranshift::dataplane::lcore_state::LcoreState;
use ranshift::dataplane::outbox::Outbox;
use ranshift::dataplane::recorder::{Recorder, Settings};
use ranshift::dataplane::verdict::Verdict;
use ranshift::ran::{CyclicPrefix, Instant, Numerology, PortId, SlotClock, SlotCount, WireSlot};
use std::fmt::Write;

const SLOT: SlotCount = SlotCount(2_900_000_000_000);

fn config_text(cells: usize) -> String {
    let mut text = String::from("ports: {ru: {mtu: 9000}, du: {mtu: 9000}}\nrus:\n");
    for n in 0..cells {
        let (a, b) = (n / 256, n % 256);
        writeln!(text, "  ru-{n}: {{port: ru, mac: '02:a0:00:00:{a:02x}:{b:02x}', facing: '02:0b:00:00:00:01', vlan: 100}}").unwrap();
    }
    text += "dus:\n";
    for n in 0..cells {
        let (a, b) = (n / 256, n % 256);
        for du in 1..3 {
            writeln!(text, "  du-{n}-{du}: {{port: du, mac: '02:d0:00:{du:02x}:{a:02x}:{b:02x}', facing: '02:a0:00:00:{a:02x}:{b:02x}', vlan: 100, attachment: dedicated}}").unwrap();
        }
    }
    text += "cells:\n";
    for n in 0..cells {
        write!(text, "  cell-{n}:
    ru: ru-{n}
    numerology: 1
    carrier_prbs: 106
    eaxc: {{downlink: [0, 1, 2, 3], uplink: [0, 1, 2, 3], prach: [4, 5, 6, 7]}}
    compression: {{downlink: {{method: bfp, width: 9, header: dynamic}}, uplink: {{method: bfp, width: 9, header: dynamic}}}}
    time: {{source: gps}}
    periods: {{tdd: 10}}
    active: du-{n}-1
    members: {{du-{n}-1: {{}}, du-{n}-2: {{}}}}
").unwrap();
    }
    text + "bridge: {flood: {ru: [du], du: [ru]}}\n"
}

/// One DL U-plane frame of the active DU of each cell, behind headroom.
fn frame(cell: usize) -> Vec<u8> {
    let mu1 = Numerology::new(1).unwrap();
    let (frame, subframe, slot) = WireSlot::of(SLOT, mu1).fields(mu1);
    let time = u16::from(subframe) << 12 | u16::from(slot) << 6 | 3;
    let mut bytes = vec![0; HEADROOM];
    bytes.extend([2, 0xa0, 0, 0, (cell / 256) as u8, cell as u8]);
    bytes.extend([2, 0xd0, 0, 1, (cell / 256) as u8, cell as u8]);
    bytes.extend([
        0x81, 0, 0xe0, 100, 0xae, 0xfe, 0x10, 0, 0, 42, 0, 1, 7, 0x80,
    ]);
    bytes.extend([0x90, frame, time.to_be_bytes()[0], time.to_be_bytes()[1]]);
    bytes.extend([0, 0, 0, 1, 0x91, 0]);
    bytes.resize(HEADROOM + 64, 0x5a);
    bytes
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse::<usize>().ok());
    let cells = arguments.next().unwrap_or(1);
    let rounds = arguments.next().unwrap_or(3_000_000);
    let loaded = config::parse(&config_text(cells), "bench.yaml");
    let config = loaded
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config;
    let tables = compile(&config, 1);
    let mut lcore = LcoreState::new(&tables, 1 << 16);
    let mut outbox = Outbox::new(512, 1 << 16);
    let recorder = arguments.next().map(|frames| {
        let frames = frames as u32;
        Recorder::new(&tables, Settings { frames, snap: 160 }, |_| true)
    });
    let mut recorder = recorder.unwrap_or_default();
    recorder.begin(Instant(0), &lcore);
    let originals: Vec<Vec<u8>> = (0..cells).map(frame).collect();
    let mut order: Vec<usize> = (0..cells).collect();
    for n in (1..cells).rev() {
        order.swap(n, (n * 7919 + 13) % (n + 1));
    }
    let mut frames: Vec<Vec<u8>> = order.iter().map(|cell| originals[*cell].clone()).collect();
    let mu1 = Numerology::new(1).unwrap();
    let clock = SlotClock::from_gps(mu1, CyclicPrefix::Normal, 0, 0);
    let now = clock.air(SLOT, 0).offset(-200_000);
    let mut forwarded = 0u64;
    let began = std::time::Instant::now();
    for round in 0..rounds {
        let place = round % cells;
        let bytes = &mut frames[place];
        // Only what the journey rewrites is put back: addresses, tag, eAxC and number.
        bytes[HEADROOM..HEADROOM + 26]
            .copy_from_slice(&originals[order[place]][HEADROOM..HEADROOM + 26]);
        let info = FrameInfo {
            port: PortId(1),
            start: HEADROOM as u16,
            len: 64,
        };
        let at = Instant(now.0 + (round as u64 >> 8));
        recorder.stage(bytes, info, &outbox);
        let verdict = decide(bytes, info, at, &tables, &mut lcore, &mut outbox);
        recorder.decided(at, (bytes, info), &lcore, verdict, &outbox);
        forwarded += u64::from(matches!(verdict, Verdict::Forward(_)));
    }
    let spent = began.elapsed().as_nanos() as f64;
    assert_eq!(forwarded, rounds as u64);
    println!("{cells} cells: {:.1} ns a frame", spent / rounds as f64);
}

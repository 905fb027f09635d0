//! The traffic of a case: a configuration of N cells, and the headers of their U-plane frames.

use std::fmt::Write as _;

/// Bytes of a header as the feed writes it: Ethernet, tag, eCPRI, radio and section headers.
pub(crate) const HEADER: usize = 64;

/// Offset of the sequence number, and of the radio header, in a header.
pub(crate) const SEQUENCE_AT: usize = 24;
/// See `SEQUENCE_AT`.
pub(crate) const RADIO_AT: usize = 26;

/// Where the frames come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// From the active DU to the RU.
    Downlink,
    /// From the RU to one DU and so many more.
    Uplink {
        /// DUs beyond the first.
        copies: usize,
    },
}

impl Way {
    /// Members of each cell.
    pub(crate) fn members(self) -> usize {
        match self {
            Self::Downlink => 1,
            Self::Uplink { copies } => copies + 1,
        }
    }

    /// Ports that take part: the fed one first.
    pub(crate) fn ports(self) -> usize {
        self.members() + 1
    }
}

/// Configuration of `cells` cells; `devices` in order of ports, the fed one first.
pub(crate) fn config(way: Way, cells: usize, devices: &[String]) -> String {
    let mut yaml = String::from("ports:\n");
    for (name, device) in port_names(way).iter().zip(devices) {
        line(
            &mut yaml,
            &format!("  {name}: {{mtu: 9000, device: \"{device}\"}}"),
        );
    }
    line(&mut yaml, "rus:");
    for cell in 0..cells {
        let (ru, du) = (ru_mac(cell), du_mac(cell, 0));
        line(
            &mut yaml,
            &format!("  ru-{cell}: {{port: ru-side, mac: \"{ru}\", facing: \"{du}\", vlan: 100}}"),
        );
    }
    line(&mut yaml, "dus:");
    for cell in 0..cells {
        for member in 0..way.members() {
            let (ru, du) = (ru_mac(cell), du_mac(cell, member));
            line(
                &mut yaml,
                &format!(
                    "  du-{cell}-{member}: {{port: du-{member}-side, mac: \"{du}\", facing: \"{ru}\", \
                     vlan: {}, attachment: dedicated}}",
                    200 + member
                ),
            );
        }
    }
    line(&mut yaml, "cells:");
    for cell in 0..cells {
        config_cell(&mut yaml, way, cell);
    }
    yaml
}

/// One header for each stream of each cell, in shuffled order.
pub(crate) fn headers(way: Way, cells: usize, size: usize) -> Vec<[u8; HEADER]> {
    let mut headers: Vec<_> = (0..cells)
        .flat_map(|cell| (0..STREAMS).map(move |stream| header(way, cell, stream, size)))
        .collect();
    shuffle(&mut headers);
    headers
}

fn config_cell(yaml: &mut String, way: Way, cell: usize) {
    line(yaml, &format!("  cell-{cell}:"));
    line(yaml, &format!("    ru: ru-{cell}"));
    for setting in CELL_SETTINGS {
        line(yaml, &format!("    {setting}"));
    }
    line(yaml, &format!("    eaxc: {}", eaxc_lists(0)));
    line(yaml, &format!("    active: du-{cell}-0"));
    line(yaml, "    members:");
    for member in 0..way.members() {
        let lists = eaxc_lists(member_eaxc(member));
        line(
            yaml,
            &format!("      du-{cell}-{member}: {{eaxc: {lists}, assume_in_step: true}}"),
        );
    }
}

fn eaxc_lists(first: usize) -> String {
    let list = |from: usize| {
        let ids: Vec<_> = (from..from + STREAMS).map(|id| id.to_string()).collect();
        ids.join(", ")
    };
    let data = list(first);
    format!(
        "{{downlink: [{data}], uplink: [{data}], prach: [{}]}}",
        list(first + STREAMS)
    )
}

fn header(way: Way, cell: usize, stream: usize, size: usize) -> [u8; HEADER] {
    let (ru, du) = (ru_bytes(cell), du_bytes(cell, 0));
    let (destination, source, vlan, eaxc, direction) = match way {
        Way::Downlink => (ru, du, 200u16, member_eaxc(0) + stream, 0x90),
        Way::Uplink { .. } => (du, ru, 100, stream, 0x10),
    };
    let prbs = (size - IQ_AT) / PRB_BYTES;
    let payload = (IQ_AT - PAYLOAD_AT + prbs * PRB_BYTES) as u16;
    let mut header = [0; HEADER];
    put(&mut header, 0, &destination);
    put(&mut header, 6, &source);
    put(&mut header, 12, &[0x81, 0x00]);
    put(&mut header, 14, &(0xe000 | vlan).to_be_bytes());
    put(&mut header, 16, &[0xae, 0xfe, 0x10, 0x00]);
    put(&mut header, 20, &payload.to_be_bytes());
    put(&mut header, 22, &(eaxc as u16).to_be_bytes());
    put(&mut header, SEQUENCE_AT, &[0, 0x80]);
    put(&mut header, RADIO_AT, &[direction, 0, 0, 0]);
    // Section 0 from PRB 0 on; numPrbu 0 would mean the whole carrier. BFP, 9 bits.
    put(&mut header, RADIO_AT + 4, &[0, 0, 0, prbs as u8, 0x91, 0]);
    header
}

fn put(header: &mut [u8; HEADER], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Fisher-Yates with a fixed xorshift: the same order in every run.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(last, (state % (last as u64 + 1)) as usize);
    }
}

fn port_names(way: Way) -> Vec<String> {
    let du = |member: usize| format!("du-{member}-side");
    match way {
        Way::Downlink => vec![du(0), "ru-side".to_owned()],
        Way::Uplink { copies } => std::iter::once("ru-side".to_owned())
            .chain((0..=copies).map(du))
            .collect(),
    }
}

fn ru_bytes(cell: usize) -> [u8; 6] {
    let [high, low] = (cell as u16).to_be_bytes();
    [0x02, 0xa0, 0, 0, high, low]
}

fn du_bytes(cell: usize, member: usize) -> [u8; 6] {
    let [high, low] = (cell as u16).to_be_bytes();
    [0x02, 0xd0, 0, member as u8, high, low]
}

fn ru_mac(cell: usize) -> String {
    mac(ru_bytes(cell))
}

fn du_mac(cell: usize, member: usize) -> String {
    mac(du_bytes(cell, member))
}

fn mac(bytes: [u8; 6]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}

/// First eAxC id of a member: never the RU's own.
fn member_eaxc(member: usize) -> usize {
    16 * (member + 1)
}

fn line(yaml: &mut String, text: &str) {
    writeln!(yaml, "{text}").expect("a String takes everything");
}

/// Antenna ports of each cell and direction.
const STREAMS: usize = 4;

/// Bytes of a compressed PRB: exponent and 12 complex samples of 9 bits.
const PRB_BYTES: usize = 28;

/// Where the eCPRI payload and the first PRB start.
const PAYLOAD_AT: usize = 22;
const IQ_AT: usize = 36;

/// The step window is wide because a generator that lost its core for a while is no concern of the figure.
const CELL_SETTINGS: [&str; 9] = [
    "numerology: 1",
    "carrier_prbs: 273",
    "eaxc_bits: [4, 4, 4, 4]",
    "compression: {downlink: {method: bfp, width: 9, header: dynamic}, \
     uplink: {method: bfp, width: 9, header: dynamic}}",
    "time: {source: headers}",
    "periods: {tdd: 10}",
    "cyclic_prefix: normal",
    "step_window: 200ms",
    "step_memory: 10s",
];

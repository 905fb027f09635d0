//! P7 frames of cells with an L2 and two PHYs each, and the configuration around them.

use crate::nfapi::named;
use crate::p7::{Place, datagrams, fragments};

/// Who speaks in a cell.
pub(crate) struct Cast {
    /// On port 0.
    pub(crate) l2: Place,
    /// On ports 1 and 2; the first is active.
    pub(crate) phys: [Place; 2],
}

/// The bodies behind SFN and slot, and whose they are.
pub(crate) struct Traffic {
    pub(crate) casts: Vec<Cast>,
    mtu: usize,
    limits: bool,
    dl_tti: Vec<u8>,
    ul_tti: Vec<u8>,
    tx_data: Vec<u8>,
    large: Vec<u8>,
    crc: Vec<u8>,
}

impl Traffic {
    /// `cells` cells on networks of this MTU.
    pub(crate) fn new(cells: usize, mtu: usize, limits: bool) -> Self {
        let pdus = |name: &str, head: usize| named(name).datagrams[0][18 + head..].to_vec();
        let [pusch, pucch] = ["ul_tti_pusch", "ul_tti_pucch"].map(|name| pdus(name, 9).repeat(8));
        Self {
            casts: (0..cells as u8).map(cast).collect(),
            mtu,
            limits,
            dl_tti: [&[16, 0][..], &pdus("dl_tti_spdc", 6).repeat(4)].concat(),
            ul_tti: [&[16, 0, 8, 8, 0][..], &pusch, &pucch].concat(),
            tx_data: tx_data(1200),
            large: tx_data(60_000),
            crc: pdus("crc_1", 4),
        }
    }

    /// Bytes of the large body.
    pub(crate) fn large(&self) -> usize {
        self.large.len() + 4
    }

    pub(crate) fn slot(&self, phy: Place, slot: u32) -> Vec<u8> {
        self.one(phy, 0x82, slot, &[])
    }

    /// That a slot begins, of every PHY: the port, and the frame.
    pub(crate) fn slots(&self, slot: u32) -> Vec<(u8, Vec<u8>)> {
        let phys = |cast: &Cast| [(1, cast.phys[0]), (2, cast.phys[1])];
        let all = self.casts.iter().flat_map(phys);
        all.map(|(port, phy)| (port, self.slot(phy, slot)))
            .collect()
    }

    pub(crate) fn dl_tti(&self, cast: &Cast, slot: u32) -> Vec<u8> {
        self.one(cast.l2, 0x80, slot, &self.dl_tti)
    }

    pub(crate) fn ul_tti(&self, cast: &Cast, slot: u32) -> Vec<u8> {
        self.one(cast.l2, 0x81, slot, &self.ul_tti)
    }

    /// The large message: one datagram in fragments, as OAI sends it by default, or segments that fit.
    pub(crate) fn tx_data(&self, cast: &Cast, slot: u32, in_fragments: bool) -> Vec<Vec<u8>> {
        let body = [&point(slot)[..], &self.large].concat();
        let cut = |size| datagrams(cast.l2, 0x84, slot as u8, &body, size, 1);
        match in_fragments {
            true => fragments(&cut(65_000)[0], (self.mtu - 20) / 8 * 8, slot as u16),
            false => cut(self.segment()),
        }
    }

    /// What a slot holds: the port, and the frame.
    pub(crate) fn all(&self, slot: u32) -> Vec<(u8, Vec<u8>)> {
        let each = |cast| self.each(cast, slot);
        self.casts.iter().flat_map(each).collect()
    }

    fn each(&self, cast: &Cast, slot: u32) -> [(u8, Vec<u8>); 6] {
        [
            (1, self.slot(cast.phys[0], slot)),
            (2, self.slot(cast.phys[1], slot)),
            (1, self.one(cast.phys[0], 0x86, slot, &self.crc)),
            (0, self.dl_tti(cast, slot)),
            (0, self.ul_tti(cast, slot)),
            (0, self.one(cast.l2, 0x84, slot, &self.tx_data)),
        ]
    }

    fn one(&self, from: Place, message: u16, slot: u32, rest: &[u8]) -> Vec<u8> {
        let body = [&point(slot)[..], rest].concat();
        datagrams(from, message, slot as u8, &body, self.segment(), 1).remove(0)
    }

    fn segment(&self) -> usize {
        self.mtu - 28
    }
}

/// The configuration of all cells.
pub(crate) fn config(traffic: &Traffic) -> String {
    let (mtu, segment) = (traffic.mtu, traffic.segment());
    let limits = if traffic.limits { "oai" } else { "none" };
    let mut text = format!("ports: {{l2: {{mtu: {mtu}}}, a: {{mtu: {mtu}}}, b: {{mtu: {mtu}}}}}\n");
    let (mut l2s, mut phys, mut cells) = (String::new(), String::new(), String::new());
    for (n, cast) in traffic.casts.iter().enumerate() {
        let peer = |name: &str, port: &str, at: &Place| {
            let mac = |mac: [u8; 6]| mac.map(|byte| format!("{byte:02x}")).join(":");
            let ip = |ip: [u8; 4]| ip.map(|byte| byte.to_string()).join(".");
            format!(
                "  {name}-{n}: {{port: {port}, mac: \"{}\", facing: \"{}\", vlan: none, transport: \
                 {{udp: {{peer: {}, facing: {}, peer_port: {}, facing_port: {}}}}}, dialect: \
                 oai-nfapi, segment: {segment}",
                mac(at.mac),
                mac(at.facing),
                ip(at.ip),
                ip(at.own),
                at.udp.0,
                at.udp.1
            )
        };
        l2s += &format!("{}}}\n", peer("l2", "l2", &cast.l2));
        for (name, phy) in ["a", "b"].into_iter().zip(&cast.phys) {
            phys += &format!("{}, limits: {limits}}}\n", peer(name, name, phy));
        }
        cells += &format!(
            "  cell-{n}:\n    numerology: 1\n    fapi: {{l2: l2-{n}}}\n    active: a-{n}\n    \
             members: {{a-{n}: {{}}, b-{n}: {{}}}}\n    failover: {{standby: [b-{n}]}}\n"
        );
    }
    text += &format!("l2s:\n{l2s}phys:\n{phys}cells:\n{cells}");
    text
}

fn cast(cell: u8) -> Cast {
    let place = |port: u8, udp| Place {
        port,
        mac: [2, 0x12, 0, port, cell, 1],
        facing: [2, 0, 0, port, cell, 2],
        ip: [10, port, cell, 10],
        own: [10, port, cell, 1],
        udp,
    };
    Cast {
        l2: place(0, (50_011, 50_010)),
        phys: [1, 2].map(|port| place(port, (50_010, 50_011))),
    }
}

/// SFN and slot at 30 kHz.
fn point(slot: u32) -> [u8; 4] {
    let ([a, b], [c, d]) = (
        ((slot / 20 % 1024) as u16).to_be_bytes(),
        ((slot % 20) as u16).to_be_bytes(),
    );
    [a, b, c, d]
}

/// One PDU of one TLV.
fn tx_data(len: usize) -> Vec<u8> {
    let value: Vec<u8> = (0..len).map(|n| n as u8).collect();
    let len = (len as u32).to_be_bytes();
    [&[0, 1][..], &len, &[0, 0, 0, 0, 0, 1, 0, 0], &len, &value].concat()
}

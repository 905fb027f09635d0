//! Bodies of requests and indications: PDUs that OAI packed, with slot, RNTI, handle, HARQ process and size
//! replaced, and what an L2 or a PHY reads of them. SCF 222.10.02.

use super::templates::template;
use crate::ran::SlotPoint;
use crate::wire::nfapi::pdu::{PduKind, Transmission};
use crate::wire::nfapi::request::Request;
use crate::wire::nfapi::{ByteOrder, Dialect, Encoding, MessageId};

/// A transport block of the uplink: what is asked for, and answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Block {
    pub(super) transmission: Transmission,
    /// TBSize.
    pub(super) size: u32,
}

/// What an UL_TTI.request asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Uplink {
    pub(super) blocks: Vec<Block>,
    pub(super) controls: u8,
    pub(super) random_access: bool,
}

/// What a DL_TTI.request announces beside its PDSCH, which are numbered from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Downlink {
    pub(super) broadcast: bool,
    pub(super) reference: bool,
    pub(super) shared: u8,
}

/// The PDUs of one dialect, each with type and size.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    encoding: Encoding,
    ssb: Vec<u8>,
    pdcch: Vec<u8>,
    pdsch: Vec<u8>,
    csi_rs: Vec<u8>,
    prach: Vec<u8>,
    pusch: Vec<u8>,
    pucch: Vec<u8>,
    dci: Vec<u8>,
}

impl Contents {
    pub(super) fn of(dialect: Dialect) -> Self {
        let encoding = dialect.encoding();
        let pdu = |message, kind| template(encoding, message, kind);
        Self {
            encoding,
            ssb: pdu(MessageId::DL_TTI_REQUEST, PduKind::Ssb),
            pdcch: pdu(MessageId::DL_TTI_REQUEST, PduKind::Pdcch),
            pdsch: pdu(MessageId::DL_TTI_REQUEST, PduKind::Pdsch),
            csi_rs: pdu(MessageId::DL_TTI_REQUEST, PduKind::CsiRs),
            prach: pdu(MessageId::UL_TTI_REQUEST, PduKind::Prach),
            pusch: pdu(MessageId::UL_TTI_REQUEST, PduKind::Pusch),
            pucch: pdu(MessageId::UL_TTI_REQUEST, PduKind::Pucch),
            dci: pdu(MessageId::UL_DCI_REQUEST, PduKind::Pdcch),
        }
    }

    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// DL_TTI.request: a PDCCH in front of what it schedules.
    pub(super) fn dl_tti(&self, point: SlotPoint, downlink: Downlink) -> Vec<u8> {
        let mut pdus: Vec<&[u8]> = Vec::new();
        if downlink.broadcast {
            pdus.push(&self.ssb);
        }
        let mut shared = Vec::new();
        for index in 0..downlink.shared {
            let mut pdsch = self.pdsch.clone();
            self.put16(&mut pdsch, PDSCH_INDEX, u16::from(index));
            shared.push(pdsch);
        }
        if downlink.shared > 0 {
            pdus.push(&self.pdcch);
            pdus.extend(shared.iter().map(Vec::as_slice));
        }
        if downlink.reference {
            pdus.push(&self.csi_rs);
        }
        let mut out = self.start(point);
        out.u8(pdus.len() as u8);
        out.u8(0);
        pdus.iter().for_each(|pdu| out.bytes(pdu));
        out.written
    }

    /// UL_TTI.request.
    pub(super) fn ul_tti(&self, point: SlotPoint, uplink: &Uplink) -> Vec<u8> {
        let mut out = self.start(point);
        let access = u8::from(uplink.random_access);
        let blocks = uplink.blocks.len() as u8;
        out.bytes(&[
            access + blocks + uplink.controls,
            access,
            blocks,
            uplink.controls,
            0,
        ]);
        if uplink.random_access {
            out.bytes(&self.prach);
        }
        for block in &uplink.blocks {
            out.bytes(&self.pusch_of(block));
        }
        for _ in 0..uplink.controls {
            out.bytes(&self.pucch);
        }
        out.written
    }

    /// UL_DCI.request with one PDU, or none.
    pub(super) fn ul_dci(&self, point: SlotPoint, any: bool) -> Vec<u8> {
        let mut out = self.start(point);
        out.u8(u8::from(any));
        if any {
            out.bytes(&self.dci);
        }
        out.written
    }

    /// TX_DATA.request: a payload for each PDSCH.
    pub(super) fn tx_data(&self, point: SlotPoint, payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut out = self.start(point);
        out.u16(payloads.len() as u16);
        for (index, payload) in payloads.iter().enumerate() {
            out.u32(payload.len() as u32);
            out.u16(index as u16);
            out.u32(1);
            out.u16(INLINE);
            match self.encoding.wide_tx_data_tlv {
                true => out.u32(payload.len() as u32),
                false => out.u16(payload.len() as u16),
            }
            out.bytes(payload);
            let padding = payload.len().next_multiple_of(4) - payload.len();
            out.written.resize(out.written.len() + padding, 0);
        }
        out.written
    }

    /// SLOT.indication.
    pub(super) fn slot(&self, point: SlotPoint) -> Vec<u8> {
        self.start(point).written
    }

    /// CRC.indication: of each block whether it could be decoded.
    pub(super) fn crc(&self, point: SlotPoint, blocks: &[(Block, bool)]) -> Vec<u8> {
        let mut out = self.start(point);
        out.u16(blocks.len() as u16);
        for (block, decoded) in blocks {
            out.transmission(block.transmission);
            out.u8(u8::from(!decoded));
            out.u16(1);
            let bitmap = [u8::from(!decoded), 0];
            out.bytes(
                bitmap
                    .get(..self.encoding.bitmap_len(1))
                    .unwrap_or_default(),
            );
            out.quality();
        }
        out.written
    }

    /// RX_DATA.indication: the blocks that could be decoded, each with the digest of what it is.
    pub(super) fn rx_data(&self, point: SlotPoint, blocks: &[Block]) -> Vec<u8> {
        let mut out = self.start(point);
        out.u16(blocks.len() as u16);
        for block in blocks {
            out.transmission(block.transmission);
            out.u32(block.size);
            out.quality();
            out.bytes(&payload(block.transmission, block.size));
        }
        out.written
    }

    /// UCI.indication of PUCCH format 0 or 1: a scheduling request each, heard.
    pub(super) fn uci(&self, point: SlotPoint, count: u8) -> Vec<u8> {
        let mut out = self.start(point);
        out.u16(u16::from(count));
        for handle in 0..count {
            out.u16(PUCCH_0_OR_1);
            out.u16(4 + UCI_LEN);
            out.u8(1);
            out.u32(u32::from(handle));
            out.u16(0x4601);
            out.u8(0);
            out.quality();
            out.bytes(&[1, 0]);
        }
        out.written
    }

    /// RACH.indication: one occasion, one preamble.
    pub(super) fn rach(&self, point: SlotPoint) -> Vec<u8> {
        let mut out = self.start(point);
        out.u8(1);
        out.u16(0);
        out.bytes(&[0, point.slot as u8, 0, 90, 40, 1]);
        out.u8(17);
        out.u16(31);
        out.u32(60_000);
        out.written
    }

    fn start(&self, point: SlotPoint) -> Writer {
        let mut out = Writer {
            written: Vec::new(),
            order: self.encoding.order,
        };
        out.u16(point.sfn);
        out.u16(point.slot);
        out
    }

    fn pusch_of(&self, block: &Block) -> Vec<u8> {
        let mut pdu = self.pusch.clone();
        self.put16(&mut pdu, PUSCH_RNTI, block.transmission.rnti);
        self.put32(&mut pdu, PUSCH_HANDLE, block.transmission.handle);
        put(&mut pdu, PUSCH_HARQ, &[block.transmission.harq_id]);
        self.put32(&mut pdu, PUSCH_SIZE, block.size);
        pdu
    }

    fn put16(&self, pdu: &mut [u8], at: usize, value: u16) {
        put(pdu, at, &self.encoding.order.bytes16(value));
    }

    fn put32(&self, pdu: &mut [u8], at: usize, value: u32) {
        put(pdu, at, &self.encoding.order.bytes32(value));
    }
}

/// What a request asks of a PHY: number of PDSCH PDUs, and the uplink. `None` if it cannot be read.
pub(super) fn asked(body: &[u8], message: MessageId, encoding: Encoding) -> Option<(u8, Uplink)> {
    let (request, _) = Request::parse(body, message, encoding).ok()?;
    let (mut shared, mut uplink) = (0, Uplink::default());
    let access = request.uplink_counts().map(|[access, _, _]| access);
    uplink.random_access = access.is_some_and(|access| access > 0);
    for pdu in request.pdus() {
        let pdu = pdu.ok()?;
        match pdu.kind {
            PduKind::Pdsch => shared += 1,
            PduKind::Pucch => uplink.controls += 1,
            PduKind::Pusch => {
                let size = pdu.contents.get(PUSCH_SIZE - 4..)?.first_chunk()?;
                let size = encoding.order.u32(*size);
                let block = |transmission| Block { transmission, size };
                uplink.blocks.extend(pdu.transmission(encoding).map(block));
            }
            _ => {}
        }
    }
    Some((shared, uplink))
}

/// What the air brings of a transport block: `size` bytes that only its RNTI, handle and process make.
pub(super) fn payload(transmission: Transmission, size: u32) -> Vec<u8> {
    let mut state = u64::from(transmission.handle) << 32
        | u64::from(transmission.rnti) << 8
        | u64::from(transmission.harq_id);
    let mut bytes = Vec::with_capacity(size as usize + 8);
    while bytes.len() < size as usize {
        state = state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        bytes.extend_from_slice(&(state ^ state >> 29).to_be_bytes());
    }
    bytes.truncate(size as usize);
    bytes
}

/// Fields one after the other.
struct Writer {
    written: Vec<u8>,
    order: ByteOrder,
}

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) {
        self.written.extend_from_slice(bytes);
    }

    fn u8(&mut self, value: u8) {
        self.written.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.bytes(&self.order.bytes16(value));
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&self.order.bytes32(value));
    }

    fn transmission(&mut self, transmission: Transmission) {
        self.u32(transmission.handle);
        self.u16(transmission.rnti);
        self.u8(transmission.harq_id);
    }

    /// ulCqi, TA and RSSI of a good link.
    fn quality(&mut self) {
        self.u8(180);
        self.u16(31);
        self.u16(900);
    }
}

fn put(pdu: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(field) = pdu.get_mut(at..at + bytes.len()) {
        field.copy_from_slice(bytes);
    }
}

/// Offsets in a PDU, type and size included.
const PDSCH_INDEX: usize = 4 + 4;
const PUSCH_RNTI: usize = 4 + 2;
const PUSCH_HANDLE: usize = 4 + 4;
const PUSCH_HARQ: usize = 4 + 8 + 74 + 1;
const PUSCH_SIZE: usize = 4 + 8 + 74 + 3;
/// Tag of a TX_DATA TLV.
const INLINE: u16 = 0;
const PUCCH_0_OR_1: u16 = 1;
/// Bytes of the contents of such a PDU with a scheduling request.
const UCI_LEN: u16 = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::nfapi::request::TxData;
    use crate::wire::nfapi::{indication, limits};

    const POINT: SlotPoint = SlotPoint { sfn: 700, slot: 13 };

    fn block(handle: u32) -> Block {
        Block {
            transmission: Transmission {
                handle,
                rnti: 0x4601,
                harq_id: 7,
            },
            size: 300,
        }
    }

    fn each(check: impl Fn(&Contents, Encoding)) {
        for dialect in Dialect::ALL {
            check(&Contents::of(dialect), dialect.encoding());
        }
    }

    #[test]
    fn requests_are_walked_to_their_end_by_what_reads_the_dialect() {
        each(|contents, encoding| {
            let downlink = Downlink {
                broadcast: true,
                reference: true,
                shared: 3,
            };
            let uplink = Uplink {
                blocks: vec![block(1), block(2)],
                controls: 2,
                random_access: true,
            };
            let bodies = [
                (
                    MessageId::DL_TTI_REQUEST,
                    contents.dl_tti(POINT, downlink),
                    6,
                ),
                (
                    MessageId::UL_TTI_REQUEST,
                    contents.ul_tti(POINT, &uplink),
                    5,
                ),
                (MessageId::UL_DCI_REQUEST, contents.ul_dci(POINT, true), 1),
            ];
            for (message, body, pdus) in bodies {
                let (request, _) = Request::parse(&body, message, encoding).unwrap();
                assert_eq!((request.point(), request.number_of_pdus()), (POINT, pdus));
                assert!(
                    request
                        .pdus()
                        .all(|pdu| pdu.unwrap().shape(encoding).is_ok())
                );
                assert_eq!(request.groups().unwrap().size(), 0);
            }
        });
    }

    #[test]
    fn nothing_exceeds_what_oai_can_hold() {
        let contents = Contents::of(Dialect::OaiNfapi);
        let downlink = Downlink {
            broadcast: true,
            reference: true,
            shared: 8,
        };
        let body = contents.dl_tti(POINT, downlink);
        let limits = limits::Limits::OAI;
        let excess = limits.exceeds(MessageId::DL_TTI_REQUEST, Encoding::OAI, &body);
        assert_eq!(excess, None);
    }

    #[test]
    fn payloads_are_read_back() {
        each(|contents, encoding| {
            let payloads = [vec![1, 2, 3, 4, 5], vec![6]];
            let body = contents.tx_data(POINT, &payloads);
            let (request, _) = TxData::parse(&body, encoding).unwrap();
            let read: Vec<_> = request
                .pdus()
                .map(|pdu| pdu.unwrap().tlvs().next().unwrap().unwrap().value.to_vec())
                .collect();
            assert_eq!(read, payloads);
        });
    }

    #[test]
    fn a_phy_reads_what_an_l2_asks() {
        each(|contents, encoding| {
            let uplink = Uplink {
                blocks: vec![block(0x0102_0304), block(9)],
                controls: 1,
                random_access: true,
            };
            let body = contents.ul_tti(POINT, &uplink);
            let read = asked(&body, MessageId::UL_TTI_REQUEST, encoding);
            assert_eq!(read, Some((0, uplink)));
        });
    }

    #[test]
    fn an_l2_reads_what_a_phy_answers() {
        each(|contents, encoding| {
            let body = contents.crc(POINT, &[(block(1), true), (block(2), false)]);
            let crc = indication::crc(&body, encoding).unwrap();
            let status: Vec<_> = crc.entries().map(|entry| entry.unwrap().status).collect();
            assert_eq!(status, [0, 1]);
            let body = contents.rx_data(POINT, &[block(1)]);
            let data = indication::rx_data(&body, encoding).unwrap();
            let entry = data.entries().next().unwrap().unwrap();
            assert_eq!(entry.data, payload(block(1).transmission, 300));
            let body = contents.rach(POINT);
            let rach = indication::rach(&body, encoding).unwrap();
            let entry = rach.entries().next().unwrap().unwrap();
            assert_eq!(entry.preambles().count(), 1);
            let uci = contents.uci(POINT, 2);
            let uci = indication::uci(&uci, encoding).unwrap();
            assert_eq!(uci.number_of_entries(), 2);
            if encoding.sized_uci {
                assert!(uci.entries().all(|pdu| pdu.is_ok()));
            }
        });
    }

    #[test]
    fn a_payload_tells_blocks_apart() {
        assert_ne!(
            payload(block(1).transmission, 8),
            payload(block(2).transmission, 8)
        );
    }
}

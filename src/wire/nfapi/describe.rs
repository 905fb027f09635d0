//! Every message, PDU, entry and TLV as words: one telling, for a line of text and for data.
//!
//! A `Teller` hears fields and items; `Line` writes them as one line, `inspect` also as JSON. Never
//! refuses: what cannot be read is told as a fault. Of a message that comes in pieces, only the first
//! names its slot, and its items are told as far as that piece goes.

mod fault;
mod line;
mod settings;

pub use fault::fault;
pub use line::Line;

use super::indication::{self, Indication, Quality};
use super::pdu::{Pdu, Transmission};
use super::request::{Request, TxData};
use super::sync::{DlNodeSync, TimingInfo, UlNodeSync};
use super::{Datagram, Dialect, Encoding, Head, MessageId, Piece, slot};
use crate::ran::SlotPoint;
use crate::wire::{Fault, WireError};
use std::fmt;
use std::net::IpAddr;

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// A number, told in decimal.
    Number(i64),
    /// A number that people write in hexadecimal: tags and RNTIs.
    Hex(u32),
    /// One of a few words.
    Word(&'static str),
    /// An address.
    Address(IpAddr),
    /// Bytes without a meaning here.
    Bytes(&'a [u8]),
}

/// Who hears what a message says, in its order.
pub trait Teller {
    /// An item begins: a PDU, an entry, a TLV. Items lie in items.
    fn open(&mut self, kind: &'static str) -> fmt::Result;
    /// The item that was opened last ends.
    fn close(&mut self) -> fmt::Result;
    /// A field of the item that is open, or of the message.
    fn field(&mut self, name: &'static str, value: Value<'_>) -> fmt::Result;
    /// The rest cannot be read.
    fn fault(&mut self, error: WireError) -> fmt::Result;
}

/// Tells a P7 datagram: its header, and its body as far as it goes.
pub fn datagram(
    view: &Datagram<'_>,
    dialect: Dialect,
    encoding: Encoding,
    teller: &mut dyn Teller,
) -> fmt::Result {
    match view.head {
        Some(Head { phy, message }) => {
            name(message, dialect, teller)?;
            teller.field("phy", number(phy.0))?;
        }
        None => teller.field("message", Value::Word("later piece"))?,
    }
    if let Some(sequence) = view.piece.sequence() {
        teller.field("sequence", number(sequence))?;
    }
    piece(view, teller)?;
    match view.head {
        Some(head) if view.piece.is_first() => {
            let whole = view.is_whole();
            let mut telling = Telling {
                message: head.message,
                dialect,
                encoding,
                teller,
            };
            match telling.body(view.body) {
                Err(Stop::Malformed(WireError {
                    fault: Fault::Truncated,
                    ..
                })) if !whole => Ok(()),
                Err(Stop::Malformed(error)) => teller.fault(error),
                Err(Stop::Formatter) => Err(fmt::Error),
                Ok(()) => Ok(()),
            }
        }
        _ => teller.field("bytes", length(view.body)),
    }
}

/// Tells a P5 message by its header's `head` and its body.
pub fn p5(
    head: Head,
    body: &[u8],
    dialect: Dialect,
    encoding: Encoding,
    teller: &mut dyn Teller,
) -> fmt::Result {
    name(head.message, dialect, teller)?;
    teller.field("phy", number(head.phy.0))?;
    let mut telling = Telling {
        message: head.message,
        dialect,
        encoding,
        teller,
    };
    match telling.body(body) {
        Err(Stop::Malformed(error)) => teller.fault(error),
        Err(Stop::Formatter) => Err(fmt::Error),
        Ok(()) => Ok(()),
    }
}

fn name(message: MessageId, dialect: Dialect, teller: &mut dyn Teller) -> fmt::Result {
    teller.field("message", Value::Word(message.name(dialect)))?;
    match message.sender(dialect) {
        Some(_) => Ok(()),
        None => teller.field("id", Value::Hex(message.0.into())),
    }
}

fn piece(view: &Datagram<'_>, teller: &mut dyn Teller) -> fmt::Result {
    if view.is_whole() {
        return Ok(());
    }
    match view.piece {
        Piece::Whole => Ok(()),
        Piece::Numbered { number, more, .. } => {
            teller.field("segment", self::number(number))?;
            match more {
                true => Ok(()),
                false => teller.field("last", Value::Word("yes")),
            }
        }
        Piece::Placed { offset, total, .. } => {
            teller.field("offset", number(offset))?;
            teller.field("total", number(total))
        }
    }
}

struct Telling<'t> {
    message: MessageId,
    dialect: Dialect,
    encoding: Encoding,
    teller: &'t mut dyn Teller,
}

/// Why a telling ends before the message does.
enum Stop {
    Malformed(WireError),
    Formatter,
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl From<fmt::Error> for Stop {
    fn from(_: fmt::Error) -> Self {
        Self::Formatter
    }
}

type Told = Result<(), Stop>;

impl Telling<'_> {
    fn body(&mut self, body: &[u8]) -> Told {
        let (message, encoding) = (self.message, self.encoding);
        match message {
            MessageId::DL_TTI_REQUEST | MessageId::UL_TTI_REQUEST | MessageId::UL_DCI_REQUEST => {
                self.request(body)
            }
            MessageId::TX_DATA_REQUEST => self.tx_data(body),
            MessageId::SLOT_INDICATION => {
                let point = indication::slot_indication(body, encoding)?;
                self.point(point)
            }
            MessageId::RX_DATA_INDICATION => {
                self.entries("PDU", indication::rx_data(body, encoding)?, |told, pdu| {
                    told.transmission(pdu.transmission)?;
                    told.quality(pdu.quality)?;
                    told.field("bytes", length(pdu.data))
                })
            }
            MessageId::CRC_INDICATION => {
                self.entries("CRC", indication::crc(body, encoding)?, |told, crc| {
                    told.transmission(crc.transmission)?;
                    told.field("status", number(crc.status))?;
                    told.field("code_blocks", number(crc.code_blocks))?;
                    told.quality(crc.quality)
                })
            }
            MessageId::UCI_INDICATION => self.uci(body),
            MessageId::SRS_INDICATION => {
                self.entries("SRS", indication::srs(body, encoding)?, |told, pdu| {
                    told.field("handle", number(pdu.handle))?;
                    told.field("rnti", Value::Hex(pdu.rnti.into()))?;
                    told.field("timing_advance", number(pdu.timing_advance))?;
                    told.field("usage", number(pdu.usage))?;
                    told.field("report_type", number(pdu.report_type))?;
                    told.field("tag", Value::Hex(pdu.tag.into()))?;
                    told.field("bytes", length(pdu.report))
                })
            }
            MessageId::RACH_INDICATION => self.rach(body),
            MessageId::ERROR_INDICATION => self.error(body),
            MessageId::TIMING_INFO => self.timing_info(body),
            _ if message.is_dl_node_sync(self.dialect) => {
                let sync = DlNodeSync::parse(body, encoding)?;
                self.field("t1", number(sync.t1))?;
                self.field("delta", number(sync.delta))?;
                self.spacing(sync.scs)
            }
            _ if message.is_ul_node_sync(self.dialect) => {
                let sync = UlNodeSync::parse(body, encoding)?;
                self.field("t1", number(sync.t1))?;
                self.field("t2", number(sync.t2))?;
                self.field("t3", number(sync.t3))
            }
            _ if message.has_slot() => {
                let (point, rest) = slot::parse(body, encoding.order)?;
                self.point(point)?;
                self.field("bytes", length(rest))
            }
            _ if message.is_vendor() => self.field("bytes", length(body)),
            _ => self.settings(body),
        }
    }

    fn request(&mut self, body: &[u8]) -> Told {
        let (request, _) = Request::parse(body, self.message, self.encoding)?;
        self.point(request.point())?;
        self.field("pdus", number(request.number_of_pdus()))?;
        if let Some([rach, ulsch, ulcch]) = request.uplink_counts() {
            self.field("rach_present", number(rach))?;
            self.field("ulsch", number(ulsch))?;
            self.field("ulcch", number(ulcch))?;
        }
        for pdu in request.pdus() {
            self.pdu(pdu?)?;
        }
        for group in request.groups()? {
            self.teller.open("group")?;
            for index in group.indices() {
                self.teller.open("UE")?;
                self.field("pdu", number(index))?;
                self.teller.close()?;
            }
            self.teller.close()?;
        }
        Ok(())
    }

    fn pdu(&mut self, pdu: Pdu<'_>) -> Told {
        self.teller.open(pdu.kind.name())?;
        self.field("type", number(pdu.kind.code()))?;
        self.field("size", number(pdu.size() as u32))?;
        if let Some(rnti) = pdu.rnti(self.encoding) {
            self.field("rnti", Value::Hex(rnti.into()))?;
        }
        if let Some(transmission) = pdu.transmission(self.encoding) {
            self.field("handle", number(transmission.handle))?;
            self.field("harq", number(transmission.harq_id))?;
        }
        match pdu.shape(self.encoding) {
            Ok(Some(shape)) if shape.dcis > 0 => self.field("dcis", number(shape.dcis))?,
            Ok(_) => {}
            Err(error) => self.teller.fault(error)?,
        }
        Ok(self.teller.close()?)
    }

    fn tx_data(&mut self, body: &[u8]) -> Told {
        let (request, _) = TxData::parse(body, self.encoding)?;
        self.point(request.point())?;
        self.field("pdus", number(request.number_of_pdus()))?;
        let mut pdus = request.pdus();
        for pdu in pdus.by_ref() {
            let pdu = pdu?;
            self.teller.open("PDU")?;
            self.field("index", number(pdu.pdu_index))?;
            self.field("length", number(pdu.pdu_length))?;
            for tlv in pdu.tlvs() {
                let tlv = tlv?;
                self.teller.open("TLV")?;
                self.field("tag", number(tlv.tag))?;
                self.field("bytes", length(tlv.value))?;
                self.teller.close()?;
            }
            self.teller.close()?;
        }
        self.end(pdus.rest())
    }

    fn uci(&mut self, body: &[u8]) -> Told {
        let view = indication::uci(body, self.encoding)?;
        if self.encoding.sized_uci {
            return self.entries("UCI", view, |told, pdu| {
                told.field("type", number(pdu.kind))?;
                told.field("bytes", length(pdu.contents))
            });
        }
        self.point(view.point())?;
        self.field("entries", number(view.number_of_entries()))?;
        self.field("unwalked", length(view.entries().rest()))
    }

    fn rach(&mut self, body: &[u8]) -> Told {
        let view = indication::rach(body, self.encoding)?;
        self.entries("RACH", view, |told, pdu| {
            told.field("pci", number(pdu.phys_cell_id))?;
            told.field("symbol", number(pdu.symbol))?;
            told.field("rach_slot", number(pdu.slot))?;
            told.field("freq", number(pdu.freq_index))?;
            for preamble in pdu.preambles() {
                told.teller.open("preamble")?;
                told.field("index", number(preamble.index))?;
                told.field("timing_advance", number(preamble.timing_advance))?;
                told.field("power", number(preamble.power))?;
                told.teller.close()?;
            }
            Ok(())
        })
    }

    fn entries<'a, T>(
        &mut self,
        kind: &'static str,
        view: Indication<'a, T>,
        tell: impl Fn(&mut Self, T) -> Told,
    ) -> Told {
        self.point(view.point())?;
        self.field("entries", number(view.number_of_entries()))?;
        let mut entries = view.entries();
        for entry in entries.by_ref() {
            let entry = entry?;
            self.teller.open(kind)?;
            tell(self, entry)?;
            self.teller.close()?;
        }
        self.end(entries.rest())
    }

    fn error(&mut self, body: &[u8]) -> Told {
        let error = indication::error(body, self.encoding)?;
        self.point(error.point)?;
        self.field("about", Value::Word(error.message.name(self.dialect)))?;
        self.field("code", number(error.code.0))?;
        self.field("error", Value::Word(error.code.name()))?;
        if let Some(expected) = error.expected {
            self.field("expected_sfn", number(expected.sfn))?;
            self.field("expected_slot", number(expected.slot))?;
        }
        Ok(())
    }

    fn timing_info(&mut self, body: &[u8]) -> Told {
        let info = TimingInfo::parse(body, self.encoding)?;
        if let Some(last) = info.last {
            self.point(last)?;
        }
        self.field("since_ms", number(info.since_ms))?;
        let kinds = ["DL_TTI", "TX_DATA", "UL_TTI", "UL_DCI"];
        let delays = info.latest.into_iter().zip(info.earliest);
        for (kind, (jitter, (latest, earliest))) in
            kinds.into_iter().zip(info.jitter.into_iter().zip(delays))
        {
            self.teller.open(kind)?;
            self.field("jitter_us", number(jitter))?;
            self.field("latest_us", number(latest))?;
            self.field("earliest_us", number(earliest))?;
            self.teller.close()?;
        }
        self.spacing(info.scs)
    }

    fn point(&mut self, point: SlotPoint) -> Told {
        self.field("sfn", number(point.sfn))?;
        self.field("slot", number(point.slot))
    }

    fn transmission(&mut self, transmission: Transmission) -> Told {
        self.field("handle", number(transmission.handle))?;
        self.field("rnti", Value::Hex(transmission.rnti.into()))?;
        self.field("harq", number(transmission.harq_id))
    }

    fn quality(&mut self, quality: Quality) -> Told {
        self.field("ul_cqi", number(quality.ul_cqi))?;
        self.field("timing_advance", number(quality.timing_advance))?;
        self.field("rssi", number(quality.rssi))
    }

    fn spacing(&mut self, scs: Option<u8>) -> Told {
        scs.map_or(Ok(()), |scs| self.field("scs", number(scs)))
    }

    /// Bytes behind the last entry have no meaning.
    fn end(&mut self, rest: &[u8]) -> Told {
        match rest {
            [] => Ok(()),
            _ => self.field("behind", length(rest)),
        }
    }

    fn field(&mut self, name: &'static str, value: Value<'_>) -> Told {
        Ok(self.teller.field(name, value)?)
    }
}

fn number<'a>(value: impl Into<i64>) -> Value<'a> {
    Value::Number(value.into())
}

fn length<'a>(bytes: &[u8]) -> Value<'a> {
    Value::Number(bytes.len() as i64)
}

#[cfg(test)]
mod tests;

//! P5 bodies (SCF 222, SCF 225): results, TLVs, and the settings that a proxy reads and rewrites.
//!
//! ```text
//! PNF_PARAM.response, PARAM.response       error:8 numTLV:8 TLVs
//! PNF_CONFIG.request, CONFIG.request       numTLV:8 TLVs
//! CONFIG.response                          error:8 invalid:8 idle:8 running:8 missing:8 TLVs
//! PNF_CONFIG, PNF_START, PNF_STOP, START, STOP.response   error:8 or error:32, by their length
//! PNF_READY.indication                     version:32
//! TLV                                      tag:16 length:16 value, padded to a multiple of 4
//! ```
//!
//! TLVs are walked to the end of the body: numTLV of OAI wraps and is off by one. In PARAM.response, TLV
//! 0x0005 is followed by entries that no length covers; they are stepped over. SCF 225 puts the whole FAPI
//! body into TLV 0x0F00; whether numTLV then leads the body is unsure [?]. Edits change values of the same
//! length in place; nothing here changes the size of a body.

mod binding;

pub use binding::{Binding, bindings, set_phys};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::fields::Fields;
use super::indication::ErrorCode;
use super::{Encoding, MessageId, body_error};
use crate::wire::{Fault, WireError};

/// A P5 body.
#[derive(Clone, Copy, Debug)]
pub struct P5Body<'a> {
    message: MessageId,
    encoding: Encoding,
    error: Option<ErrorCode>,
    count: Option<u8>,
    version: Option<u32>,
    body: &'a [u8],
    tlvs_at: usize,
}

impl<'a> P5Body<'a> {
    /// Reads what stands in front of the TLVs; returns the TLVs as well, nothing for messages without.
    pub fn parse(
        body: &'a [u8],
        message: MessageId,
        encoding: Encoding,
    ) -> Result<(Self, &'a [u8]), WireError> {
        let mut fields = Fields::new(body, encoding.order);
        let (mut error, mut count, mut version) = (None, None, None);
        match message {
            MessageId::PNF_PARAM_RESPONSE | MessageId::PARAM_RESPONSE => {
                error = Some(u32::from(fields.u8()?));
                count = Some(fields.u8()?);
            }
            MessageId::PNF_CONFIG_REQUEST | MessageId::CONFIG_REQUEST => {
                count = Some(fields.u8()?);
            }
            MessageId::CONFIG_RESPONSE => {
                error = Some(u32::from(fields.u8()?));
                fields.take(4)?;
            }
            MessageId::PNF_READY_INDICATION => version = Some(fields.u32()?),
            _ if is_result(message) => {
                error = Some(match body.len() {
                    1..4 => u32::from(fields.u8()?),
                    _ => fields.u32()?,
                });
            }
            _ => {}
        }
        let rest = match has_tlvs(message) {
            true => fields.rest(),
            false => &[],
        };
        let view = Self {
            message,
            encoding,
            error: error.map(ErrorCode),
            count,
            version,
            body,
            tlvs_at: body.len() - rest.len(),
        };
        Ok((view, rest))
    }

    /// The result that a response tells.
    pub const fn error(&self) -> Option<ErrorCode> {
        self.error
    }

    /// numTLV as sent. Not to be relied on: OAI's wraps at 256.
    pub const fn number_of_tlvs(&self) -> Option<u8> {
        self.count
    }

    /// Version of PNF_READY.indication.
    pub const fn version(&self) -> Option<u32> {
        self.version
    }

    /// The TLVs, to the end of the body.
    pub fn tlvs(&self) -> Tlvs<'a> {
        Tlvs {
            rest: self.body.get(self.tlvs_at..).unwrap_or_default(),
            at: self.tlvs_at,
            encoding: self.encoding,
            reports: self.message == MessageId::PARAM_RESPONSE,
        }
    }

    /// The first setting with this tag that can be read.
    pub fn setting(&self, tag: u16) -> Option<Setting> {
        let mut found = self.tlvs().flatten().filter(|tlv| tlv.tag == tag);
        found.find_map(|tlv| tlv.setting(self.encoding))
    }
}

/// True for messages whose body is a result alone.
const fn is_result(message: MessageId) -> bool {
    matches!(
        message,
        MessageId::PNF_CONFIG_RESPONSE
            | MessageId::PNF_START_RESPONSE
            | MessageId::PNF_STOP_RESPONSE
            | MessageId::START_RESPONSE
            | MessageId::STOP_RESPONSE
    )
}

/// True for messages with TLVs.
const fn has_tlvs(message: MessageId) -> bool {
    matches!(
        message,
        MessageId::PNF_PARAM_RESPONSE
            | MessageId::PARAM_RESPONSE
            | MessageId::PNF_CONFIG_REQUEST
            | MessageId::CONFIG_REQUEST
            | MessageId::CONFIG_RESPONSE
    )
}

/// A TLV of a P5 body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tlv<'a> {
    /// Tag; its meaning depends on the message.
    pub tag: u16,
    /// Without padding.
    pub value: &'a [u8],
    /// Where the value lies in the body.
    pub range: Range<usize>,
}

impl Tlv<'_> {
    /// The value as a setting of nFAPI; `None` for other tags and values of another length.
    pub fn setting(&self, encoding: Encoding) -> Option<Setting> {
        let order = encoding.order;
        match (self.tag, self.value) {
            (tag::VNF_IPV4 | tag::PNF_IPV4, [a, b, c, d]) => {
                Some(Setting::Address(Ipv4Addr::new(*a, *b, *c, *d).into()))
            }
            (tag::VNF_IPV6 | tag::PNF_IPV6, value) => {
                let octets = <[u8; 16]>::try_from(value).ok()?;
                Some(Setting::Address(Ipv6Addr::from(octets).into()))
            }
            (tag::PNF_PORT, [a, b]) if encoding.swapped_pnf_port => {
                Some(Setting::Port(order.u16([*b, *a])))
            }
            (tag::VNF_PORT | tag::PNF_PORT, [a, b]) => Some(Setting::Port(order.u16([*a, *b]))),
            (tag::DL_TTI_OFFSET..=tag::TX_DATA_OFFSET, [a, b, c, d]) => {
                Some(Setting::Number(order.u32([*a, *b, *c, *d])))
            }
            (tag::TIMING_WINDOW..=tag::TIMING_INFO_PERIOD, [value]) => {
                Some(Setting::Number(u32::from(*value)))
            }
            _ => None,
        }
    }
}

/// A setting of nFAPI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// P7 address of VNF or PNF.
    Address(IpAddr),
    /// P7 port of VNF or PNF, as it is meant: OAI's swap is undone.
    Port(u16),
    /// Timing offset of a message (u32), timing window in slots, timing info mode (bit 0 periodic, bit 1
    /// aperiodic) or timing info period (u8 each).
    Number(u32),
}

/// Tags that a proxy reads.
pub mod tag {
    /// P7 address of the VNF, IPv4, in CONFIG.request.
    pub const VNF_IPV4: u16 = 0x0100;
    /// P7 address of the VNF, IPv6, in CONFIG.request.
    pub const VNF_IPV6: u16 = 0x0101;
    /// P7 port of the VNF, in CONFIG.request.
    pub const VNF_PORT: u16 = 0x0102;
    /// P7 address of the PNF, IPv4, in PARAM.response.
    pub const PNF_IPV4: u16 = 0x0103;
    /// P7 address of the PNF, IPv6, in PARAM.response.
    pub const PNF_IPV6: u16 = 0x0104;
    /// P7 port of the PNF, in PARAM.response.
    pub const PNF_PORT: u16 = 0x0105;
    /// Timing offset of DL_TTI.
    pub const DL_TTI_OFFSET: u16 = 0x0106;
    /// Timing offset of UL_TTI.
    pub const UL_TTI_OFFSET: u16 = 0x0107;
    /// Timing offset of UL_DCI.
    pub const UL_DCI_OFFSET: u16 = 0x0108;
    /// Timing offset of TX_DATA.
    pub const TX_DATA_OFFSET: u16 = 0x0109;
    /// Timing window, in CONFIG.request.
    pub const TIMING_WINDOW: u16 = 0x011e;
    /// Timing info mode, in CONFIG.request.
    pub const TIMING_INFO_MODE: u16 = 0x011f;
    /// Timing info period, in CONFIG.request.
    pub const TIMING_INFO_PERIOD: u16 = 0x0120;
    /// PARAM.response: entries without a length follow.
    pub const CONFIG_TLVS_TO_REPORT: u16 = 0x0005;
    /// PHYs and the radios they use, in PNF_CONFIG.request.
    pub const PHY_RF_BINDING: u16 = 0x1003;
    /// The FAPI body inside a message of SCF 225.
    pub const FAPI_BODY: u16 = 0x0f00;
}

/// Writes `setting` over every TLV of `tag` that has its length; returns how many there were. The body must be
/// one that can be walked. Refuses a setting that the tag does not take.
pub fn set(
    body: &mut [u8],
    message: MessageId,
    encoding: Encoding,
    tag: u16,
    setting: Setting,
) -> Result<usize, WireError> {
    let (value, len) = bytes_of(tag, setting, encoding).ok_or(body_error(Fault::Range))?;
    let value = value.get(..len).unwrap_or_default();
    let mut written = 0;
    let mut from = 0;
    while let Some(range) = find(body, message, encoding, (tag, len), from)? {
        from = range.end;
        if let Some(field) = body.get_mut(range) {
            field.copy_from_slice(value);
            written += 1;
        }
    }
    Ok(written)
}

/// The next value of this tag and length that starts at or behind `from`.
fn find(
    body: &[u8],
    message: MessageId,
    encoding: Encoding,
    (tag, len): (u16, usize),
    from: usize,
) -> Result<Option<Range<usize>>, WireError> {
    let (view, _) = P5Body::parse(body, message, encoding)?;
    let mut found = None;
    for tlv in view.tlvs() {
        let tlv = tlv?;
        let wanted = tlv.tag == tag && tlv.range.len() == len && tlv.range.start >= from;
        if wanted && found.is_none() {
            found = Some(tlv.range);
        }
    }
    Ok(found)
}

/// The bytes of a setting in a TLV of `tag`, and how many they are.
fn bytes_of(tag: u16, setting: Setting, encoding: Encoding) -> Option<([u8; 16], usize)> {
    let order = encoding.order;
    let padded = |bytes: &[u8]| {
        let mut value = [0; 16];
        value.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some((value, bytes.len()))
    };
    match (tag, setting) {
        (tag::VNF_IPV4 | tag::PNF_IPV4, Setting::Address(IpAddr::V4(address))) => {
            padded(&address.octets())
        }
        (tag::VNF_IPV6 | tag::PNF_IPV6, Setting::Address(IpAddr::V6(address))) => {
            padded(&address.octets())
        }
        (tag::PNF_PORT, Setting::Port(port)) if encoding.swapped_pnf_port => {
            padded(&order.bytes16(port.swap_bytes()))
        }
        (tag::VNF_PORT | tag::PNF_PORT, Setting::Port(port)) => padded(&order.bytes16(port)),
        (tag::DL_TTI_OFFSET..=tag::TX_DATA_OFFSET, Setting::Number(number)) => {
            padded(&order.bytes32(number))
        }
        (tag::TIMING_WINDOW..=tag::TIMING_INFO_PERIOD, Setting::Number(number)) => {
            padded(&[u8::try_from(number).ok()?])
        }
        _ => None,
    }
}

/// The TLVs of a body; ends after the first error.
#[derive(Clone, Debug)]
pub struct Tlvs<'a> {
    rest: &'a [u8],
    at: usize,
    encoding: Encoding,
    /// PARAM.response: entries may follow TLV 0x0005.
    reports: bool,
}

impl<'a> Tlvs<'a> {
    fn parse(&mut self) -> Result<Tlv<'a>, WireError> {
        let order = self.encoding.order;
        let mut fields = Fields::new(self.rest, order);
        let (tag, length) = (fields.u16()?, usize::from(fields.u16()?));
        let padded = fields.take(length.next_multiple_of(4))?;
        let value = padded.get(..length).unwrap_or_default();
        let start = self.at + TLV_HEADER_LEN;
        if let (true, tag::CONFIG_TLVS_TO_REPORT, [a, b]) = (self.reports, tag, value) {
            fields.take(REPORT_LEN * usize::from(order.u16([*a, *b])))?;
        }
        self.at += self.rest.len() - fields.rest().len();
        self.rest = fields.rest();
        Ok(Tlv {
            tag,
            value,
            range: start..start + length,
        })
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let tlv = self.parse();
        if tlv.is_err() {
            self.rest = &[];
        }
        Some(tlv)
    }
}

/// Name of a TLV in `message`. Those of FAPI are from memory and agree with the lengths that OAI writes [?].
pub fn tlv_name(message: MessageId, tag: u16) -> Option<&'static str> {
    let table = match message {
        MessageId::PNF_PARAM_RESPONSE | MessageId::PNF_CONFIG_REQUEST => &PNF_NAMES[..],
        MessageId::CONFIG_REQUEST | MessageId::CONFIG_RESPONSE => &CONFIG_NAMES,
        _ => &[],
    };
    let mut rows = table.iter().chain(&NFAPI_NAMES);
    rows.find(|row| row.0 == tag).map(|row| row.1)
}

const PNF_NAMES: [(u16, &str); 3] = [
    (0x1000, "PNF general"),
    (0x1001, "PNF PHY"),
    (tag::PHY_RF_BINDING, "PNF PHY RF binding"),
];
const CONFIG_NAMES: [(u16, &str); 44] = [
    (0x1001, "dlBandwidth"),
    (0x1002, "dlFrequency"),
    (0x1003, "dlK0"),
    (0x1004, "dlGridSize"),
    (0x1005, "numTxAnt"),
    (0x1006, "uplinkBandwidth"),
    (0x1007, "uplinkFrequency"),
    (0x1008, "ulK0"),
    (0x1009, "ulGridSize"),
    (0x100a, "numRxAnt"),
    (0x100b, "frequencyShift7p5KHz"),
    (0x100c, "phyCellId"),
    (0x100d, "frameDuplexType"),
    (0x100e, "ssPbchPower"),
    (0x100f, "bchPayload"),
    (0x1010, "scsCommon"),
    (0x1011, "prachSequenceLength"),
    (0x1012, "prachSubCSpacing"),
    (0x1013, "restrictedSetConfig"),
    (0x1014, "numPrachFdOccasions"),
    (0x1015, "prachRootSequenceIndex"),
    (0x1016, "numRootSequences"),
    (0x1017, "k1"),
    (0x1018, "prachZeroCorrConf"),
    (0x1019, "numUnusedRootSequences"),
    (0x101a, "unusedRootSequences"),
    (0x101b, "ssbPerRach"),
    (0x101c, "prachMultipleCarriersInABand"),
    (0x101d, "ssbOffsetPointA"),
    (0x101e, "betaPss"),
    (0x101f, "ssbPeriod"),
    (0x1020, "ssbSubcarrierOffset"),
    (0x1021, "mib"),
    (0x1022, "ssbMask"),
    (0x1023, "beamId"),
    (0x1024, "ssPbchMultipleCarriersInABand"),
    (0x1025, "multipleCellsSsPbchInACarrier"),
    (0x1026, "tddPeriod"),
    (0x1027, "slotConfig"),
    (0x1028, "rssiMeasurement"),
    (0x1029, "prachConfigIndex"),
    (0x1035, "tddTable"),
    (0x1043, "beamTable"),
    (0x104b, "precodingTable"),
];
const NFAPI_NAMES: [(u16, &str); 20] = [
    (tag::VNF_IPV4, "P7 VNF IPv4 address"),
    (tag::VNF_IPV6, "P7 VNF IPv6 address"),
    (tag::VNF_PORT, "P7 VNF port"),
    (tag::PNF_IPV4, "P7 PNF IPv4 address"),
    (tag::PNF_IPV6, "P7 PNF IPv6 address"),
    (tag::PNF_PORT, "P7 PNF port"),
    (tag::DL_TTI_OFFSET, "DL_TTI timing offset"),
    (tag::UL_TTI_OFFSET, "UL_TTI timing offset"),
    (tag::UL_DCI_OFFSET, "UL_DCI timing offset"),
    (tag::TX_DATA_OFFSET, "TX_DATA timing offset"),
    (tag::TIMING_WINDOW, "timing window"),
    (tag::TIMING_INFO_MODE, "timing info mode"),
    (tag::TIMING_INFO_PERIOD, "timing info period"),
    (0x0121, "IP fragmentation allowed"),
    (0x0122, "P7 transport"),
    (0x0123, "P7 PNF Ethernet address"),
    (0x0124, "P7 VNF Ethernet address"),
    (0x0125, "eCPRI message type"),
    (0x0126, "eCPRI transfer id"),
    (tag::FAPI_BODY, "FAPI body"),
];
const TLV_HEADER_LEN: usize = 4;
/// tag:16 length:8 value:8 and three zeros.
const REPORT_LEN: usize = 7;

#[cfg(test)]
mod tests;

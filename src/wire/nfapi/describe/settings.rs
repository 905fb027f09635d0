//! The telling of a P5 body: its result and its TLVs.
//!
//! Values of one, two and four bytes are told as numbers, whatever they stand for; what is longer, as bytes.

use super::{Telling, Told, Value, number};
use crate::wire::nfapi::p5::{self, P5Body, Setting};

impl Telling<'_> {
    pub(super) fn settings(&mut self, body: &[u8]) -> Told {
        let (view, _) = P5Body::parse(body, self.message, self.encoding)?;
        if let Some(error) = view.error() {
            self.field("code", number(error.0))?;
            self.field("error", Value::Word(error.name()))?;
        }
        if let Some(version) = view.version() {
            self.field("version", number(version))?;
        }
        if let Some(count) = view.number_of_tlvs() {
            self.field("tlvs", number(count))?;
        }
        for tlv in view.tlvs() {
            let tlv = tlv?;
            let name = p5::tlv_name(self.message, tlv.tag);
            self.teller.open(name.unwrap_or("TLV"))?;
            self.field("tag", Value::Hex(tlv.tag.into()))?;
            let order = self.encoding.order;
            let value = match (tlv.setting(self.encoding), tlv.value) {
                (Some(Setting::Address(address)), _) => Value::Address(address),
                (Some(Setting::Port(port)), _) => number(port),
                (Some(Setting::Number(value)), _) => number(value),
                (None, [a]) => number(*a),
                (None, [a, b]) => number(order.u16([*a, *b])),
                (None, [a, b, c, d]) => number(order.u32([*a, *b, *c, *d])),
                (None, bytes) => Value::Bytes(bytes),
            };
            self.field("value", value)?;
            self.teller.close()?;
        }
        Ok(())
    }
}

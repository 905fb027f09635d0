//! TLV 0x1003 of PNF_CONFIG.request: which PHY ids the VNF gives to which PHYs and radios.
//!
//! ```text
//! count:16 { PHY_ID:16 PHY config index:16 RF config index:16 }
//! ```

use super::{P5Body, tag};
use crate::wire::WireError;
use crate::wire::nfapi::{Encoding, MessageId, PhyId};

/// One PHY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The id that its messages will carry.
    pub phy: PhyId,
    /// Index of the PHY in PNF_PARAM.response.
    pub phy_config_index: u16,
    /// Index of the radio in PNF_PARAM.response.
    pub rf_config_index: u16,
    /// Where PHY_ID lies in the body.
    at: usize,
}

/// The PHYs that a body of PNF_CONFIG.request binds, as many as are there of those it announces.
pub fn bindings(
    body: &[u8],
    encoding: Encoding,
) -> Result<impl Iterator<Item = Binding>, WireError> {
    let order = encoding.order;
    let (view, _) = P5Body::parse(body, MessageId::PNF_CONFIG_REQUEST, encoding)?;
    let found = view.tlvs().flatten();
    let bound = found.filter(|tlv| tlv.tag == tag::PHY_RF_BINDING);
    Ok(bound.flat_map(move |tlv| {
        let (count, rest) = tlv.value.split_first_chunk().unwrap_or((&[0; 2], &[]));
        let (entries, _) = rest.as_chunks::<ENTRY_LEN>();
        let first = tlv.range.start + 2;
        let entries = entries.iter().take(usize::from(order.u16(*count)));
        entries
            .enumerate()
            .map(move |(index, [a, b, c, d, e, f])| Binding {
                phy: PhyId(order.u16([*a, *b])),
                phy_config_index: order.u16([*c, *d]),
                rf_config_index: order.u16([*e, *f]),
                at: first + index * ENTRY_LEN,
            })
    }))
}

/// Gives every PHY of a body of PNF_CONFIG.request the id that `rename` has for it; returns how many there were.
pub fn set_phys(
    body: &mut [u8],
    encoding: Encoding,
    mut rename: impl FnMut(PhyId) -> PhyId,
) -> Result<usize, WireError> {
    let mut index = 0;
    loop {
        let next = bindings(body, encoding)?.nth(index);
        let Some(binding) = next else {
            return Ok(index);
        };
        let field = body.get_mut(binding.at..).and_then(<[u8]>::first_chunk_mut);
        if let Some(field) = field {
            *field = encoding.order.bytes16(rename(binding.phy).0);
        }
        index += 1;
    }
}

const ENTRY_LEN: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: [u8; 21] = [
        1, 0x10, 3, 0, 14, 0, 2, 0, 1, 0, 5, 0, 6, 0, 2, 0, 7, 0, 8, 0, 0,
    ];

    #[test]
    fn every_binding_is_read() {
        let found: Vec<_> = bindings(&BODY, Encoding::OAI).unwrap().collect();
        let fields = found
            .iter()
            .map(|b| [b.phy.0, b.phy_config_index, b.rf_config_index]);
        assert!(fields.eq([[1, 5, 6], [2, 7, 8]]));
    }

    #[test]
    fn phys_are_renamed_and_nothing_else_changes() {
        let mut body = BODY;
        let renamed = set_phys(&mut body, Encoding::OAI, |phy| PhyId(phy.0 + 0x100));
        assert_eq!(renamed, Ok(2));
        let changed = (0..BODY.len()).filter(|at| body[*at] != BODY[*at]);
        assert!(changed.eq([7, 13]));
    }

    #[test]
    fn a_count_beyond_its_entries_binds_those_that_are_there() {
        let mut body = BODY;
        body[6] = 200;
        assert_eq!(bindings(&body, Encoding::OAI).unwrap().count(), 2);
        for len in 1..BODY.len() {
            let _ = bindings(&body[..len], Encoding::OAI).map(Iterator::count);
        }
    }
}

//! Changing P7 headers in place.
//!
//! The checksum of OAI follows by difference: the body need not be there, and a checksum that was wrong
//! stays wrong. Only `set_checksum` computes it anew.

use super::{OAI_LEN, covered, narrow};
use crate::wire::WireError;
use crate::wire::nfapi::checksum;
use crate::wire::nfapi::{Dialect, PhyId};

/// Writes sequence number and PHY_ID of a parsed datagram, of which the header is enough; OAI's checksum follows
/// by difference (see `checksum::adjusted`). Plain FAPI has no number, and later pieces of SCF 225 no PHY_ID.
/// Refuses an id that the field cannot hold, and then writes nothing.
#[inline]
pub fn set_number_and_phy(
    datagram: &mut [u8],
    dialect: Dialect,
    sequence: u16,
    phy: PhyId,
) -> Result<(), WireError> {
    match dialect {
        Dialect::OaiNfapi => edit_oai(datagram, sequence as u8, phy),
        Dialect::Scf225v2 => {
            let phy = narrow(phy)?;
            if let Some(field) = datagram.first_chunk_mut() {
                *field = sequence.to_be_bytes();
            }
            if let Some([_, _, _, _, _, _, 0, 0, 0, 0, _, _, _, _, _, field]) =
                datagram.first_chunk_mut::<16>()
            {
                *field = phy;
            }
        }
        Dialect::FapiBig | Dialect::FapiLittle => {
            let phy = narrow(phy)?;
            if let Some([_, field]) = datagram.first_chunk_mut() {
                *field = phy;
            }
        }
    }
    Ok(())
}

/// Writes the checksum of an OAI datagram anew, from all its bytes: after a change to its body.
pub fn set_checksum(datagram: &mut [u8]) {
    let Some((header, body)) = datagram.split_first_chunk_mut::<OAI_LEN>() else {
        return;
    };
    let checksum = checksum::of(&covered(header), &[body]);
    write_checksum(header, checksum);
}

#[inline]
fn edit_oai(datagram: &mut [u8], sequence: u8, phy: PhyId) {
    let Some(header) = datagram.first_chunk_mut::<OAI_LEN>() else {
        return;
    };
    let old = covered(header);
    let [.., l0, l1, l2, l3, _, _] = old;
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let Some(body_len) = length.checked_sub(OAI_LEN) else {
        return;
    };
    let mut new = old;
    let [high, low, .., number] = &mut new;
    [*high, *low] = phy.0.to_be_bytes();
    *number = sequence;
    if new == old {
        return;
    }
    let [.., c0, c1, c2, c3, _, _, _, _] = *header;
    if let Some(head) = header.first_chunk_mut() {
        *head = new;
    }
    let checksum = u32::from_be_bytes([c0, c1, c2, c3]);
    write_checksum(header, checksum::adjusted(checksum, &old, &new, body_len));
}

#[inline]
fn write_checksum(header: &mut [u8; OAI_LEN], checksum: u32) {
    let [.., c0, c1, c2, c3, _, _, _, _] = header;
    [*c0, *c1, *c2, *c3] = checksum.to_be_bytes();
}

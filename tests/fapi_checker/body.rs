//! What the judge reads of bodies (SCF 222.10.02): NULL requests, the PUSCHs of an UL_TTI.request, the
//! entries of a CRC.indication.

use super::message::{DL_TTI, TX_DATA, UL_DCI, UL_TTI};
use super::settings::Dialect;

/// A transport block, as CRC.indication names it: handle, RNTI, HARQ process.
pub type Block = (u32, u16, u8);

/// The body of a NULL request: SFN and slot as given, every counter 0.
pub fn null(id: u16, point: [u8; 4]) -> Option<Vec<u8>> {
    let counters = match id {
        DL_TTI | TX_DATA => 2,
        UL_TTI => 5,
        UL_DCI => 1,
        _ => return None,
    };
    Some([&point[..], &vec![0; counters]].concat())
}

/// The PUSCHs of an UL_TTI.request.
pub fn puschs(body: &[u8], dialect: Dialect) -> Vec<Block> {
    let read = Reader {
        body,
        little: dialect == Dialect::FapiLittle,
    };
    let mut found = Vec::new();
    let mut at = 9;
    for _ in 0..body.get(4).copied().unwrap_or(0) {
        let (Some(kind), Some(size)) = (read.u16(at), read.u16(at + 2)) else {
            break;
        };
        // pduBitmap, RNTI, handle, 74 bytes; then, if bit 0 says so: rv, harq.
        let data = read.u16(at + 4).is_some_and(|bitmap| bitmap & 1 == 1);
        if kind == 1
            && data
            && let (Some(rnti), Some(handle), Some(harq)) =
                (read.u16(at + 6), read.u32(at + 8), body.get(at + 87))
        {
            found.push((handle, rnti, *harq));
        }
        at += usize::from(size.max(4));
    }
    found
}

/// The entries of a CRC.indication, each with whether it failed; `None` if it cannot be walked.
pub fn crcs(body: &[u8], dialect: Dialect) -> Option<Vec<(Block, bool)>> {
    let read = Reader {
        body,
        little: dialect == Dialect::FapiLittle,
    };
    let mut found = Vec::new();
    let mut at = 6;
    for _ in 0..read.u16(4)? {
        let block = (read.u32(at)?, read.u16(at + 4)?, *body.get(at + 6)?);
        let failed = *body.get(at + 7)? != 0;
        let bits = usize::from(read.u16(at + 8)?);
        // OAI writes n/8 + 1 bytes.
        let bitmap = match (bits, dialect) {
            (0, _) => 0,
            (_, Dialect::Oai | Dialect::FapiBig) => bits / 8 + 1,
            _ => bits.div_ceil(8),
        };
        found.push((block, failed));
        at += 10 + bitmap + 5;
    }
    (at == body.len()).then_some(found)
}

struct Reader<'a> {
    body: &'a [u8],
    little: bool,
}

impl Reader<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.body.get(at..at + 2)?.try_into().ok()?;
        Some(if self.little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.body.get(at..at + 4)?.try_into().ok()?;
        Some(if self.little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }
}

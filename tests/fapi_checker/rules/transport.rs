//! What every datagram toward a peer must be, whatever it carries: its header, its segments, its number.

use super::super::message::{self, Part};
use super::super::run::Run;
use super::super::settings::Dialect;
use super::super::verdict::{Rule, Verdict};

/// Judges every datagram, then the numbers of the messages. Of more than OAI's 128 segments two have one number,
/// which is found where messages are put together.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    for (index, datagrams) in run.datagrams.iter().enumerate() {
        let peer = run.peer(index);
        for datagram in datagrams {
            let place = || format!("{} frame {}, to {}", peer.port, datagram.frame, peer.name);
            let length = datagram.payload.len();
            verdict.examine(Rule::Segments, length <= peer.segment, || {
                format!(
                    "{}: {length} bytes where {} are the most",
                    place(),
                    peer.segment
                )
            });
            let piece = match message::piece(&datagram.payload, peer.dialect) {
                Ok(piece) => piece,
                Err(fault) => {
                    verdict.refuse(Rule::Header, || format!("{}: {fault}", place()));
                    continue;
                }
            };
            let first = !matches!(piece.part, Part::Range(offset, _) if offset > 0);
            let right = piece.checksum && (!first || piece.phy_id == peer.phy_id);
            verdict.examine(Rule::Header, right, || match piece.checksum {
                true => format!("{}: PHY_ID {}", place(), piece.phy_id),
                false => format!("{}: the checksum is wrong", place()),
            });
        }
    }
    for (index, messages) in run.sent.iter().enumerate() {
        let dialect = run.peer(index).dialect;
        let width = match dialect {
            Dialect::Oai => 0xff,
            Dialect::Scf => 0xffff,
            Dialect::FapiBig | Dialect::FapiLittle => continue,
        };
        for pair in messages.windows(2) {
            let expected = pair[0].sequence.wrapping_add(1) & width;
            verdict.examine(Rule::Sequence, pair[1].sequence == expected, || {
                let place = run.place(&pair[1]);
                format!(
                    "{place}: number {} where {expected} is due",
                    pair[1].sequence
                )
            });
        }
    }
}

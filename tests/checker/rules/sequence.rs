//! Sequence numbers (design section 2): toward the RU of a cell with two or more members the box numbers
//! on its own, seeded by the first frame, one more for each message with subSeq 0; everywhere else the
//! sender's numbers pass untouched, so output gaps are input gaps.

use super::super::run::Run;
use super::super::verdict::{Rule, Verdict};
use std::collections::HashMap;

/// (egress peer, eAxC, U-plane, downlink).
type Domain = (usize, u16, bool, bool);

/// Judges every C/U-plane message in egress order.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    let mut last: HashMap<Domain, u8> = HashMap::new();
    let mut given: HashMap<(Domain, usize, u16, u8), u8> = HashMap::new();
    for (index, sent) in run.sent.iter().enumerate() {
        for (message, source, of, fact) in run.origins(index) {
            let seen = &run.seen[source];
            let (Some(stream), Some(origin)) = (message.stream, seen.packet.messages[of].stream)
            else {
                continue;
            };
            let (Some(peer), Some(sender)) = (sent.peer, seen.peer) else {
                continue;
            };
            verdict.examine(Rule::Sequence);
            let domain = (peer, stream.eaxc, fact.user, fact.downlink);
            let of_message = (domain, sender, origin.eaxc, origin.sequence);
            let numbered_here =
                fact.member.is_some() && run.inputs.settings.cells[fact.cell].members.len() > 1;
            let expected = match (numbered_here, stream.subsequence()) {
                (false, _) => origin.sequence,
                (true, 0) => last
                    .get(&domain)
                    .map_or(origin.sequence, |last| last.wrapping_add(1)),
                (true, _) => given.get(&of_message).copied().unwrap_or(stream.sequence),
            };
            if stream.subsequence() == 0 {
                last.insert(domain, stream.sequence);
                if origin.fragment & 0x80 == 0 {
                    given.insert(of_message, stream.sequence);
                }
            }
            if stream.sequence != expected {
                verdict.refuse(
                    Rule::Sequence,
                    run.sent_place(index),
                    run.seen_place(source),
                    || {
                        format!(
                            "number {} on eAxC {:#06x} where {expected} is due",
                            stream.sequence, stream.eaxc
                        )
                    },
                );
            }
        }
    }
}

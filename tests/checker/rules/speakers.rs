//! One DU for each (egress eAxC, frame epoch, slot, symbol) of the downlink: the rule that a radio cannot
//! live without. Slots are unwrapped, so an entry of the frame 2.56 s ago decides nothing.

use super::super::control;
use super::super::run::{Fact, Run};
use super::super::timeline::Mode;
use super::super::verdict::{Rule, Verdict};
use std::collections::HashMap;

/// Who spoke in each symbol of one slot: DU and output frame.
type Slot = [Option<(usize, usize)>; 16];

/// Judges downlink C-plane and U-plane toward the RUs, in egress order.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    let mut spoke: HashMap<(usize, u16, i64, bool), Slot> = HashMap::new();
    for (index, sent) in run.sent.iter().enumerate() {
        for (message, source, _, fact) in run.origins(index) {
            let (Some(member), Some(stream), Some(peer)) = (fact.member, message.stream, sent.peer)
            else {
                continue;
            };
            if !fact.downlink {
                continue;
            }
            verdict.examine(Rule::Speakers);
            let body = &sent.frame.bytes[message.body.clone()];
            let symbols = match fact.user {
                true => 1 << fact.symbol,
                false => control::parse(body).map_or(1 << fact.symbol, |control| control.symbols()),
            };
            let slot = spoke
                .entry((peer, stream.eaxc, fact.slot, stands_apart(run, fact)))
                .or_default();
            let du = run.inputs.settings.cells[fact.cell].members[member].peer;
            let taken = (0..14).filter(|symbol| symbols >> symbol & 1 == 1);
            let mut other = None;
            for symbol in taken {
                let (holder, first) = *slot[symbol].get_or_insert((du, index));
                if holder != du {
                    other = other.or(Some((symbol, holder, first)));
                }
            }
            let Some((symbol, holder, first)) = other else {
                continue;
            };
            verdict.refuse(Rule::Speakers, run.sent_place(index), run.seen_place(source), || {
                let (peers, eaxc) = (&run.inputs.settings.peers, stream.eaxc);
                let first = run.sent[first].place.1 + 1;
                let (du, holder) = (&peers[du].name, &peers[holder].name);
                format!("{du} on eAxC {eaxc:#06x} slot {} symbol {symbol}, where {holder} spoke in frame {first}", fact.slot)
            });
        }
    }
}

/// Owner-wins: one member's C-plane stands for the other's U-plane on purpose.
fn stands_apart(run: &Run, fact: Fact) -> bool {
    let shared = matches!(
        run.timelines[fact.cell].segment(fact.slot).mode,
        Mode::Shared(..)
    );
    shared && !fact.user && run.inputs.settings.cells[fact.cell].sharing.owner_wins
}

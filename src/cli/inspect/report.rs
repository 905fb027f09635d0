//! The summary as data: what `--json` prints, field by field, and what the table is drawn from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::analysis::{Analysis, Channel, Pair, PairUse, Refusal};
use super::compression::Guess;
use super::flow::{Domain, Flow, FlowKey, Way};
use super::known::Known;
use super::nfapi::{self, MessageReport};
use super::numbers::Numbers;
use crate::ran::{MacAddr, Plane};

/// One capture.
#[derive(Serialize)]
pub(super) struct Report {
    /// File name as given.
    pub(super) capture: String,
    /// Why reading stopped before the end of the file; null if it did not.
    pub(super) incomplete: Option<String>,
    /// Frames of any kind.
    pub(super) frames: u64,
    /// Their bytes on the wire, without FCS.
    pub(super) wire_bytes: u64,
    /// Frames shortened by a snap length.
    pub(super) truncated_frames: u64,
    /// Earliest time, nanoseconds since the Unix epoch.
    pub(super) first_timestamp_utc_ns: u64,
    /// Earliest to latest time.
    pub(super) duration_s: f64,
    /// Frames stamped before the frame in front of them.
    pub(super) timestamps_non_monotonic: u64,
    /// Frames by EtherType behind the VLAN tags.
    pub(super) ethertypes: BTreeMap<String, u64>,
    /// eCPRI messages that are neither C-plane nor U-plane, by message type.
    pub(super) other_messages: BTreeMap<String, u64>,
    /// Later radio-transport fragments, which carry no radio header.
    pub(super) continuation_fragments: u64,
    /// Messages that could not be read, by reason. Reasons are the drop reasons of the appliance, and
    /// `cut_in_headers` where the snap length may be to blame.
    pub(super) malformed: BTreeMap<&'static str, u64>,
    /// The first hundred of them.
    pub(super) malformed_frames: Vec<MalformedFrame>,
    /// Each DU with each RU: what was inferred.
    pub(super) pairs: Vec<PairReport>,
    /// Each flow of C-plane or U-plane messages.
    pub(super) flows: Vec<FlowReport>,
    /// Each kind of nFAPI message from one end to another; absent without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) nfapi: Vec<MessageReport>,
}

/// One message that could not be read.
#[derive(Serialize)]
pub(super) struct MalformedFrame {
    /// Frame number, from 1.
    pub(super) frame: u64,
    /// As in `malformed`.
    pub(super) reason: &'static str,
    /// Layer and rule.
    pub(super) fault: String,
}

/// What was inferred of a DU and its RU.
#[derive(Serialize)]
pub(super) struct PairReport {
    /// MAC address of the DU.
    pub(super) du: String,
    /// MAC address of the RU.
    pub(super) ru: String,
    /// Name of the DU in the configuration given by -c.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) du_name: Option<String>,
    /// Name of the RU there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ru_name: Option<String>,
    /// mu: from the largest slotId.
    pub(super) numerology: u8,
    /// 15 kHz times 2^mu.
    pub(super) subcarrier_spacing_khz: u32,
    /// The evidence for mu.
    pub(super) largest_slot_id: u8,
    /// One letter a slot: D downlink, U uplink, S special (part of the slot, or both in turn), F both at
    /// once, - silent. Starts at slot 0 of an even frameId.
    pub(super) tdd_pattern: String,
    /// Slots until it repeats.
    pub(super) tdd_period_slots: usize,
    /// Downlink symbols of the special slot; null without one.
    pub(super) special_downlink_symbols: Option<u32>,
    /// The evidence for the pattern: one entry a slot of it.
    pub(super) slots: Vec<SlotReport>,
    /// One entry a channel that carried samples.
    pub(super) compression: Vec<CompressionReport>,
}

/// What one slot position carried over the whole capture.
#[derive(Serialize)]
pub(super) struct SlotReport {
    /// Downlink messages, C-plane and U-plane.
    pub(super) downlink_frames: u64,
    /// Uplink messages and requests for them.
    pub(super) uplink_frames: u64,
}

/// A guess at the compression of one channel, by lengths.
#[derive(Serialize)]
pub(super) struct CompressionReport {
    /// downlink, uplink or prach.
    pub(super) channel: &'static str,
    /// none, bfp, block_scaling, mu_law or modulation. Without a header in the sections, lengths tell
    /// neither bfp, block_scaling and mu_law apart nor none and modulation: the commoner is named.
    pub(super) method: &'static str,
    /// Bits a sample.
    pub(super) width: u8,
    /// dynamic: udCompHdr in every section; static: in none.
    pub(super) header: &'static str,
    /// Largest PRB reached, plus one.
    pub(super) prbs: u16,
    /// Messages whose length is exactly that of the sections they announce.
    pub(super) fitting: u64,
    /// Messages laid against the hypothesis.
    pub(super) judged: u64,
    /// Messages that the next best hypothesis fits.
    pub(super) runner_up: u64,
    /// All fit, and no other hypothesis fits all.
    pub(super) certain: bool,
}

/// One flow: sender, receiver, VLANs, plane, direction, section type, filterIndex and eAxC.
#[derive(Serialize)]
pub(super) struct FlowReport {
    /// The way of travel: `DU->RU` or `RU->DU`, from plane and data direction.
    pub(super) way: &'static str,
    /// Source MAC address.
    pub(super) source: String,
    /// Destination MAC address.
    pub(super) destination: String,
    /// VLAN ids, outermost first; empty if untagged.
    pub(super) vlan: Vec<u16>,
    /// `C-plane DL`, `C-plane UL`, `U-plane DL`, `U-plane UL` or `U-plane PRACH` (uplink samples of any
    /// filterIndex but 0).
    pub(super) plane: &'static str,
    /// dataDirection: `DL` or `UL`.
    pub(super) data_direction: &'static str,
    /// `ST1` and so on; `-` in the U-plane.
    pub(super) section_type: String,
    /// filterIndex.
    pub(super) filter_index: u8,
    /// The whole 16 bits.
    pub(super) eaxc: u16,
    /// DU_Port_ID, BandSector_ID, CC_ID, RU_Port_ID under --eaxc-bits.
    pub(super) eaxc_fields: [u16; 4],
    /// Messages; as many frames, unless frames carry several messages.
    pub(super) frames: u64,
    /// Bytes of those frames on the wire; of the messages alone, where a frame carries several.
    pub(super) bytes: u64,
    /// Slots that the headers name.
    pub(super) slots: u64,
    /// First sequence number.
    pub(super) seq_first: u8,
    /// Last sequence number.
    pub(super) seq_last: u8,
    /// Steps other than +1 (modulo 256).
    pub(super) seq_discontinuities: u64,
    /// Numbers that forward steps passed over, whether or not they came later.
    pub(super) seq_missing: u64,
    /// Steps backwards.
    pub(super) seq_backwards: u64,
    /// Numbers that never came, judged over a window of 128. This and the next three count the whole
    /// domain: what one source numbers towards one destination for a plane, direction and eAxC. Flows
    /// that differ only in section type, filterIndex or VLAN share one.
    pub(super) lost: u64,
    /// Messages that came after a later number.
    pub(super) out_of_order: u64,
    /// Messages whose number had come before, within the window.
    pub(super) duplicate: u64,
    /// Frame of the first number other than the one after the newest; null without one.
    pub(super) first_anomaly_frame: Option<u64>,
    /// Messages a second over the whole capture.
    pub(super) frames_per_s: f64,
    /// Bytes on the wire as Mbit/s over the whole capture.
    pub(super) mbit_per_s: f64,
}

impl Report {
    /// Draws the conclusions of a finished analysis.
    pub(super) fn of(
        analysis: &Analysis<'_>,
        capture: String,
        incomplete: Option<String>,
        known: &Known,
    ) -> Self {
        let seconds = analysis.span_ns() as f64 / 1e9;
        let text = |(code, count): (&u8, &u64)| (code.to_string(), *count);
        Self {
            capture,
            incomplete,
            frames: analysis.frames,
            wire_bytes: analysis.bytes,
            truncated_frames: analysis.cut,
            first_timestamp_utc_ns: analysis.first.map_or(0, |first| first.0),
            duration_s: seconds,
            timestamps_non_monotonic: analysis.backwards,
            ethertypes: analysis
                .ethertypes
                .iter()
                .map(|(ethertype, count)| (format!("{ethertype:#06x}"), *count))
                .collect(),
            other_messages: analysis.other_messages.iter().map(text).collect(),
            continuation_fragments: analysis.continuations,
            malformed: analysis.malformed.reasons.clone(),
            malformed_frames: analysis.malformed.first.iter().map(malformed).collect(),
            pairs: analysis
                .pairs
                .iter()
                .map(|(pair, seen)| self::pair(pair, seen, known))
                .collect(),
            flows: analysis
                .flows
                .iter()
                .map(|(key, flow)| {
                    let numbers = analysis.domains.get(&Domain::of(key));
                    FlowReport::of(key, flow, numbers, known, seconds)
                })
                .collect(),
            nfapi: nfapi::report(&analysis.nfapi, known.nfapi),
        }
    }
}

fn malformed(refusal: &Refusal) -> MalformedFrame {
    let fault = format!("{:?}: {:?}", refusal.error.layer, refusal.error.fault);
    MalformedFrame {
        frame: refusal.frame,
        reason: refusal.reason(),
        fault: fault.to_lowercase(),
    }
}

fn pair(pair: &Pair, seen: &PairUse, known: &Known) -> PairReport {
    let pattern = seen.slots.infer();
    let slots = pattern.positions.iter().map(|position| SlotReport {
        downlink_frames: position.downlink_frames,
        uplink_frames: position.uplink_frames,
    });
    let name = |address: MacAddr| known.name(address).map(str::to_owned);
    let guesses = seen.samples.iter().filter_map(|(channel, evidence)| {
        let guess = evidence.guess()?;
        Some(compression(*channel, &guess))
    });
    PairReport {
        du: pair.du.to_string(),
        ru: pair.ru.to_string(),
        du_name: name(pair.du),
        ru_name: name(pair.ru),
        numerology: pattern.mu,
        subcarrier_spacing_khz: 15 << pattern.mu,
        largest_slot_id: pattern.largest_slot_id,
        tdd_period_slots: pattern.letters.len(),
        tdd_pattern: pattern.letters,
        special_downlink_symbols: pattern.special_downlink,
        slots: slots.collect(),
        compression: guesses.collect(),
    }
}

fn compression(channel: Channel, guess: &Guess) -> CompressionReport {
    CompressionReport {
        channel: match channel {
            Channel::Downlink => "downlink",
            Channel::Uplink => "uplink",
            Channel::Prach => "prach",
        },
        method: match guess.hypothesis.method {
            0 => "none",
            1 => "bfp",
            2 => "block_scaling",
            3 => "mu_law",
            _ => "modulation",
        },
        width: guess.hypothesis.width,
        header: match guess.hypothesis.dynamic {
            true => "dynamic",
            false => "static",
        },
        prbs: guess.prbs,
        fitting: guess.fitting,
        judged: guess.judged,
        runner_up: guess.runner_up,
        certain: guess.is_certain(),
    }
}

impl FlowReport {
    fn of(
        key: &FlowKey,
        flow: &Flow,
        numbers: Option<&Numbers>,
        known: &Known,
        seconds: f64,
    ) -> Self {
        let rate = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        let steps = &flow.steps;
        Self {
            way: match key.way {
                Way::TowardRu => "DU->RU",
                Way::TowardDu => "RU->DU",
            },
            source: key.source.to_string(),
            destination: key.destination.to_string(),
            vlan: key.vlans.ids().collect(),
            plane: plane(key),
            data_direction: if key.uplink { "UL" } else { "DL" },
            section_type: match key.section_type {
                Some(section_type) => format!("ST{section_type}"),
                None => "-".to_owned(),
            },
            filter_index: key.filter_index,
            eaxc: key.eaxc.0,
            eaxc_fields: known.layout(key.ru()).fields(key.eaxc),
            frames: flow.frames,
            bytes: flow.bytes,
            slots: flow.slots,
            seq_first: steps.first.0,
            seq_last: steps.last.0,
            seq_discontinuities: steps.discontinuities,
            seq_missing: steps.skipped,
            seq_backwards: steps.backwards,
            lost: numbers.map_or(0, Numbers::lost),
            out_of_order: numbers.map_or(0, |n| n.late),
            duplicate: numbers.map_or(0, |n| n.duplicate),
            first_anomaly_frame: numbers.and_then(|n| n.first_anomaly),
            frames_per_s: rate(flow.frames as f64),
            mbit_per_s: rate(flow.bytes as f64 * 8e-6),
        }
    }
}

fn plane(key: &FlowKey) -> &'static str {
    match (key.plane, key.uplink) {
        (Plane::Control, false) => "C-plane DL",
        (Plane::Control, true) => "C-plane UL",
        (Plane::User, false) => "U-plane DL",
        (Plane::User, true) if key.is_prach() => "U-plane PRACH",
        (Plane::User, true) => "U-plane UL",
    }
}

//! The carrier of a cell: numerology, width, eAxC layout and ids, compression.

use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{Compression, MAX_STREAMS, Streams};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use crate::ran::{CyclicPrefix, EaxcId, EaxcLayout, Numerology};
use std::collections::HashSet;

/// Numerology, prefix, width and eAxC layout.
#[derive(Clone, Copy)]
pub(super) struct Carrier {
    pub(super) numerology: Numerology,
    pub(super) prefix: CyclicPrefix,
    pub(super) prbs: u16,
    pub(super) layout: EaxcLayout,
}

pub(super) fn carrier(section: &Section<'_>, diagnosis: &mut Diagnosis) -> Option<Carrier> {
    let numerology = section.read("numerology", diagnosis, Field::integer);
    let numerology = numerology.and_then(Numerology::new);
    let prefix = section.read("cyclic_prefix", diagnosis, |field, diagnosis| {
        if field.word(diagnosis)? == "normal" {
            return Some(CyclicPrefix::Normal);
        }
        if let Some(mu) = numerology.map(Numerology::mu).filter(|mu| *mu != 2) {
            let what = format!("exists with numerology 2 only, and this cell has {mu}");
            diagnosis.refuse(field.problem(what).accepted("normal"));
        }
        Some(CyclicPrefix::Extended)
    });
    let prbs = section.read("carrier_prbs", diagnosis, Field::integer);
    let layout = section.read("eaxc_bits", diagnosis, layout);
    Some(Carrier {
        numerology: numerology?,
        prefix: prefix?,
        prbs: prbs?,
        layout: layout?,
    })
}

/// The numerology alone, of a cell whose fronthaul goes elsewhere.
pub(super) fn numerology_only(section: &Section<'_>, diagnosis: &mut Diagnosis) -> Option<Carrier> {
    let numerology = section.read("numerology", diagnosis, Field::integer);
    Some(Carrier {
        numerology: numerology.and_then(Numerology::new)?,
        prefix: CyclicPrefix::Normal,
        prbs: 1,
        layout: EaxcLayout::new([4, 4, 4, 4])?,
    })
}

/// Of a cell whose fronthaul goes elsewhere.
pub(super) const NO_COMPRESSION: Compression = Compression {
    header: false,
    method: 0,
    width: 16,
};

fn layout(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<EaxcLayout> {
    let widths = field.list(diagnosis, |item, d| item.within::<u8>(0, 16, d))?;
    let layout = <[u8; 4]>::try_from(widths.as_slice())
        .ok()
        .and_then(EaxcLayout::new);
    if layout.is_none() {
        let sum: u32 = widths.iter().map(|width| u32::from(*width)).sum();
        let found = format!("{} widths with the sum {sum}", widths.len());
        diagnosis.refuse(field.problem("does not split 16 bits in four").found(found));
    }
    layout
}

/// The eAxC ids of the cell or of one member, without repetition in either direction.
pub(super) fn streams(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Streams> {
    let section = Section::open(field, STREAMS.keys, diagnosis)?;
    let mut downlink_ids = HashSet::new();
    let mut uplink_ids = HashSet::new();
    let downlink = section.read("downlink", diagnosis, |f, d| ids(f, &mut downlink_ids, d));
    let uplink = section.read("uplink", diagnosis, |f, d| ids(f, &mut uplink_ids, d));
    let prach = section.read("prach", diagnosis, |f, d| ids(f, &mut uplink_ids, d));
    let streams = Streams {
        downlink: downlink?,
        uplink: uplink?,
        prach: prach?,
    };
    if streams.downlink.is_empty() {
        section.refuse("downlink", diagnosis, |field| {
            field.problem("is empty").accepted("at least one eAxC id")
        });
    }
    let count = streams.downlink.len() + streams.uplink.len() + streams.prach.len();
    if count > MAX_STREAMS {
        let what = "has too many streams";
        let found = format!("{count} in all three lists");
        let accepted = format!("at most {MAX_STREAMS} streams in a cell");
        diagnosis.refuse(field.problem(what).found(found).accepted(accepted));
    }
    Some(streams)
}

fn ids(
    field: &Field<'_>,
    seen: &mut HashSet<u16>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<EaxcId>> {
    field.list(diagnosis, |item, diagnosis| {
        let id = item.within(0, 0xffff, diagnosis)?;
        if !seen.insert(id) {
            let what = "is used twice in one direction (uplink and PRACH are one direction)";
            diagnosis.refuse(item.problem(what).accepted("each eAxC id once"));
        }
        Some(EaxcId(id))
    })
}

pub(super) fn compressions(
    field: &Field<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<(Compression, Compression)> {
    let section = Section::open(field, BOTH_COMPRESSIONS.keys, diagnosis)?;
    let downlink = section.read("downlink", diagnosis, compression);
    let uplink = section.read("uplink", diagnosis, compression);
    Some((downlink?, uplink?))
}

fn compression(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Compression> {
    let section = Section::open(field, COMPRESSION.keys, diagnosis)?;
    let method = section.read("method", diagnosis, Field::word);
    let width = section.read("width", diagnosis, Field::integer);
    let header = section.read("header", diagnosis, Field::word);
    let method = METHODS.iter().position(|name| Some(*name) == method);
    Some(Compression {
        header: header? == "dynamic",
        method: u8::try_from(method?).ok()?,
        width: width?,
    })
}

/// By udCompMeth (CUS table of user data compression methods).
const METHODS: &[&str] = &[
    "none",
    "bfp",
    "block_scaling",
    "mu_law",
    "modulation",
    "bfp_selective",
    "modulation_selective",
    "bfp_selective_masked",
    "modulation_selective_masked",
];

const IDS: Accepts = Accepts::Form("list of eAxC ids 0..=65535");
const MAPPING: Accepts = Accepts::Form("a mapping");

pub(in crate::config) const STREAMS: Table = Table {
    path: "cells.NAME.eaxc, cells.NAME.members.NAME.eaxc",
    about: "eAxC ids, at most 64 in a cell. A member's lists correspond to the cell's by position and \
            are as long.",
    keys: &[
        Key::required("downlink", IDS, "", "Downlink; at least one."),
        Key::default("uplink", IDS, "", "[]", "Uplink (PUSCH, PUCCH, SRS)."),
        Key::default(
            "prach",
            IDS,
            "",
            "[]",
            "PRACH, an uplink stream of its own.",
        ),
    ],
};

pub(in crate::config) const BOTH_COMPRESSIONS: Table = Table {
    path: "cells.NAME.compression",
    about: "Needed where user data is looked at (`prb_use: exponents`) and by `inspect`.",
    keys: &[
        Key::required("downlink", MAPPING, "", "Downlink U-plane."),
        Key::required("uplink", MAPPING, "", "Uplink U-plane."),
    ],
};

pub(in crate::config) const COMPRESSION: Table = Table {
    path: "cells.NAME.compression.downlink, cells.NAME.compression.uplink",
    about: "One direction.",
    keys: &[
        Key::required(
            "method",
            Accepts::Words(METHODS),
            "",
            "udCompMeth 0 to 8, in this order.",
        ),
        Key::required(
            "width",
            Accepts::Integer { min: 1, max: 16 },
            "bits",
            "udIqWidth.",
        ),
        Key::required(
            "header",
            Accepts::Words(&["dynamic", "static"]),
            "",
            "udCompHdr present in every section (dynamic) or absent (static).",
        ),
    ],
};

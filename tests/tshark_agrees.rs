//! Our reading of every frame of every capture in pcap-fixtures, and of the checked vectors, against
//! tshark's: one line of fields a frame from each, and the lines must be equal.
//!
//! Frames that a snap length cut are restored to their length with zeros, for both sides. tshark 4.0
//! cannot know widths or compression, so each run is told; it dissects only the first of concatenated
//! messages, so we print the first; it names a service tag by other fields than a customer tag; and it prints
//! freqOffset without its sign.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a panic is how a test fails

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ranshift::ran::{Direction, EaxcLayout, Instant};
use ranshift::replay::capture::{CaptureReader, CaptureWriter};
use ranshift::wire::ecpri::{Ecpri, MessageType, Size, Stream};
use ranshift::wire::ethernet::{self, Ethernet};
use ranshift::wire::ipv4::Ipv4;
use ranshift::wire::oran::cplane::{self, Cplane};
use ranshift::wire::oran::extension::Extension;
use ranshift::wire::oran::header::RadioHeader;
use ranshift::wire::oran::uplane::{self, Format};
use ranshift::wire::udp::Udp;
use serde_json::Value;

#[path = "../src/wire/vectors.rs"]
mod vectors;

/// The fields of a line, in order.
const FIELDS: [&str; 31] = [
    "frame.number",
    "ieee8021ad.id",
    "ieee8021ad.priority",
    "vlan.id",
    "vlan.priority",
    "ecpri.type",
    "ecpri.size",
    "oran_fh_cus.c_eaxc_id",
    "oran_fh_cus.sequence_id",
    "oran_fh_cus.e_bit",
    "oran_fh_cus.subsequence_id",
    "oran_fh_cus.data_direction",
    "oran_fh_cus.filterIndex",
    "oran_fh_cus.frameId",
    "oran_fh_cus.subframe_id",
    "oran_fh_cus.slotId",
    "oran_fh_cus.startSymbolId",
    "oran_fh_cus.sectionType",
    "oran_fh_cus.numberOfSections",
    "oran_fh_cus.sectionId",
    "oran_fh_cus.startPrbc",
    "oran_fh_cus.numPrbc",
    "oran_fh_cus.reMask",
    "oran_fh_cus.numSymbol",
    "oran_fh_cus.beamId",
    "oran_fh_cus.freqOffset",
    "oran_fh_cus.extType",
    "oran_fh_cus.extLen",
    "oran_fh_cus.startPrbu",
    "oran_fh_cus.numPrbu",
    "_ws.malformed",
];

/// What a run of tshark is told, and our reading as well.
#[derive(Clone, Copy)]
struct Setting {
    widths: [u8; 4],
    format: Format,
}

impl Setting {
    const fn new(header: bool, method: u8, width: u8, carrier_prbs: u16) -> Self {
        Self {
            widths: [4, 4, 4, 4],
            format: Format {
                header,
                method,
                width,
                length: false,
                carrier_prbs,
            },
        }
    }

    fn arguments(&self) -> Vec<String> {
        let Format {
            header,
            method,
            width,
            carrier_prbs,
            ..
        } = self.format;
        let [du, band, carrier, ru] = self.widths;
        let method = match method {
            0 => "COMP_NONE",
            _ => "COMP_BLOCK_FP",
        };
        let header = if header { "TRUE" } else { "FALSE" };
        let preferences = [
            format!("du_port_id_bits:{du}"),
            format!("bandsector_id_bits:{band}"),
            format!("cc_id_bits:{carrier}"),
            format!("ru_port_id_bits:{ru}"),
            format!("iq_bitwidth_down:{width}"),
            format!("iq_bitwidth_up:{width}"),
            format!("ud_comp_down:{method}"),
            format!("ud_comp_up:{method}"),
            format!("ud_comp_hdr_down:{header}"),
            format!("ud_comp_hdr_up:{header}"),
            format!("rbs_in_uplane_section:{carrier_prbs}"),
            "show_iq_samples:FALSE".to_owned(),
        ];
        preferences
            .into_iter()
            .flat_map(|preference| ["-o".to_owned(), format!("oran_fh_cus.oran.{preference}")])
            .collect()
    }
}

#[test]
fn every_frame_of_every_capture_reads_as_tshark_reads_it() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("pcap-fixtures/captures");
    let manifest = std::fs::read_to_string(directory.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    for capture in manifest["captures"].as_array().unwrap() {
        let file = capture["file"].as_str().unwrap();
        let frames = restored(&directory.join(file));
        assert_eq!(frames.len() as u64, capture["frames"].as_u64().unwrap());
        compare(file, &frames, setting(&capture["parameters"]));
    }
}

#[test]
fn vectors_read_as_tshark_reads_them() {
    use vectors::*;
    assert_eq!(all().len(), 15, "each is in one of the four runs");
    let of = |frames: Vec<Vec<u8>>| {
        frames
            .into_iter()
            .map(|frame| (Instant(0), frame))
            .collect()
    };
    let fixed: Vec<_> = of(vec![v1(), v4()]);
    compare("static", &fixed, Setting::new(false, 1, 9, 106));
    compare("none", &of(vec![v3()]), Setting::new(false, 0, 16, 106));
    let named: Vec<_> = of(vec![
        v2(),
        v5(),
        v6(),
        v7(),
        v8(),
        v9(),
        v10(),
        v11(),
        v12(),
        v13(),
        v14(),
    ]);
    compare("dynamic", &named, Setting::new(true, 1, 9, 106));
    let split = Setting {
        widths: [2, 6, 4, 4],
        ..Setting::new(false, 1, 9, 106)
    };
    compare("extremes", &of(vec![v15()]), split);
}

/// Both sides read `frames`, and agree on every line.
fn compare(name: &str, frames: &[(Instant, Vec<u8>)], setting: Setting) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tshark-{name}.pcap"));
    let mut writer = CaptureWriter::create(&path).unwrap();
    for (at, frame) in frames {
        writer.write(*at, frame, frame.len() as u32).unwrap();
    }
    writer.finish().unwrap();
    let mut tshark = Command::new("tshark")
        .arg("-r")
        .arg(&path)
        .args(setting.arguments())
        .args(["-d", "udp.port==50001,ecpri"])
        .args(["-T", "fields", "-E", "separator=;", "-E", "occurrence=a"])
        .args(FIELDS.iter().flat_map(|field| ["-e", field]))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tshark must be installed: it is Debian's package tshark");
    let theirs = BufReader::new(tshark.stdout.take().unwrap()).lines();
    let mut lines = 0;
    for (theirs, (number, (_, frame))) in theirs.zip((1u64..).zip(frames)) {
        let ours = line(number, frame, setting).join(";");
        assert_eq!(ours, theirs.unwrap(), "{name}, left is ours: {FIELDS:?}");
        lines += 1;
    }
    assert!(tshark.wait().unwrap().success());
    assert_eq!(lines, frames.len(), "{name}: tshark gave up");
    std::fs::remove_file(path).unwrap();
}

/// Our fields of one frame.
fn line(number: u64, frame: &[u8], setting: Setting) -> Vec<String> {
    let mut line = vec![String::new(); FIELDS.len()];
    let mut put = |field: &str, values: Vec<String>| {
        let index = FIELDS.iter().position(|name| name.ends_with(field));
        line[index.unwrap()] = values.join(",");
    };
    let one = |value: u64| vec![value.to_string()];
    put("frame.number", one(number));
    let (outer, payload) = Ethernet::parse(frame).unwrap();
    let service = frame[12..14] == ethernet::S_TAG.to_be_bytes();
    let tags: Vec<u16> = (0..2).filter_map(|n| outer.tci(n)).collect();
    let (service, customer) = tags.split_at(usize::from(service));
    for (protocol, tags) in [("ieee8021ad", service), ("vlan", customer)] {
        let id = tags.iter().map(|tci| (tci & 0xfff).to_string()).collect();
        put(&format!("{protocol}.id"), id);
        let priority = tags.iter().map(|tci| (tci >> 13).to_string()).collect();
        put(&format!("{protocol}.priority"), priority);
    }
    let pdu = match outer.ethertype() {
        ethernet::ECPRI => payload,
        _ => Udp::parse(Ipv4::parse(payload).unwrap().1).unwrap().1,
    };
    let (header, payload) = Ecpri::parse(pdu, Size::Strict).unwrap();
    put(
        "ecpri.type",
        vec![format!("{:#04x}", header.message_type().code())],
    );
    put("ecpri.size", one(header.size() as u64));
    if !matches!(
        header.message_type(),
        MessageType::IqData | MessageType::RealTimeControl
    ) {
        return line;
    }
    let (stream, application) = Stream::parse(payload).unwrap();
    let layout = EaxcLayout::new(setting.widths).unwrap();
    let eaxc = layout.fields(stream.eaxc()).map(|field| field.to_string());
    put("c_eaxc_id", vec![eaxc.join(":")]);
    put("sequence_id", one(stream.sequence().0.into()));
    put("e_bit", one(stream.is_last().into()));
    put("subsequence_id", one(stream.subsequence().into()));
    let (radio, body) = RadioHeader::parse(application).unwrap();
    let downlink = radio.direction() == Direction::Downlink;
    put("data_direction", one(downlink.into()));
    put("filterIndex", one(radio.filter_index().into()));
    put("frameId", one(radio.frame().into()));
    put("subframe_id", one(radio.subframe().into()));
    put("slotId", one(radio.slot().into()));
    put("startSymbolId", one(radio.symbol().into()));
    let sections = match header.message_type() {
        MessageType::IqData => user(body, setting),
        _ => control(application),
    };
    for (field, values) in sections {
        put(field, values);
    }
    line
}

type Columns = Vec<(&'static str, Vec<String>)>;

fn user(body: &[u8], setting: Setting) -> Columns {
    let sections: Vec<_> = uplane::sections(body, setting.format)
        .map(Result::unwrap)
        .collect();
    let each = |field: fn(&uplane::Section<'_>) -> u64| -> Vec<String> {
        sections
            .iter()
            .map(|section| field(section).to_string())
            .collect()
    };
    vec![
        ("numberOfSections", vec![sections.len().to_string()]),
        ("sectionId", each(|section| section.section_id().into())),
        ("startPrbu", each(|section| section.start_prb().into())),
        ("numPrbu", each(|section| section.num_prb().into())),
    ]
}

fn control(application: &[u8]) -> Columns {
    let (message, _) = Cplane::parse(application).unwrap();
    let sections: Vec<_> = message.sections().map(Result::unwrap).collect();
    let each = |field: fn(&cplane::Section<'_>) -> String| -> Vec<String> {
        sections.iter().map(field).collect()
    };
    let extensions: Vec<_> = sections
        .iter()
        .flat_map(|section| section.extensions().map(Result::unwrap))
        .collect();
    let extended = |field: fn(&Extension<'_>) -> usize| -> Vec<String> {
        extensions.iter().map(|e| field(e).to_string()).collect()
    };
    let kind = message.section_type().code();
    let beams = sections.iter().filter(|_| matches!(kind, 1 | 3));
    let offsets = sections.iter().filter_map(cplane::Section::freq_offset);
    vec![
        ("sectionType", vec![kind.to_string()]),
        (
            "numberOfSections",
            vec![message.number_of_sections().to_string()],
        ),
        ("sectionId", each(|s| s.section_id().to_string())),
        ("startPrbc", each(|s| s.start_prb().to_string())),
        ("numPrbc", each(|s| s.num_prb().to_string())),
        ("reMask", each(|s| format!("{:#06x}", s.re_mask()))),
        ("numSymbol", each(|s| s.num_symbol().to_string())),
        ("beamId", beams.flat_map(beam_ids).collect()),
        (
            "freqOffset",
            offsets.map(|o| (o & 0xff_ffff).to_string()).collect(),
        ),
        ("extType", extended(|e| e.ext_type().into())),
        ("extLen", extended(|e| e.bytes().len() / 4)),
    ]
}

/// The beam of a section, and those of its bundles in an extension 11 without weights, which tshark
/// prints under the same name.
fn beam_ids(section: &cplane::Section<'_>) -> Vec<String> {
    let mut beams = vec![section.beam_or_ue_id()];
    for extension in section.extensions().map(Result::unwrap) {
        if extension.ext_type() == 11 {
            let body = extension.body();
            let bundles = section.num_prb().div_ceil(body[1]);
            let ids = body[2..].chunks_exact(2).take(bundles.into());
            beams.extend(ids.map(|id| u16::from_be_bytes([id[0], id[1]]) & 0x7fff));
        }
    }
    beams.iter().map(u16::to_string).collect()
}

/// The frames of a capture with their length on the wire.
fn restored(path: &Path) -> Vec<(Instant, Vec<u8>)> {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = reader.next_frame().unwrap() {
        let mut frame = record.data.to_vec();
        frame.resize(record.original_len as usize, 0);
        frames.push((record.at, frame));
    }
    frames
}

/// What the people who made a capture configured.
fn setting(parameters: &Value) -> Setting {
    let number = |field: &str| parameters[field].as_u64().unwrap() as u16;
    assert_eq!(parameters["dl_comp"], parameters["ul_comp"]);
    let (method, width) = match parameters["dl_comp"].as_str().unwrap() {
        "none16" => (0, 16),
        bfp => (1, bfp.strip_prefix("bfp").unwrap().parse().unwrap()),
    };
    Setting::new(number("hdr_dl") == 1, method, width, number("nprb"))
}

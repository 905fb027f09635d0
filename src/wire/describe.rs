//! One line of text for any frame, for `inspect`, traces and the messages of failed tests.
//!
//! Never refuses: what cannot be read ends the line with the layer and the fault.

use super::WireError;
use super::delay::DelayMeasurement;
use super::ecpri::{Ecpri, MessageType, Messages, Size, Stream};
use super::ethernet::{self, Ethernet};
use super::ipv4::{self, Ipv4};
use super::ipv6::{self, Ipv6};
use super::nfapi::describe::{Line, datagram};
use super::nfapi::{Check, Datagram, Dialect, Encoding};
use super::oran::compression::Method;
use super::oran::cplane::{self, Cplane, SectionType};
use super::oran::header::RadioHeader;
use super::oran::uplane::{self, Format};
use super::sctp::{self, Sctp};
use super::udp::Udp;
use crate::ran::Direction;
use std::fmt::{self, Formatter};
use std::net::IpAddr;

/// What the bytes do not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DescribeOptions {
    /// Policy for ecpriPayload.
    pub size: Size,
    /// UDP destination ports that carry eCPRI.
    pub udp_ports: [Option<u16>; 2],
    /// Format of downlink U-plane sections; without it they are not listed.
    pub downlink: Option<Format>,
    /// Format of uplink U-plane sections; without it they are not listed.
    pub uplink: Option<Format>,
    /// How nFAPI P7 is written and where it is found.
    pub nfapi: Option<Nfapi>,
}

/// Where nFAPI P7 travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nfapi {
    /// How both ends write headers.
    pub dialect: Dialect,
    /// And what follows them.
    pub encoding: Encoding,
    /// UDP ports of either end; without one, whatever reads as nFAPI is.
    pub ports: [Option<u16>; 4],
    /// Whether checksums are looked at.
    pub check: Check,
}

impl Nfapi {
    /// What a datagram between these ports is: `None` if it is not taken for nFAPI.
    pub fn read<'a>(
        &self,
        (from, to): (u16, u16),
        payload: &'a [u8],
    ) -> Option<Result<Datagram<'a>, WireError>> {
        let read = Datagram::parse(payload, self.dialect, self.check).map(|(view, _)| view);
        let named = self.ports.contains(&Some(from)) || self.ports.contains(&Some(to));
        let unnamed = self.ports == [None; 4];
        (named || unnamed && read.is_ok()).then_some(read)
    }
}

/// The description of `frame`, to be displayed.
pub const fn describe<'a>(frame: &'a [u8], options: &'a DescribeOptions) -> Description<'a> {
    Description { frame, options }
}

/// A frame that displays as one line.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    frame: &'a [u8],
    options: &'a DescribeOptions,
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (ethernet, rest) = match Ethernet::parse(self.frame) {
            Ok(parsed) => parsed,
            Err(error) => return write!(f, "malformed {error}"),
        };
        let (source, destination) = (ethernet.source(), ethernet.destination());
        write!(f, "{source} > {destination}")?;
        if ethernet.vlans().count() > 0 {
            write!(f, " vlan {}", ethernet.vlans())?;
        }
        match ethernet.ethertype() {
            ethernet::ECPRI => self.pdu(f, rest),
            ethernet::IPV4 => self.ipv4(f, rest),
            ethernet::IPV6 => self.ipv6(f, rest),
            ethernet::PTP => f.write_str(" | ptp"),
            other => write!(f, " | ethertype {other:#06x}"),
        }
    }
}

impl Description<'_> {
    fn ipv4(&self, f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
        match Ipv4::parse(bytes) {
            Err(error) => malformed(f, error),
            Ok((ip, rest)) if ip.protocol() == ipv4::UDP => {
                self.udp(f, (ip.source().into(), ip.destination().into()), rest)
            }
            Ok((ip, rest)) if ip.protocol() == sctp::PROTOCOL => {
                write!(f, " | {} > {}", ip.source(), ip.destination())?;
                packet(f, rest)
            }
            Ok((ip, _)) => write!(f, " | ipv4 protocol {}", ip.protocol()),
        }
    }

    fn ipv6(&self, f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
        match Ipv6::parse(bytes) {
            Err(error) => malformed(f, error),
            Ok((ip, rest)) if ip.next_header() == ipv6::UDP => {
                self.udp(f, (ip.source().into(), ip.destination().into()), rest)
            }
            Ok((ip, rest)) if ip.next_header() == sctp::PROTOCOL => {
                write!(f, " | {} > {}", ip.source(), ip.destination())?;
                packet(f, rest)
            }
            Ok((ip, _)) => write!(f, " | ipv6 next header {}", ip.next_header()),
        }
    }

    fn udp(
        &self,
        f: &mut Formatter<'_>,
        (source, destination): (IpAddr, IpAddr),
        bytes: &[u8],
    ) -> fmt::Result {
        let (udp, payload) = match Udp::parse(bytes) {
            Ok(parsed) => parsed,
            Err(error) => return malformed(f, error),
        };
        let (from, to) = (udp.source_port(), udp.destination_port());
        write!(f, " | {source} port {from} > {destination} port {to}")?;
        if self.options.udp_ports.contains(&Some(to)) {
            return self.pdu(f, payload);
        }
        let nfapi = self.options.nfapi;
        match nfapi.and_then(|nfapi| Some((nfapi, nfapi.read((from, to), payload)?))) {
            Some((nfapi, Ok(view))) => p7(f, &view, nfapi),
            Some((_, Err(error))) => malformed(f, error),
            None if from == sctp::UDP_PORT || to == sctp::UDP_PORT => packet(f, payload),
            None => write!(f, " {} bytes", payload.len()),
        }
    }

    fn pdu(&self, f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
        for message in Messages::new(bytes, self.options.size) {
            match message {
                Ok((_, ecpri, payload)) => self.message(f, &ecpri, payload)?,
                Err(error) => malformed(f, error)?,
            }
        }
        Ok(())
    }

    fn message(&self, f: &mut Formatter<'_>, ecpri: &Ecpri<'_>, payload: &[u8]) -> fmt::Result {
        match ecpri.message_type() {
            MessageType::IqData => self.stream(f, 'U', payload),
            MessageType::RealTimeControl => self.stream(f, 'C', payload),
            MessageType::DelayMeasurement => match DelayMeasurement::parse(payload) {
                Ok((delay, _)) => {
                    let (id, action) = (delay.measurement_id(), delay.action());
                    write!(f, " | delay measurement {id} {action:?}")
                }
                Err(error) => malformed(f, error),
            },
            other => write!(f, " | ecpri {other:?} {} bytes", ecpri.size()),
        }
    }

    fn stream(&self, f: &mut Formatter<'_>, plane: char, payload: &[u8]) -> fmt::Result {
        let (stream, body) = match Stream::parse(payload) {
            Ok(parsed) => parsed,
            Err(error) => return malformed(f, error),
        };
        let (eaxc, sequence) = (stream.eaxc(), stream.sequence().0);
        write!(f, " | {plane} eaxc {eaxc:?} seq {sequence}")?;
        if stream.subsequence() > 0 || !stream.is_last() {
            write!(f, " fragment {}", stream.subsequence())?;
        }
        if stream.subsequence() > 0 {
            return Ok(());
        }
        let (radio, sections) = match RadioHeader::parse(body) {
            Ok(parsed) => parsed,
            Err(error) => return malformed(f, error),
        };
        radio_header(f, &radio)?;
        if plane == 'C' {
            return control(f, body);
        }
        let format = match radio.direction() {
            Direction::Downlink => self.options.downlink,
            Direction::Uplink => self.options.uplink,
        };
        format.map_or(Ok(()), |format| user(f, sections, format))
    }
}

fn p7(f: &mut Formatter<'_>, view: &Datagram<'_>, nfapi: Nfapi) -> fmt::Result {
    f.write_str(" |")?;
    let mut line = Line::new(f);
    datagram(view, nfapi.dialect, nfapi.encoding, &mut line)?;
    line.end()
}

fn radio_header(f: &mut Formatter<'_>, radio: &RadioHeader<'_>) -> fmt::Result {
    let direction = match radio.direction() {
        Direction::Downlink => "DL",
        Direction::Uplink => "UL",
    };
    let (frame, subframe, slot) = (radio.frame(), radio.subframe(), radio.slot());
    let symbol = radio.symbol();
    write!(f, " {direction} {frame}.{subframe}.{slot} symbol {symbol}")?;
    match radio.filter_index() {
        0 => Ok(()),
        filter => write!(f, " filter {filter}"),
    }
}

fn control(f: &mut Formatter<'_>, body: &[u8]) -> fmt::Result {
    let cplane = match Cplane::parse(body) {
        Ok((cplane, _)) => cplane,
        Err(error) => return malformed(f, error),
    };
    let section_type = cplane.section_type();
    write!(f, " type {}", section_type.code())?;
    if let SectionType::Opaque(_) = section_type {
        return Ok(());
    }
    for (n, section) in cplane.sections().enumerate() {
        match section {
            Err(error) => return malformed(f, error),
            Ok(_) if n >= LARGEST_LIST => continue,
            Ok(section) => control_section(f, &section)?,
        }
    }
    more(f, usize::from(cplane.number_of_sections()))
}

fn control_section(f: &mut Formatter<'_>, section: &cplane::Section<'_>) -> fmt::Result {
    allocation(
        f,
        (section.section_id(), section.rb()),
        section.start_prb(),
        section.num_prb(),
    )?;
    let symbols = section.symbol_range();
    match symbols.end().checked_sub(1) {
        Some(last) => write!(f, " symbols {}-{last}", symbols.first())?,
        None => f.write_str(" symbols none")?,
    }
    if section.re_mask() != 0xfff {
        write!(f, " re {:#05x}", section.re_mask())?;
    }
    if section.beam_or_ue_id() != 0 {
        write!(f, " beam {}", section.beam_or_ue_id())?;
    }
    if let Some(offset) = section.freq_offset() {
        write!(f, " freq {offset}")?;
    }
    for extension in section.extensions().flatten() {
        write!(f, " ext {}", extension.ext_type())?;
    }
    Ok(())
}

fn user(f: &mut Formatter<'_>, bytes: &[u8], format: Format) -> fmt::Result {
    let mut count = 0;
    for section in uplane::sections(bytes, format) {
        let section = match section {
            Ok(section) => section,
            Err(error) => return malformed(f, error),
        };
        count += 1;
        if count > LARGEST_LIST {
            continue;
        }
        let id = (section.section_id(), section.rb());
        allocation(f, id, section.start_prb(), section.num_prb())?;
        let compression = section.compression();
        write!(f, " {}{}", name(compression.method), compression.width)?;
    }
    more(f, count)
}

fn allocation(
    f: &mut Formatter<'_>,
    (id, rb): (u16, bool),
    start_prb: u16,
    num_prb: u8,
) -> fmt::Result {
    let step = if rb { "/2" } else { "" };
    match num_prb {
        0 => write!(f, " | id {id} prb all{step}"),
        count => write!(f, " | id {id} prb {start_prb}+{count}{step}"),
    }
}

fn more(f: &mut Formatter<'_>, count: usize) -> fmt::Result {
    match count.checked_sub(LARGEST_LIST) {
        None | Some(0) => Ok(()),
        Some(left) => write!(f, " | and {left} more"),
    }
}

fn packet(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    match Sctp::parse(bytes) {
        Ok((sctp, _)) => write!(f, " | {sctp}"),
        Err(error) => malformed(f, error),
    }
}

fn malformed(f: &mut Formatter<'_>, error: WireError) -> fmt::Result {
    write!(f, " | malformed {error}")
}

const fn name(method: Method) -> &'static str {
    match method {
        Method::None => "none",
        Method::BlockFloatingPoint => "bfp",
        Method::BlockScaling => "bs",
        Method::MuLaw => "mulaw",
        Method::Modulation => "mod",
        Method::SelectiveBlockFloatingPoint | Method::MaskedBlockFloatingPoint => "bfp-sre",
        Method::SelectiveModulation | Method::MaskedModulation => "mod-sre",
        Method::Reserved(_) => "reserved",
    }
}

/// Sections that are listed; a line stays readable.
const LARGEST_LIST: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors;
    use proptest::prelude::*;

    const OPTIONS: DescribeOptions = DescribeOptions {
        size: Size::Strict,
        udp_ports: [Some(50_001), None],
        downlink: Some(FORMAT),
        uplink: Some(Format {
            header: true,
            ..FORMAT
        }),
        nfapi: None,
    };
    const FORMAT: Format = Format {
        header: false,
        method: 1,
        width: 9,
        length: false,
        carrier_prbs: 106,
    };

    fn told(frame: &[u8]) -> String {
        describe(frame, &OPTIONS).to_string()
    }

    #[test]
    fn each_kind_of_frame_is_told_in_one_line() {
        let toward_ru = "02:00:00:00:00:01 > 02:00:00:00:00:aa vlan";
        for (frame, expected) in [
            (
                vectors::v1(),
                "6 | U eaxc 0x0000 seq 5 DL 17.3.1 symbol 2 | id 1 prb 10+2 bfp9",
            ),
            (
                vectors::v5(),
                "6 | C eaxc 0x0000 seq 9 DL 17.3.1 symbol 0 type 1 | id 1 prb all symbols 0-13",
            ),
            (
                vectors::v6(),
                "6 | C eaxc 0x0000 seq 10 DL 17.3.1 symbol 0 type 1 | id 1 prb 0+100 symbols 0-2 \
                 | id 2 prb 100+100 symbols 0-13 beam 7 ext 6 ext 4",
            ),
            (
                vectors::v7(),
                "6 | C eaxc 0x0004 seq 11 UL 17.9.1 symbol 0 filter 3 type 3 \
                 | id 3 prb 0+12 symbols 0-11 freq -3276",
            ),
            (vectors::v10(), "6 | delay measurement 7 Request"),
        ] {
            let told = told(&frame);
            let rest = told.strip_prefix(toward_ru).map(str::trim_start);
            assert_eq!(rest, Some(expected));
        }
    }

    #[test]
    fn a_datagram_is_told_with_its_flow() {
        let dynamic = DescribeOptions {
            downlink: OPTIONS.uplink,
            ..OPTIONS
        };
        let flow = " vlan 6 | 10.0.0.1 port 50000 > 10.0.0.2 port 50001 ";
        let pdu = "| U eaxc 0x0000 seq 18 DL 17.3.1 symbol 2 | id 1 prb 10+1 bfp9";
        let told = describe(&vectors::v14(), &dynamic).to_string();
        assert!(told.ends_with(&format!("{flow}{pdu}")), "{told}");
        let elsewhere = DescribeOptions::default();
        let told = describe(&vectors::v14(), &elsewhere).to_string();
        assert!(told.ends_with(&format!("{flow}46 bytes")), "{told}");
    }

    /// An ABORT over IP protocol 132, or in UDP.
    fn abort(udp: bool) -> Vec<u8> {
        let mut packet = Vec::new();
        sctp::Abort {
            source_port: 1000,
            destination_port: 38_472,
            tag: 0xdead_beef,
            reflected: false,
            reason: b"lost",
        }
        .emit(&mut packet);
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        let ip = ipv4::Header {
            source: [10, 30, 0, 11].into(),
            destination: [10, 30, 0, 1].into(),
            dscp: 0,
            ttl: 64,
            protocol: if udp { ipv4::UDP } else { sctp::PROTOCOL },
        };
        let outer = if udp { 8 } else { 0 };
        ip.emit((outer + packet.len()) as u16, &mut frame);
        if udp {
            let ports = crate::wire::udp::Header {
                source_port: sctp::UDP_PORT,
                destination_port: sctp::UDP_PORT,
            };
            ports.emit(None, &packet, &mut frame);
            return frame;
        }
        frame.extend_from_slice(&packet);
        frame
    }

    #[test]
    fn sctp_is_told_by_ports_tag_chunks_and_checksum() {
        let told_so = "sctp port 1000 > 38472 tag deadbeef abort | crc ok";
        let line = told(&abort(false));
        assert!(
            line.ends_with(&format!("| 10.30.0.11 > 10.30.0.1 | {told_so}")),
            "{line}"
        );
        let line = told(&abort(true));
        assert!(line.ends_with(&format!("port 9899 | {told_so}")), "{line}");
    }

    #[test]
    fn sctp_that_cannot_be_read_is_named_so() {
        let mut frame = abort(false);
        frame[14 + 20 + 15] = 3;
        let line = told(&frame);
        assert!(line.ends_with("malformed sctp: size"), "{line}");
    }

    #[test]
    fn concatenated_messages_are_told_in_order() {
        let told = told(&vectors::v11());
        assert!(told.contains("eaxc 0x0000 seq 14"));
        assert!(told.contains("eaxc 0x0001 seq 15"));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_layer_and_fault() {
        let mut frame = vectors::v5();
        frame[28] = 0xa0;
        assert!(told(&frame).ends_with(" | malformed radio: range"));
        assert_eq!(told(&frame[..9]), "malformed ethernet: truncated");
        frame[18] = 0x20;
        assert!(told(&frame).ends_with(" | malformed ecpri: version"));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_told(
            which in 0usize..15,
            edits in proptest::collection::vec((0usize..120, any::<u8>()), 0..6),
            len in 0usize..200,
        ) {
            let mut frame = vectors::all().swap_remove(which);
            for (at, value) in edits {
                if let Some(byte) = frame.get_mut(at) {
                    *byte = value;
                }
            }
            frame.truncate(len);
            prop_assert!(!told(&frame).contains('\n'));
        }
    }
}

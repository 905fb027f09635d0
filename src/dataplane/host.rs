//! The appliance as a host: it has IPv4 addresses where L2s and PHYs send P7 to, so it answers who asks for
//! their MAC address (RFC 826) and whether they are there (echo, RFC 1122 section 3.2.2.6). All else that is
//! sent to them ends here: it is never bridged.
//!
//! An answer is the question, edited where it lies: nothing is learned, nothing is kept, and only the head is
//! touched. Identification is the asker's: as unique on the way back as it was on the way here (RFC 6864).

use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::tables::OwnAddress;
use crate::dataplane::verdict::{Departure, DropReason};
use crate::ran::MacAddr;
use crate::wire::arp::{self, Arp, Operation};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::icmp::{self, Icmp, Kind};
use crate::wire::ipv4::{self, Ipv4};
use std::net::Ipv4Addr;

/// Time to live of what is sent.
const TTL: u8 = 64;
/// Bytes of an IPv4 header without options.
const PLAIN: usize = 20;

/// A question to an address of ours.
#[derive(Clone, Copy, Debug)]
struct Question {
    /// Bytes before the packet that asks.
    at: usize,
    /// Who is asked.
    owned: OwnAddress,
    /// The MAC address that is answered.
    asker: MacAddr,
    /// The address that wants an echo; `None` asks for our MAC address.
    echo_to: Option<Ipv4Addr>,
}

/// Makes the frame an answer, if it asks for one of `owned`, those on its port. `None`: it is for somebody else.
pub fn answer(
    head: &mut [u8],
    frame: FrameInfo,
    owned: &[OwnAddress],
) -> Result<Option<Departure>, DropReason> {
    let received = head.get_mut(usize::from(frame.start)..).unwrap_or_default();
    let Some(question) = question(received, frame, owned)? else {
        return Ok(None);
    };
    ethernet::set_destination(received, question.asker);
    ethernet::set_source(received, question.owned.mac);
    let packet = received.get_mut(question.at..).unwrap_or_default();
    match question.echo_to {
        None => arp::reply(packet, question.owned.mac),
        Some(asker) => {
            ipv4::set_addresses(packet, question.owned.ip, asker);
            ipv4::set_ttl(packet, TTL);
            icmp::reply(packet.get_mut(PLAIN..).unwrap_or_default());
        }
    }
    Ok(Some(Departure {
        port: frame.port,
        start: frame.start,
        pad: 0,
    }))
}

fn question(
    received: &[u8],
    frame: FrameInfo,
    owned: &[OwnAddress],
) -> Result<Option<Question>, DropReason> {
    let (ethernet, body) = Ethernet::parse(received)?;
    let vlans = ethernet.vlans();
    let ours = owned.iter().filter(|owned| owned.vlans == vlans);
    let to = ethernet.destination();
    let named = ours.clone().any(|owned| owned.mac == to);
    if !named && !to.is_group() {
        return Ok(None);
    }
    let at = ethernet.header_len();
    let asked = match ethernet.ethertype() {
        ethernet::ARP => asks_address(body, ours)?,
        ethernet::IPV4 => {
            let there = (frame.len as usize).saturating_sub(at);
            asks_echo((body, there), (ethernet.source(), to), ours)?
        }
        _ => None,
    };
    match asked {
        Some(question) if question.asker.is_group() => Err(DropReason::OwnAddress),
        Some(question) => Ok(Some(Question { at, ..question })),
        None if named => Err(DropReason::OwnAddress),
        None => Ok(None),
    }
}

/// A request for one of `ours`. Who announces an address of ours as its own is not listened to, nor who
/// answers what was never asked.
fn asks_address<'o>(
    body: &[u8],
    mut ours: impl Iterator<Item = &'o OwnAddress>,
) -> Result<Option<Question>, DropReason> {
    let Ok((arp, _)) = Arp::parse(body) else {
        return Ok(None);
    };
    let Some(owned) = ours.find(|owned| owned.ip == arp.target()) else {
        return Ok(None);
    };
    if arp.operation() != Operation::Request || arp.sender() == arp.target() {
        return Err(DropReason::OwnAddress);
    }
    Ok(Some(Question {
        at: 0,
        owned: *owned,
        asker: arp.sender_mac(),
        echo_to: None,
    }))
}

/// An echo to one of `ours`, of whose datagram `there` bytes lie in the frame.
fn asks_echo<'o>(
    (body, there): (&[u8], usize),
    (from, to): (MacAddr, MacAddr),
    mut ours: impl Iterator<Item = &'o OwnAddress>,
) -> Result<Option<Question>, DropReason> {
    let (ip, fragment, message) = match Ipv4::parse_head(body, there) {
        Ok(parsed) => parsed,
        Err(_) if to.is_group() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(owned) = ours.find(|owned| owned.ip == ip.destination()) else {
        return Ok(None);
    };
    if !ip.checksum_holds() {
        return Err(DropReason::IpMalformed);
    }
    if !fragment.is_whole() {
        return Err(DropReason::IpFragment);
    }
    // With options the way back would have to be written into the answer (RFC 1122 section 3.2.2.6).
    let plain = ip.header_len() == PLAIN && ip.protocol() == icmp::PROTOCOL;
    if owned.mac != to || !plain || !may_ask(ip.source(), owned.ip) {
        return Err(DropReason::OwnAddress);
    }
    if Icmp::parse(message)?.0.kind() != Kind::Echo {
        return Err(DropReason::OwnAddress);
    }
    Ok(Some(Question {
        at: 0,
        owned: *owned,
        asker: from,
        echo_to: Some(ip.source()),
    }))
}

/// RFC 1122 section 3.2.1.3: what names no one host is no source.
const fn may_ask(source: Ipv4Addr, ours: Ipv4Addr) -> bool {
    let own = source.to_bits() == ours.to_bits();
    !(own
        || source.is_unspecified()
        || source.is_loopback()
        || source.is_multicast()
        || source.is_broadcast())
}

#[cfg(test)]
mod tests;

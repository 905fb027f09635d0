//! The header before an eCPRI PDU sent to a peer: addresses, tags, and IP and UDP where it uses them.

use crate::config::model::{Peer, Transport};
use crate::dataplane::tables::{Carrier, TEMPLATE, Template};
use crate::ran::{Plane, VlanStack};
use crate::wire::{ipv4, ipv6};
use std::net::IpAddr;

const TPID_CUSTOMER: u16 = 0x8100;
const TPID_SERVICE: u16 = 0x88a8;
const ECPRI: u16 = 0xaefe;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const UDP: u8 = 17;
/// Expedited forwarding, usual on fronthaul.
const DSCP: u8 = 46;

/// The header of `plane`'s frames to `peer`.
pub(super) fn template(peer: &Peer, plane: Plane) -> Template {
    let vlans = match plane {
        Plane::Control => peer.vlan_control,
        Plane::User => peer.vlan_user,
    };
    let mut bytes = Vec::with_capacity(TEMPLATE);
    bytes.extend_from_slice(&peer.mac.0);
    bytes.extend_from_slice(&peer.facing.0);
    tags(&mut bytes, vlans, peer.pcp);
    let carrier = match peer.transport {
        Transport::Ethernet => {
            bytes.extend_from_slice(&ECPRI.to_be_bytes());
            Carrier::Ethernet
        }
        Transport::Udp {
            peer: to,
            facing,
            peer_port,
            facing_port,
        } => {
            let carrier = internet(&mut bytes, facing, to);
            bytes.extend_from_slice(&facing_port.to_be_bytes());
            bytes.extend_from_slice(&peer_port.to_be_bytes());
            // Length and checksum follow from each frame.
            bytes.extend_from_slice(&[0; 4]);
            carrier
        }
    };
    let mut template = Template {
        bytes: [0; TEMPLATE],
        len: bytes.len().min(TEMPLATE) as u8,
        tags: vlans.count(),
        carrier,
    };
    for (place, byte) in template.bytes.iter_mut().zip(bytes) {
        *place = byte;
    }
    template
}

fn tags(bytes: &mut Vec<u8>, vlans: VlanStack, pcp: u8) {
    for (nth, id) in vlans.ids().enumerate() {
        let outer_of_two = nth == 0 && vlans.count() == 2;
        let tpid = if outer_of_two {
            TPID_SERVICE
        } else {
            TPID_CUSTOMER
        };
        bytes.extend_from_slice(&tpid.to_be_bytes());
        bytes.extend_from_slice(&(u16::from(pcp) << 13 | id).to_be_bytes());
    }
}

/// The IP header of an empty datagram; a valid configuration has addresses of one family.
fn internet(bytes: &mut Vec<u8>, from: IpAddr, to: IpAddr) -> Carrier {
    if let (IpAddr::V6(source), IpAddr::V6(destination)) = (from, to) {
        bytes.extend_from_slice(&IPV6.to_be_bytes());
        let header = ipv6::Header {
            source,
            destination,
            dscp: DSCP,
            next_header: UDP,
            hop_limit: 64,
        };
        header.emit(0, bytes);
        return Carrier::Ipv6;
    }
    let v4 = |address| match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => std::net::Ipv4Addr::UNSPECIFIED,
    };
    bytes.extend_from_slice(&IPV4.to_be_bytes());
    let header = ipv4::Header {
        source: v4(from),
        destination: v4(to),
        dscp: DSCP,
        ttl: 64,
        protocol: UDP,
    };
    header.emit(0, bytes);
    Carrier::Ipv4
}

//! P7 addresses and PHY_IDs inside P5 bodies, so that each side talks to the appliance (SCF 225 TLVs 0x0100 to
//! 0x0105 and 0x1003). Values change in place; no body changes its size.

use crate::wire::WireError;
use crate::wire::nfapi::p5::{self, Setting, tag};
use crate::wire::nfapi::{Encoding, MessageId, PhyId};
use std::net::{IpAddr, SocketAddrV4};

/// Whether a body names the P7 address and port that it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Addresses {
    /// They are those of the appliance now, or this message has none.
    Told,
    /// Address, port or both are missing: nothing is added.
    Missing,
}

/// A request on its way to a PHY that is told `vnf` as the P7 address of its L2, and knows `from` as `to`.
pub(super) fn toward_phy(
    body: &mut [u8],
    message: MessageId,
    encoding: Encoding,
    vnf: SocketAddrV4,
    (from, to): (PhyId, PhyId),
) -> Result<Addresses, WireError> {
    match message {
        MessageId::CONFIG_REQUEST => tell(body, message, encoding, vnf, VNF),
        MessageId::PNF_CONFIG_REQUEST => {
            let rename = |phy| if phy == from { to } else { phy };
            p5::set_phys(body, encoding, rename)?;
            Ok(Addresses::Told)
        }
        _ => Ok(Addresses::Told),
    }
}

/// A response on its way to the L2, which is told `pnf` as the P7 address of its PHY.
pub(super) fn toward_l2(
    body: &mut [u8],
    message: MessageId,
    encoding: Encoding,
    pnf: SocketAddrV4,
) -> Result<Addresses, WireError> {
    match message {
        MessageId::PARAM_RESPONSE => tell(body, message, encoding, pnf, PNF),
        _ => Ok(Addresses::Told),
    }
}

/// Tags of address (IPv4, IPv6) and port.
type Tags = [u16; 3];

const VNF: Tags = [tag::VNF_IPV4, tag::VNF_IPV6, tag::VNF_PORT];
const PNF: Tags = [tag::PNF_IPV4, tag::PNF_IPV6, tag::PNF_PORT];

fn tell(
    body: &mut [u8],
    message: MessageId,
    encoding: Encoding,
    p7: SocketAddrV4,
    [ipv4, ipv6, port]: Tags,
) -> Result<Addresses, WireError> {
    let mut put = |tag, setting| p5::set(body, message, encoding, tag, setting);
    let address = Setting::Address(IpAddr::V4(*p7.ip()));
    // P7 of the appliance is IPv4. A peer that is told an IPv6 address as well must not prefer another's.
    let mapped = Setting::Address(IpAddr::V6(p7.ip().to_ipv6_mapped()));
    let addresses = put(ipv4, address)? + put(ipv6, mapped)?;
    let ports = put(port, Setting::Port(p7.port()))?;
    Ok(match addresses > 0 && ports > 0 {
        true => Addresses::Told,
        false => Addresses::Missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 2, 0, 1), 0x1234);
    const IDS: (PhyId, PhyId) = (PhyId(1), PhyId(7));

    fn config(tlvs: &[&[u8]]) -> Vec<u8> {
        [&[0][..], &tlvs.concat()].concat()
    }

    #[test]
    fn a_phy_is_told_the_appliance_as_its_l2() {
        let mut body = config(&[&[1, 0, 0, 4, 127, 0, 0, 1], &[1, 2, 0, 2, 0xc3, 0x5b, 0, 0]]);
        let message = MessageId::CONFIG_REQUEST;
        let told = toward_phy(&mut body, message, Encoding::OAI, HERE, IDS);
        assert_eq!(told, Ok(Addresses::Told));
        let expected = config(&[&[1, 0, 0, 4, 10, 2, 0, 1], &[1, 2, 0, 2, 0x12, 0x34, 0, 0]]);
        assert_eq!(body, expected);
    }

    #[test]
    fn an_ipv6_address_becomes_the_mapped_one() {
        let mut body = config(&[&[1, 1, 0, 16], &[9; 16], &[1, 2, 0, 2, 0, 0, 0, 0]]);
        let message = MessageId::CONFIG_REQUEST;
        let told = toward_phy(&mut body, message, Encoding::OAI, HERE, IDS);
        assert_eq!(told, Ok(Addresses::Told));
        assert_eq!(
            body[5..21],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 2, 0, 1]
        );
    }

    #[test]
    fn the_port_that_the_l2_is_told_is_swapped_for_oai() {
        let mut body = vec![0, 2, 1, 3, 0, 4, 1, 2, 3, 4, 1, 5, 0, 2, 0, 0, 0, 0];
        let message = MessageId::PARAM_RESPONSE;
        let told = toward_l2(&mut body, message, Encoding::OAI, HERE);
        assert_eq!(told, Ok(Addresses::Told));
        assert_eq!(
            body,
            [0, 2, 1, 3, 0, 4, 10, 2, 0, 1, 1, 5, 0, 2, 0x34, 0x12, 0, 0]
        );
    }

    #[test]
    fn a_body_without_address_or_port_is_said_to_lack_them() {
        for tlv in [
            &[][..],
            &[1, 0, 0, 4, 1, 2, 3, 4],
            &[1, 2, 0, 2, 1, 2, 0, 0],
        ] {
            let mut body = config(&[tlv]);
            let message = MessageId::CONFIG_REQUEST;
            let told = toward_phy(&mut body, message, Encoding::OAI, HERE, IDS);
            assert_eq!(told, Ok(Addresses::Missing), "{tlv:?}");
        }
    }

    #[test]
    fn a_binding_names_the_phy_as_its_own_side_knows_it() {
        let mut body = vec![1, 0x10, 3, 0, 8, 0, 1, 0, 1, 0, 0, 0, 0];
        let message = MessageId::PNF_CONFIG_REQUEST;
        let told = toward_phy(&mut body, message, Encoding::OAI, HERE, IDS);
        assert_eq!(told, Ok(Addresses::Told));
        assert_eq!(body, [1, 0x10, 3, 0, 8, 0, 1, 0, 7, 0, 0, 0, 0]);
    }

    #[test]
    fn no_other_message_is_touched() {
        for id in (0..0x110).map(MessageId) {
            let mut body = config(&[&[1, 0, 0, 4, 1, 2, 3, 4], &[1, 2, 0, 2, 1, 2, 0, 0]]);
            let before = body.clone();
            if id != MessageId::CONFIG_REQUEST {
                let _ = toward_phy(&mut body, id, Encoding::OAI, HERE, IDS);
            }
            let _ = toward_l2(&mut body, id, Encoding::OAI, HERE);
            assert_eq!(body, before, "{id:?}");
        }
    }
}

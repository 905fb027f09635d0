use super::*;
use crate::ran::{PortId, VlanStack};
use crate::wire::checksum;
use std::iter;

const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const ASKER: MacAddr = MacAddr([2, 0x12, 0, 0, 0, 1]);
const STRANGER: MacAddr = MacAddr([2, 0x99, 0, 0, 0, 1]);
const EVERYBODY: MacAddr = MacAddr([0xff; 6]);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
const FROM: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 10);
const PORT: PortId = PortId(3);
const HEADROOM: usize = 16;

type Answered = Result<Option<Vec<u8>>, DropReason>;

/// What becomes of `frame` when the appliance has `ADDRESS`, untagged.
fn put(frame: &[u8]) -> Answered {
    put_in(VlanStack::NONE, frame, frame.len())
}

/// The same in a VLAN, of a frame of which `at_hand` bytes lie in the head.
fn put_in(vlans: VlanStack, frame: &[u8], at_hand: usize) -> Answered {
    let owned = OwnAddress {
        port: PORT,
        vlans,
        ip: ADDRESS,
        mac: OURS,
    };
    let other = OwnAddress {
        vlans: VlanStack::from_wire([7, 0], 1),
        ip: Ipv4Addr::new(10, 2, 0, 1),
        ..owned
    };
    let mut head = vec![0; HEADROOM];
    head.extend_from_slice(&frame[..at_hand]);
    let info = FrameInfo {
        port: PORT,
        start: HEADROOM as u16,
        len: frame.len() as u32,
    };
    let departure = answer(&mut head, info, &[other, owned])?;
    Ok(departure.map(|departure| {
        let back = (departure.port, departure.start, departure.pad);
        assert_eq!(back, (PORT, info.start, 0));
        [&head[HEADROOM..], &frame[at_hand..]].concat()
    }))
}

fn ethernet(to: MacAddr, tags: &[u8], ethertype: u16) -> Vec<u8> {
    [&to.0, &ASKER.0, tags, &ethertype.to_be_bytes()].concat()
}

fn arp(to: MacAddr, operation: u8, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = ethernet(to, &[], ethernet::ARP);
    frame.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend_from_slice(&ASKER.0);
    frame.extend_from_slice(&sender.octets());
    frame.extend_from_slice(&[0; 6]);
    frame.extend_from_slice(&target.octets());
    frame
}

/// An echo of `len` bytes of data, identification 0xbeef.
fn echo(tags: &[u8], len: usize) -> Vec<u8> {
    let mut message = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1];
    message.extend((0..len).map(|n| n as u8));
    sum(&mut message, 2);
    let header = ipv4::Header {
        source: FROM,
        destination: ADDRESS,
        dscp: 10,
        ttl: 7,
        protocol: icmp::PROTOCOL,
    };
    let mut frame = ethernet(OURS, tags, ethernet::IPV4);
    header.emit(message.len() as u16, &mut frame);
    let at = 14 + tags.len();
    edit(&mut frame, at, 4, &[0xbe, 0xef]);
    frame.extend_from_slice(&message);
    frame
}

fn sum(bytes: &mut [u8], at: usize) {
    bytes[at..at + 2].fill(0);
    let checksum = checksum::finish(checksum::sum(0, bytes));
    bytes[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// Changes the IPv4 header that begins at `at`, and its checksum.
fn edit(frame: &mut [u8], at: usize, field: usize, value: &[u8]) {
    frame[at + field..][..value.len()].copy_from_slice(value);
    sum(&mut frame[at..at + PLAIN], 10);
}

/// An untagged echo whose IPv4 header is another.
fn altered(field: usize, value: &[u8]) -> Vec<u8> {
    let mut frame = echo(&[], 56);
    edit(&mut frame, 14, field, value);
    frame
}

#[test]
fn who_asks_for_our_address_is_told() {
    let answered = put(&arp(EVERYBODY, 1, FROM, ADDRESS)).unwrap().unwrap();
    let (outer, body) = Ethernet::parse(&answered).unwrap();
    assert_eq!((outer.destination(), outer.source()), (ASKER, OURS));
    let (reply, _) = Arp::parse(body).unwrap();
    assert_eq!(reply.operation(), Operation::Reply);
    assert_eq!((reply.sender_mac(), reply.sender()), (OURS, ADDRESS));
    assert_eq!(reply.target(), FROM);
}

#[test]
fn a_question_to_us_alone_is_answered_like_one_to_everybody() {
    assert!(put(&arp(OURS, 1, FROM, ADDRESS)).unwrap().is_some());
}

#[test]
fn a_probe_finds_the_address_in_use() {
    let probe = arp(EVERYBODY, 1, Ipv4Addr::UNSPECIFIED, ADDRESS);
    let answered = put(&probe).unwrap().unwrap();
    let (reply, _) = Arp::parse(&answered[14..]).unwrap();
    assert_eq!(reply.target(), Ipv4Addr::UNSPECIFIED);
}

#[test]
fn padding_of_a_question_stays_behind_its_answer() {
    let mut padded = arp(EVERYBODY, 1, FROM, ADDRESS);
    padded.resize(60, 0);
    assert_eq!(put(&padded).unwrap().unwrap().len(), 60);
}

#[test]
fn who_announces_our_address_or_answers_unasked_is_not_listened_to() {
    for (operation, sender) in [(1, ADDRESS), (2, ADDRESS), (2, FROM), (3, FROM)] {
        let told = put(&arp(EVERYBODY, operation, sender, ADDRESS));
        assert_eq!(told, Err(DropReason::OwnAddress), "{operation} {sender}");
    }
}

#[test]
fn a_question_for_another_address_goes_on() {
    let other = Ipv4Addr::new(10, 1, 0, 2);
    assert_eq!(put(&arp(EVERYBODY, 1, FROM, other)), Ok(None));
    assert_eq!(put(&arp(STRANGER, 1, FROM, ADDRESS)), Ok(None));
}

#[test]
fn an_address_is_ours_in_its_vlan_alone() {
    let other_side = Ipv4Addr::new(10, 2, 0, 1);
    assert_eq!(put(&arp(EVERYBODY, 1, FROM, other_side)), Ok(None));
    assert_eq!(put(&echo(&TAG, 56)), Ok(None));
    let vlans = VlanStack::from_wire([6, 0], 1);
    assert_eq!(
        put_in(vlans, &arp(EVERYBODY, 1, FROM, ADDRESS), 42),
        Ok(None)
    );
}

#[test]
fn an_echo_comes_back_with_the_rest_as_it_was() {
    let asked = echo(&[], 56);
    let answered = put(&asked).unwrap().unwrap();
    let (outer, body) = Ethernet::parse(&answered).unwrap();
    assert_eq!((outer.destination(), outer.source()), (ASKER, OURS));
    let (ip, message) = Ipv4::parse(body).unwrap();
    assert_eq!((ip.source(), ip.destination()), (ADDRESS, FROM));
    assert_eq!((ip.ttl(), ip.dscp(), ip.fragment().id), (TTL, 10, 0xbeef));
    assert!(ip.checksum_holds());
    assert_eq!(Icmp::parse(message).unwrap().0.kind(), Kind::EchoReply);
    assert_eq!(checksum::finish(checksum::sum(0, message)), 0);
    assert_eq!(message[4..], asked[38..]);
}

#[test]
fn tags_stay() {
    let asked = echo(&TAG, 56);
    let vlans = VlanStack::from_wire([6, 0], 1);
    let answered = put_in(vlans, &asked, asked.len()).unwrap().unwrap();
    assert_eq!(answered[12..18], asked[12..18]);
}

#[test]
fn an_echo_of_any_size_is_answered_by_its_head() {
    for len in [0, 1, 56, 1400, 8000] {
        let asked = echo(&[], len);
        let whole = put(&asked).unwrap();
        assert!(whole.is_some());
        let by_head = put_in(VlanStack::NONE, &asked, 14 + PLAIN + icmp::HEADER_LEN);
        assert_eq!(by_head.unwrap(), whole);
    }
}

#[test]
fn a_piece_of_an_echo_is_not_answered() {
    for field in [[0x20, 0], [0, 7]] {
        assert_eq!(put(&altered(6, &field)), Err(DropReason::IpFragment));
    }
}

#[test]
fn who_is_no_host_is_not_answered() {
    let sources = [
        [0; 4],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [255; 4],
        [10, 1, 0, 1],
    ];
    for source in sources {
        let told = put(&altered(12, &source));
        assert_eq!(told, Err(DropReason::OwnAddress), "{source:?}");
    }
}

#[test]
fn who_claims_a_group_address_is_not_answered() {
    let mut asked = echo(&[], 56);
    asked[6] |= 1;
    assert_eq!(put(&asked), Err(DropReason::OwnAddress));
    let mut asked = arp(EVERYBODY, 1, FROM, ADDRESS);
    asked[22] |= 1;
    assert_eq!(put(&asked), Err(DropReason::OwnAddress));
}

#[test]
fn an_echo_to_everybody_is_not_answered() {
    let mut asked = echo(&[], 56);
    asked[..6].fill(0xff);
    assert_eq!(put(&asked), Err(DropReason::OwnAddress));
}

#[test]
fn other_messages_and_protocols_end_here() {
    let mut unreachable = echo(&[], 56);
    unreachable[34] = 3;
    assert_eq!(put(&unreachable), Err(DropReason::OwnAddress));
    assert_eq!(put(&altered(9, &[17])), Err(DropReason::OwnAddress));
    let mut ipv6 = echo(&[], 56);
    ipv6[12..14].copy_from_slice(&ethernet::IPV6.to_be_bytes());
    assert_eq!(put(&ipv6), Err(DropReason::OwnAddress));
}

#[test]
fn options_are_not_answered() {
    let mut asked = echo(&[], 56);
    asked[14] = 0x46;
    sum(&mut asked[14..38], 10);
    assert_eq!(put(&asked), Err(DropReason::OwnAddress));
}

#[test]
fn a_header_that_is_damaged_is_not_answered() {
    let mut asked = echo(&[], 56);
    asked[14 + 8] ^= 1;
    assert_eq!(put(&asked), Err(DropReason::IpMalformed));
}

#[test]
fn what_only_passes_goes_on() {
    let mut passing = echo(&[], 56);
    passing[..6].copy_from_slice(&STRANGER.0);
    assert_eq!(put(&passing), Ok(None));
    let mut multicast = altered(16, &[224, 0, 0, 1]);
    multicast[..6].copy_from_slice(&[1, 0, 0x5e, 0, 0, 1]);
    assert_eq!(put(&multicast), Ok(None));
}

#[test]
fn no_truncation_of_a_question_is_answered() {
    let asked = echo(&[], 0);
    for len in 0..asked.len() {
        assert!(put(&asked[..len]).is_err(), "{len}");
    }
    let asked = arp(OURS, 1, FROM, ADDRESS);
    for len in iter::once(0).chain(14..asked.len()) {
        assert!(put(&asked[..len]).is_err(), "{len}");
    }
}

/// VLAN 6, PCP 7.
const TAG: [u8; 4] = [0x81, 0, 0xe0, 6];

//! P7 frames of an L2 and two PHYs, built by hand, whole and in pieces: the peers of `configs/two-phys.yaml`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test file uses its own part and stops at the first surprise"
)]

/// Where a peer is: port, MAC, addresses, UDP ports.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) port: u8,
    pub(crate) mac: [u8; 6],
    pub(crate) facing: [u8; 6],
    pub(crate) ip: [u8; 4],
    pub(crate) own: [u8; 4],
    pub(crate) udp: (u16, u16),
}

pub(crate) const L2: Place = Place {
    port: 0,
    mac: [2, 0x12, 0, 0, 0, 1],
    facing: [2, 0, 0, 0, 0, 1],
    ip: [10, 1, 0, 10],
    own: [10, 1, 0, 1],
    udp: (50011, 50010),
};
pub(crate) const PHY_A: Place = Place {
    port: 1,
    mac: [2, 0xf1, 0, 0, 0, 1],
    facing: [2, 0, 0, 0, 0, 2],
    ip: [10, 1, 1, 10],
    own: [10, 1, 1, 1],
    udp: (50010, 50011),
};
pub(crate) const PHY_B: Place = Place {
    port: 2,
    mac: [2, 0xf1, 0, 0, 0, 2],
    facing: [2, 0, 0, 0, 0, 3],
    ip: [10, 1, 2, 10],
    own: [10, 1, 2, 1],
    udp: (50010, 50011),
};

/// A body of slot 0 that no two places of look alike.
pub(crate) fn body(len: usize) -> Vec<u8> {
    let mut body: Vec<u8> = (0..len)
        .map(|n| (n % 251) as u8 ^ (n / 251) as u8)
        .collect();
    body[..4].fill(0);
    body
}

/// Frames of one message of `from`, in datagrams of at most `size` bytes; each has a timestamp of its own, from
/// `hundreds` hundred on.
pub(crate) fn datagrams(
    from: Place,
    message: u16,
    sequence: u8,
    body: &[u8],
    size: usize,
    hundreds: u32,
) -> Vec<Vec<u8>> {
    let pieces: Vec<_> = body.chunks(size - 18).collect();
    let last = pieces.len() - 1;
    let one = |(number, piece): (usize, &&[u8])| {
        let more = if number < last { 0x80 } else { 0 };
        let mut head = vec![0, 1];
        head.extend_from_slice(&message.to_be_bytes());
        head.extend_from_slice(&(18 + piece.len() as u32).to_be_bytes());
        head.extend_from_slice(&[more | number as u8, sequence]);
        let checksum = crc(&[&head, &[0; 4], piece]);
        head.extend_from_slice(&checksum.to_be_bytes());
        head.extend_from_slice(&(100 * hundreds + number as u32).to_be_bytes());
        frame(from, &[&head, *piece].concat())
    };
    pieces.iter().enumerate().map(one).collect()
}

/// A frame of one message of `from`, uncut.
pub(crate) fn message(from: Place, message: u16, body: &[u8]) -> Vec<u8> {
    datagrams(from, message, 0, body, 65_000, 0).remove(0)
}

/// A datagram of plain FAPI: one message, handle 1.
pub(crate) fn plain(order: Order, message: u16, body: &[u8]) -> Vec<u8> {
    let mut datagram = vec![1, 1];
    datagram.extend_from_slice(&order.of(message.to_be_bytes()));
    datagram.extend_from_slice(&order.of((body.len() as u32).to_be_bytes()));
    datagram.extend_from_slice(body);
    datagram
}

/// In which order a peer writes numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Big,
    Little,
}

impl Order {
    /// The bytes of a number in network order, in this one.
    pub(crate) fn of<const N: usize>(self, mut bytes: [u8; N]) -> [u8; N] {
        if self == Self::Little {
            bytes.reverse();
        }
        bytes
    }
}

/// A frame of `from` to the appliance around a UDP payload.
pub(crate) fn frame(from: Place, pdu: &[u8]) -> Vec<u8> {
    let mut udp = Vec::new();
    udp.extend_from_slice(&from.udp.0.to_be_bytes());
    udp.extend_from_slice(&from.udp.1.to_be_bytes());
    udp.extend_from_slice(&(8 + pdu.len() as u16).to_be_bytes());
    udp.extend_from_slice(&[0, 0]);
    udp.extend_from_slice(pdu);
    let len = (udp.len() as u16).to_be_bytes();
    let pseudo = [&from.ip[..], &from.own, &[0, 17], &len].concat();
    let checksum = !sum16(u32::from(sum16(0, &pseudo)), &udp);
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    let mut ip = vec![0x45, 0];
    ip.extend_from_slice(&(20 + udp.len() as u16).to_be_bytes());
    ip.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
    ip.extend_from_slice(&from.ip);
    ip.extend_from_slice(&from.own);
    let header = !sum16(0, &ip);
    ip[10..12].copy_from_slice(&header.to_be_bytes());
    [&from.facing[..], &from.mac, &[8, 0], &ip, &udp].concat()
}

/// The frame cut at multiples of `size` bytes of IPv4 payload, as a kernel does.
pub(crate) fn fragments(frame: &[u8], size: usize, id: u16) -> Vec<Vec<u8>> {
    let pieces: Vec<_> = frame[34..].chunks(size).collect();
    let last = pieces.len() - 1;
    let one = |(number, piece): (usize, &&[u8])| {
        let mut head = frame[..34].to_vec();
        let more = if number < last { 0x2000 } else { 0 };
        let field = (number * size / 8) as u16 | more;
        head[16..18].copy_from_slice(&(20 + piece.len() as u16).to_be_bytes());
        head[18..20].copy_from_slice(&id.to_be_bytes());
        head[20..22].copy_from_slice(&field.to_be_bytes());
        head[24..26].fill(0);
        let checksum = !sum16(0, &head[14..]);
        head[24..26].copy_from_slice(&checksum.to_be_bytes());
        [&head, *piece].concat()
    };
    pieces.iter().enumerate().map(one).collect()
}

/// CRC-32 bit by bit, without the final xor, as OAI puts it in its header.
pub(crate) fn crc(pieces: &[&[u8]]) -> u32 {
    let mut register = u32::MAX;
    for byte in pieces.iter().flat_map(|piece| piece.iter()) {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = register & 1;
            register = (register >> 1) ^ (0xedb8_8320 * carry);
        }
    }
    register
}

pub(crate) fn sum16(start: u32, bytes: &[u8]) -> u16 {
    let mut sum = start;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

//! How much of a frame a decision may read, told from its first bytes before it is decided.

use crate::dataplane::classify::ECPRI;

/// What a frame is to the recorder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// One U-plane message; the PDU begins here. Its first bytes are enough.
    User(usize),
    /// Another eCPRI PDU: read to its end.
    Whole,
    /// Not eCPRI: bridged by its addresses, no state changes.
    Foreign,
}

const REVISION: u8 = 1;
const IQ_DATA: u8 = 0;

/// Looks at a frame from its first byte on.
#[inline]
pub(super) fn kind(frame: &[u8]) -> Kind {
    let Some(at) = pdu(frame) else {
        return Kind::Foreign;
    };
    let Some([first, message, ..]) = frame.get(at..) else {
        return Kind::Foreign;
    };
    match (first >> 4, first & 1, *message) {
        (REVISION, 0, IQ_DATA) => Kind::User(at),
        (REVISION, _, _) => Kind::Whole,
        _ => Kind::Foreign,
    }
}

#[inline]
fn pdu(frame: &[u8]) -> Option<usize> {
    let mut at = 12;
    for _ in 0..3 {
        let [high, low] = *frame.get(at..)?.first_chunk()?;
        at += 2;
        match u16::from_be_bytes([high, low]) {
            ECPRI => return Some(at),
            0x8100 | 0x88a8 | 0x9100 => at += 2,
            0x0800 => {
                let words = usize::from(frame.get(at)? & 0xf);
                let udp = *frame.get(at + 9)? == UDP;
                return udp.then_some(at + 4 * words + UDP_HEADER);
            }
            0x86dd => {
                let udp = *frame.get(at + 6)? == UDP;
                return udp.then_some(at + 40 + UDP_HEADER);
            }
            _ => return None,
        }
    }
    None
}

const UDP: u8 = 17;
const UDP_HEADER: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(tags: &[u16], rest: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        for tag in tags {
            frame.extend(tag.to_be_bytes());
            frame.extend([0, 1]);
        }
        frame.extend(rest);
        frame
    }

    #[test]
    fn one_u_plane_message_is_told_from_everything_else_whatever_carries_it() {
        let ecpri = |first, kind| [0xae, 0xfe, first, kind, 0, 4];
        assert_eq!(kind(&frame(&[], &ecpri(0x10, 0))), Kind::User(14));
        assert_eq!(kind(&frame(&[0x8100], &ecpri(0x10, 0))), Kind::User(18));
        let twice = frame(&[0x88a8, 0x8100], &ecpri(0x10, 0));
        assert_eq!(kind(&twice), Kind::User(22));
        assert_eq!(kind(&frame(&[0x8100], &ecpri(0x11, 0))), Kind::Whole);
        assert_eq!(kind(&frame(&[], &ecpri(0x10, 2))), Kind::Whole);
        assert_eq!(kind(&frame(&[], &ecpri(0x20, 0))), Kind::Foreign);
        assert_eq!(kind(&frame(&[], &[0x08, 0x06, 0, 1])), Kind::Foreign);
        let mut datagram = vec![8, 0, 0x45];
        datagram.resize(2 + 28, 0);
        datagram[2 + 9] = 17;
        datagram.extend([0x10, 0]);
        assert_eq!(kind(&frame(&[], &datagram)), Kind::User(14 + 28));
    }

    #[test]
    fn a_frame_cut_anywhere_is_looked_at_without_a_panic() {
        let mut whole = vec![0; 12];
        whole.extend([0x81, 0, 0, 1, 0x08, 0, 0x4f]);
        whole.resize(90, 17);
        for end in 0..whole.len() {
            kind(&whole[..end]);
        }
    }
}

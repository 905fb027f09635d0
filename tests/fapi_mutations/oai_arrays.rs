//! A request as OAI's unpackers walk it, and where they would write past an array (fapi.md 4.1 to 4.6).

type Held = Result<(), &'static str>;

/// Whether OAI can hold the body of message `id`.
pub(crate) fn hold(id: u16, body: &[u8]) -> Held {
    match id {
        0x80 => request(body, 6, 32, downlink).map(|_| ()),
        0x81 => {
            let groups = request(body, 9, 255, uplink)?;
            uplink_groups(body[8], groups)
        }
        0x83 => request(body, 5, 12, |_, pdu| pdcch(pdu)).map(|_| ()),
        0x84 => tx_data(body),
        _ => Ok(()),
    }
}

/// Bytes from the front.
struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or("it ends early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self, len: usize) -> Result<usize, &'static str> {
        let bytes = self.take(len)?;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| value << 8 | usize::from(*byte)))
    }

    /// Precoding and beamforming.
    fn beams(&mut self, downlink: bool) -> Held {
        let (prgs, _, interfaces) = (self.number(2)?, self.number(2)?, self.number(1)?);
        if prgs > 1 || interfaces > 6 {
            return Err("beamforming beyond OAI's arrays");
        }
        self.take(2 * prgs * (interfaces + usize::from(downlink)))?;
        Ok(())
    }
}

/// The PDUs behind a head of `head` bytes; returns what follows them.
fn request(
    body: &[u8],
    head: usize,
    most: u8,
    read: impl Fn(usize, &[u8]) -> Held,
) -> Result<&[u8], &'static str> {
    let mut walk = Walk(body);
    let count = walk.take(head)?[4];
    if count > most {
        return Err("more PDUs than OAI has room for");
    }
    for _ in 0..count {
        let (kind, size) = (walk.number(2)?, walk.number(2)?);
        let len = size
            .checked_sub(4)
            .ok_or("a PDU shorter than its own header")?;
        read(kind, walk.take(len)?)?;
    }
    Ok(walk.0)
}

fn downlink(kind: usize, pdu: &[u8]) -> Held {
    let mut walk = Walk(pdu);
    match kind {
        0 => return pdcch(pdu),
        1 => {
            let bitmap = walk.number(2)?;
            walk.take(10)?;
            let codewords = walk.number(1)?;
            let references = if bitmap & 1 == 1 { 5 } else { 0 };
            walk.take(10 * codewords + 58 + references)?;
        }
        2 => drop(walk.take(22)?),
        3 => drop(walk.take(12)?),
        _ => return Err("a PDU of a type that OAI does not skip"),
    }
    walk.beams(true)
}

fn pdcch(pdu: &[u8]) -> Held {
    let mut walk = Walk(pdu);
    walk.take(21)?;
    let dcis = walk.number(2)?;
    if dcis > 8 {
        return Err("more DCIs than OAI has room for");
    }
    for _ in 0..dcis {
        walk.take(8)?;
        walk.beams(true)?;
        walk.take(2)?;
        let bits = walk.number(2)?;
        walk.take(bits.div_ceil(8))?;
    }
    Ok(())
}

fn uplink(kind: usize, pdu: &[u8]) -> Held {
    let mut walk = Walk(pdu);
    match kind {
        0 => drop(walk.take(8)?),
        1 => {
            let bitmap = walk.number(2)?;
            walk.take(80)?;
            if bitmap & 1 != 0 {
                walk.take(7)?;
                let blocks = walk.number(2)?;
                walk.take(blocks.div_ceil(8))?;
            }
            if bitmap & 2 != 0 {
                walk.take(10)?;
            }
            if bitmap & 4 != 0 {
                let ports = walk.number(1)?;
                walk.take(4 * ports + 3)?;
            }
            if bitmap & 8 != 0 {
                walk.take(5)?;
            }
        }
        2 => drop(walk.take(46)?),
        3 => drop(walk.take(33)?),
        _ => return Err("a PDU of a type that OAI does not skip"),
    }
    walk.beams(false)
}

fn uplink_groups(count: u8, groups: &[u8]) -> Held {
    if count > 8 {
        return Err("more groups than OAI has room for");
    }
    let mut walk = Walk(groups);
    for _ in 0..count {
        let users = walk.number(1)?;
        if users > 6 {
            return Err("more UEs of a group than OAI has room for");
        }
        walk.take(users)?;
    }
    Ok(())
}

fn tx_data(body: &[u8]) -> Held {
    let mut walk = Walk(body);
    walk.take(4)?;
    let count = walk.number(2)?;
    if count > 16 {
        return Err("more PDUs than OAI has room for");
    }
    for _ in 0..count {
        walk.take(6)?;
        let tlvs = walk.number(4)?;
        if tlvs > 2 {
            return Err("more TLVs than OAI has room for");
        }
        for _ in 0..tlvs {
            walk.take(2)?;
            let len = walk.number(4)?;
            if len > 152_064 {
                return Err("more bytes than OAI has room for");
            }
            walk.take(len.next_multiple_of(4))?;
        }
    }
    Ok(())
}

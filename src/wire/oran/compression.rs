//! User data compression (CUS 8.3.3.13 to 8.3.3.19): udCompHdr, and the bytes that a PRB takes.
//!
//! All data of a PRB is byte-aligned: 12 subcarriers, I and Q of W bits each.

/// udCompMeth and udIqWidth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CompressionHeader {
    /// What is done to a PRB.
    pub method: Method,
    /// Bits of each of I and Q, 1..=16.
    pub width: u8,
}

impl CompressionHeader {
    /// From udCompHdr: `udIqWidth:4 udCompMeth:4`, where width 0 is 16.
    #[inline]
    pub const fn from_wire(byte: u8) -> Self {
        Self::new(byte & 0x0f, byte >> 4)
    }

    /// From a method and a width; width 0 and anything above 16 is 16.
    #[inline]
    pub const fn new(method: u8, width: u8) -> Self {
        Self {
            method: Method::from_wire(method),
            width: if width == 0 || width > 16 { 16 } else { width },
        }
    }

    /// udCompHdr.
    pub const fn to_wire(self) -> u8 {
        (self.width & 0x0f) << 4 | self.method.code()
    }

    /// Bytes of every PRB; `None` where they depend on the data or the method is reserved.
    #[inline]
    pub const fn prb_len(self) -> Option<usize> {
        let samples = 3 * self.width as usize;
        match self.method {
            Method::None | Method::Modulation => Some(samples),
            Method::BlockFloatingPoint | Method::BlockScaling | Method::MuLaw => Some(1 + samples),
            _ => None,
        }
    }

    /// Bytes of the PRB at the start of `data`. `mask` is the section's sReSMask for it (methods 7 and 8).
    /// `None` if `data` cannot hold its parameter or the method is reserved.
    #[inline]
    pub fn selective_prb_len(self, data: &[u8], mask: u16) -> Option<usize> {
        let (parameter, mask) = match self.method {
            // High nibble and second byte hold the mask; inferred from a public dissector, unsure.
            Method::SelectiveBlockFloatingPoint | Method::SelectiveModulation => {
                let [high, low, ..] = *data else { return None };
                (2, u16::from(high & 0xf0) << 4 | u16::from(low))
            }
            Method::MaskedBlockFloatingPoint => (1, mask),
            Method::MaskedModulation => (0, mask),
            _ => return self.prb_len(),
        };
        let elements = (mask & ALL_ELEMENTS).count_ones() as usize;
        Some(parameter + (2 * self.width as usize * elements).div_ceil(8))
    }
}

/// udCompMeth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Method {
    /// 0.
    None,
    /// 1: one exponent per PRB.
    BlockFloatingPoint,
    /// 2: one scaler per PRB.
    BlockScaling,
    /// 3: one shift per PRB.
    MuLaw,
    /// 4: scalers are in the C-plane.
    Modulation,
    /// 5: block floating point of some resource elements, named in the PRB.
    SelectiveBlockFloatingPoint,
    /// 6: modulation compression of some resource elements, named in the PRB.
    SelectiveModulation,
    /// 7: as 5, named in the section header.
    MaskedBlockFloatingPoint,
    /// 8: as 6, named in the section header.
    MaskedModulation,
    /// 9..=15.
    Reserved(u8),
}

impl Method {
    /// From the low 4 bits of `code`.
    #[inline]
    pub const fn from_wire(code: u8) -> Self {
        match code & 0x0f {
            0 => Self::None,
            1 => Self::BlockFloatingPoint,
            2 => Self::BlockScaling,
            3 => Self::MuLaw,
            4 => Self::Modulation,
            5 => Self::SelectiveBlockFloatingPoint,
            6 => Self::SelectiveModulation,
            7 => Self::MaskedBlockFloatingPoint,
            8 => Self::MaskedModulation,
            other => Self::Reserved(other),
        }
    }

    /// The number on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::BlockFloatingPoint => 1,
            Self::BlockScaling => 2,
            Self::MuLaw => 3,
            Self::Modulation => 4,
            Self::SelectiveBlockFloatingPoint => 5,
            Self::SelectiveModulation => 6,
            Self::MaskedBlockFloatingPoint => 7,
            Self::MaskedModulation => 8,
            Self::Reserved(code) => code,
        }
    }

    /// True for the methods whose first byte of a PRB holds an exponent in its low nibble.
    #[inline]
    pub const fn has_exponent(self) -> bool {
        matches!(
            self,
            Self::BlockFloatingPoint
                | Self::SelectiveBlockFloatingPoint
                | Self::MaskedBlockFloatingPoint
        )
    }

    /// True for methods 5..=8, whose PRBs differ in length.
    #[inline]
    pub(super) const fn is_selective(self) -> bool {
        matches!(self.code(), 5..=8)
    }

    /// True for methods 7 and 8, whose section header holds two masks.
    #[inline]
    pub(super) const fn has_section_masks(self) -> bool {
        matches!(
            self,
            Self::MaskedBlockFloatingPoint | Self::MaskedModulation
        )
    }
}

const ALL_ELEMENTS: u16 = 0x0fff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_per_prb_of_every_fixed_method() {
        for (method, width, bytes) in [
            (0, 16, 48),
            (0, 0, 48),
            (1, 9, 28),
            (1, 8, 25),
            (1, 12, 37),
            (1, 14, 43),
            (1, 16, 49),
            (2, 9, 28),
            (3, 9, 28),
            (4, 1, 3),
            (4, 4, 12),
        ] {
            let found = CompressionHeader::new(method, width).prb_len();
            assert_eq!(found, Some(bytes), "method {method} width {width}");
        }
    }

    #[test]
    fn selective_methods_take_as_many_samples_as_the_mask_has_bits() {
        let len = |method, width, data: &[u8], mask| {
            CompressionHeader::new(method, width).selective_prb_len(data, mask)
        };
        // 5 elements of 2 x 9 bits are 90 bits.
        assert_eq!(len(5, 9, &[0xf3, 0x01], 0), Some(2 + 12));
        assert_eq!(len(6, 9, &[0xf0, 0x01], 0), Some(2 + 12));
        assert_eq!(len(7, 9, &[], 0x01f), Some(1 + 12));
        assert_eq!(len(8, 9, &[], 0xf01f), Some(12));
        assert_eq!(len(5, 9, &[0xf3], 0), None);
        assert_eq!(len(8, 1, &[], 0), Some(0));
        assert_eq!(len(9, 9, &[0; 99], 0), None);
    }

    #[test]
    fn reserved_methods_have_no_length() {
        for method in 9..=15 {
            let header = CompressionHeader::new(method, 9);
            assert_eq!(header.method, Method::Reserved(method));
            assert_eq!(header.prb_len(), None);
        }
    }

    #[test]
    fn every_header_byte_reads_back() {
        for byte in 0..=255 {
            assert_eq!(CompressionHeader::from_wire(byte).to_wire(), byte);
        }
    }
}

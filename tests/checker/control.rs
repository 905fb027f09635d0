//! C-plane messages section by section, for what a split or a mapped sectionId may change
//! (fronthaul reference, section 6).

use std::ops::Range;

/// Section type, header and sections of a C-plane message of type 0, 1, 3 or 5.
#[derive(Clone, Debug)]
pub struct Control {
    /// sectionType.
    pub section_type: u8,
    /// startSymbolId.
    pub start: u8,
    /// End of the header in the body.
    pub header: usize,
    /// The sections.
    pub sections: Vec<Section>,
}

/// One section, as ranges of the message's body.
#[derive(Clone, Debug)]
pub struct Section {
    /// sectionId.
    pub id: u16,
    /// First PRB and PRBs, (0, 0) for all.
    pub prbs: (u16, u16),
    /// numSymbol.
    pub count: u8,
    /// The section without extensions.
    pub fixed: Range<usize>,
    /// Its extensions: type and range.
    pub extensions: Vec<(u8, Range<usize>)>,
}

/// Reads `body`, which starts at the eAxC; `None` for other section types and malformed messages.
pub fn parse(body: &[u8]) -> Option<Control> {
    let section_type = *body.get(9)?;
    let (header, length) = match section_type {
        0 => (16, 8),
        1 | 5 => (12, 8),
        3 => (16, 12),
        _ => return None,
    };
    let mut sections = Vec::new();
    let mut at = header;
    for _ in 0..body[8] {
        let fixed = at..at + length;
        let bytes = body.get(fixed.clone())?;
        at += length;
        let mut extensions = Vec::new();
        let mut more = bytes[6] & 0x80 != 0;
        while more {
            let head = body.get(at..at + 3)?;
            let (kind, words) = match head[0] & 0x7f {
                kind @ (11 | 19 | 20) => (kind, usize::from(head[1]) << 8 | usize::from(head[2])),
                kind => (kind, usize::from(head[1])),
            };
            if words == 0 || at + words * 4 > body.len() {
                return None;
            }
            extensions.push((kind, at..at + words * 4));
            more = head[0] & 0x80 != 0;
            at += words * 4;
        }
        sections.push(Section {
            id: u16::from(bytes[0]) << 4 | u16::from(bytes[1] >> 4),
            prbs: (
                u16::from(bytes[1] & 3) << 8 | u16::from(bytes[2]),
                u16::from(bytes[3]),
            ),
            count: bytes[5] & 15,
            fixed,
            extensions,
        });
    }
    Some(Control {
        section_type,
        start: body[7] & 63,
        header,
        sections,
    })
}

impl Control {
    /// Symbols of a section, as a mask.
    pub fn mask(&self, section: &Section) -> u16 {
        let all = (1u32 << section.count) - 1;
        (all << self.start.min(15)) as u16 & 0x3fff
    }

    /// Symbols of all sections.
    pub fn symbols(&self) -> u16 {
        self.sections
            .iter()
            .fold(0, |mask, section| mask | self.mask(section))
    }

    /// An extension speaks for other eAxC ids, or cannot be split by symbols.
    pub fn is_entangled(&self) -> bool {
        let kinds = self.sections.iter().flat_map(|section| &section.extensions);
        kinds
            .into_iter()
            .any(|(kind, _)| matches!(kind, 7 | 10 | 13 | 16 | 17 | 19 | 20))
    }
}

/// Where `part`'s section comes from in `whole`: equal but for numSymbol and symbol masks, within its symbols.
pub fn origin(part: (&Control, &[u8], &Section), whole: (&Control, &[u8])) -> Option<usize> {
    let (control, body, section) = part;
    let (source, source_body) = whole;
    source.sections.iter().position(|candidate| {
        control.mask(section) & !source.mask(candidate) == 0
            && same_fixed(
                &body[section.fixed.clone()],
                &source_body[candidate.fixed.clone()],
            )
            && same_extensions((body, section), (source_body, candidate))
    })
}

fn same_fixed(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a[..5] == b[..5] && a[5] & 0xf0 == b[5] & 0xf0 && a[6..] == b[6..]
}

fn same_extensions(a: (&[u8], &Section), b: (&[u8], &Section)) -> bool {
    let (bytes_a, section_a) = a;
    let (bytes_b, section_b) = b;
    section_a.extensions.len() == section_b.extensions.len()
        && section_a
            .extensions
            .iter()
            .zip(&section_b.extensions)
            .all(|((kind, x), (_, y))| {
                let (x, y) = (&bytes_a[x.clone()], &bytes_b[y.clone()]);
                match kind {
                    6 => {
                        x.len() == y.len()
                            && x[..6] == y[..6]
                            && x[6] & 0xc0 == y[6] & 0xc0
                            && x[8..] == y[8..]
                    }
                    12 => {
                        x.len() == y.len()
                            && x[..2] == y[..2]
                            && x[2] & 0xc0 == y[2] & 0xc0
                            && x[4..] == y[4..]
                    }
                    13 | 19 | 20 => x[..3] == y[..3],
                    _ => x == y,
                }
            })
}

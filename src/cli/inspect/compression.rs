//! A guess at the compression of U-plane samples, with its evidence.
//!
//! udCompHdr presence is not signalled and a wrong guess often still parses, so every packet is laid
//! against every hypothesis: the payload must be exactly the sections that it announces. The
//! hypothesis that fits all packets, alone, is the guess (CUS 7.5.2.10; lengths only, so captures cut
//! by a snap length do as well).

use std::collections::BTreeMap;

/// How often each hypothesis fitted.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    packets: u64,
    fits: BTreeMap<Hypothesis, Fit>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    /// Packets explained to the byte.
    exact: u64,
    /// Packets with a section header behind the snap length: no evidence either way.
    unseen: u64,
    prbs: u16,
}

/// A format, and whether each section names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Hypothesis {
    /// udCompHdr in every section.
    pub(super) dynamic: bool,
    /// udCompMeth; for `dynamic` false only 0 or 1: lengths do not tell 1, 2 and 3 apart, nor 0 and 4.
    pub(super) method: u8,
    /// Bits a sample, 1..=16.
    pub(super) width: u8,
}

/// The best hypothesis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Guess {
    pub(super) hypothesis: Hypothesis,
    /// Packets that it explains to the byte.
    pub(super) fitting: u64,
    /// Packets judged.
    pub(super) judged: u64,
    /// Largest PRB that the packets reach, plus one.
    pub(super) prbs: u16,
    /// Packets that the next best explains.
    pub(super) runner_up: u64,
}

impl Guess {
    /// True if every packet fits it and nothing else fits them all.
    pub(super) const fn is_certain(&self) -> bool {
        self.fitting == self.judged && self.runner_up < self.fitting
    }
}

impl Evidence {
    /// Lays a packet's `sections` (all bytes behind the radio header, of which `captured` are real)
    /// against every hypothesis.
    pub(super) fn record(&mut self, sections: &[u8], captured: usize) {
        let Some(seen) = sections.get(..captured.min(sections.len())) else {
            return;
        };
        self.packets += 1;
        for hypothesis in fixed().chain(announced(seen)) {
            match hypothesis.explains(seen, sections.len()) {
                Verdict::Wrong => {}
                Verdict::Unseen => self.fits.entry(hypothesis).or_default().unseen += 1,
                Verdict::Fits { prbs } => {
                    let fit = self.fits.entry(hypothesis).or_default();
                    fit.exact += 1;
                    fit.prbs = fit.prbs.max(prbs);
                }
            }
        }
    }

    /// The hypothesis with most fits; `None` if none fits any packet.
    pub(super) fn guess(&self) -> Option<Guess> {
        let found = self.fits.iter().filter(|(_, fit)| fit.exact > 0);
        let (best, fit) = found.max_by_key(|(h, fit)| (fit.exact, h.dynamic))?;
        let others = self.fits.iter().filter(|(h, _)| *h != best);
        Some(Guess {
            hypothesis: *best,
            fitting: fit.exact,
            judged: self.packets - fit.unseen,
            prbs: fit.prbs,
            runner_up: others.map(|(_, fit)| fit.exact).max().unwrap_or(0),
        })
    }
}

enum Verdict {
    /// A section header lies behind the snap length.
    Unseen,
    Wrong,
    Fits {
        prbs: u16,
    },
}

impl Hypothesis {
    /// Bytes of one PRB (12 subcarriers, I and Q, and the compression parameter).
    const fn prb_bytes(self) -> usize {
        let parameter = matches!(self.method, 1..=3) as usize;
        parameter + 3 * self.width as usize
    }

    /// Walks the section headers in `seen` of a packet with `len` bytes of sections.
    fn explains(self, seen: &[u8], len: usize) -> Verdict {
        let mut at = 0;
        let mut reach = 0;
        while len - at >= SECTION_HEADER {
            let header_len = SECTION_HEADER + if self.dynamic { COMPRESSION_HEADER } else { 0 };
            let Some(header) = seen.get(at..at + header_len) else {
                return if at + header_len > len {
                    Verdict::Wrong
                } else {
                    Verdict::Unseen
                };
            };
            if self.dynamic && announces(header) != Some(self) {
                return Verdict::Wrong;
            }
            let data = len - at - header_len;
            let Some(prbs) = self.section_prbs(header, data) else {
                return Verdict::Wrong;
            };
            at += header_len + usize::from(prbs.count) * self.prb_bytes();
            reach = reach.max(prbs.end());
        }
        match len - at {
            0 => Verdict::Fits { prbs: reach },
            _ => Verdict::Wrong,
        }
    }

    /// The PRBs of a section that has at most `data` bytes of samples. numPrbu 0 is the whole carrier:
    /// all the bytes that are left, if they are a carrier's number of PRBs.
    fn section_prbs(self, header: &[u8], data: usize) -> Option<Prbs> {
        let word = u32::from_be_bytes(*header.first_chunk()?);
        let (start, number) = ((word >> 8) as u16 & 0x3ff, word as u16 & 0xff);
        let stride = 1 + (word >> 19 & 1) as u16;
        if number > 0 {
            let fits = usize::from(number) * self.prb_bytes() <= data;
            return fits.then_some(Prbs {
                start,
                count: number,
                stride,
            });
        }
        let count = u16::try_from(data / self.prb_bytes()).ok()?;
        let whole = usize::from(count) * self.prb_bytes() == data;
        (whole && CARRIERS.contains(&count)).then_some(Prbs {
            start: 0,
            count,
            stride: 1,
        })
    }
}

struct Prbs {
    start: u16,
    count: u16,
    stride: u16,
}

impl Prbs {
    const fn end(&self) -> u16 {
        self.start + (self.count - 1) * self.stride + 1
    }
}

/// Formats without udCompHdr.
fn fixed() -> impl Iterator<Item = Hypothesis> {
    (1..=16).flat_map(|width| {
        [0, 1].map(|method| Hypothesis {
            dynamic: false,
            method,
            width,
        })
    })
}

/// The format that the first section names, if it can be one.
fn announced(seen: &[u8]) -> Option<Hypothesis> {
    seen.get(..SECTION_HEADER + COMPRESSION_HEADER)
        .and_then(announces)
}

fn announces(header: &[u8]) -> Option<Hypothesis> {
    let [_, _, _, _, format, 0] = header else {
        return None;
    };
    let width = match format >> 4 {
        0 => 16,
        width => width,
    };
    matches!(format & 0xf, 0..=4).then_some(Hypothesis {
        dynamic: true,
        method: format & 0xf,
        width,
    })
}

const SECTION_HEADER: usize = 4;
const COMPRESSION_HEADER: usize = 2;

/// Transmission bandwidths in PRBs (TS 38.101-1 and -2, table 5.3.2-1).
const CARRIERS: [u16; 36] = [
    11, 18, 24, 25, 31, 32, 38, 44, 51, 52, 58, 65, 66, 78, 79, 92, 93, 106, 107, 119, 121, 132,
    133, 135, 160, 162, 188, 189, 216, 217, 242, 245, 248, 264, 270, 273,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn section(start: u16, count: u8, format: Option<u8>, prb_bytes: usize) -> Vec<u8> {
        let word = u32::from(start) << 8 | u32::from(count);
        let mut bytes = word.to_be_bytes().to_vec();
        bytes.extend(format.into_iter().flat_map(|format| [format, 0]));
        bytes.resize(bytes.len() + usize::from(count) * prb_bytes, 0x5a);
        bytes
    }

    fn guess(packets: &[Vec<u8>]) -> Guess {
        let mut evidence = Evidence::default();
        for packet in packets {
            evidence.record(packet, packet.len());
        }
        evidence.guess().unwrap()
    }

    #[test]
    fn a_header_in_every_section_names_the_format() {
        let packets = [
            section(0, 51, Some(0x91), 28),
            section(0, 12, Some(0x91), 28),
        ];
        let guess = guess(&packets);
        let expected = Hypothesis {
            dynamic: true,
            method: 1,
            width: 9,
        };
        assert_eq!((guess.hypothesis, guess.prbs), (expected, 51));
        assert!(guess.is_certain());
    }

    #[test]
    fn without_headers_several_sizes_leave_one_format() {
        let two = [section(0, 1, None, 28), section(50, 2, None, 28)].concat();
        let guess = guess(&[section(0, 51, None, 28), section(10, 2, None, 28), two]);
        let expected = Hypothesis {
            dynamic: false,
            method: 1,
            width: 9,
        };
        assert_eq!((guess.hypothesis, guess.fitting), (expected, 3));
        assert!(guess.is_certain());
    }

    #[test]
    fn the_whole_carrier_is_counted_from_the_bytes() {
        let mut packet = section(0, 0, Some(0x91), 28);
        packet.resize(packet.len() + 273 * 28, 0);
        let guess = guess(&[packet]);
        assert_eq!((guess.hypothesis.width, guess.prbs), (9, 273));
    }

    #[test]
    fn lengths_are_evidence_though_the_samples_were_cut() {
        let packet = section(0, 51, Some(0x91), 28);
        let mut evidence = Evidence::default();
        evidence.record(&packet, 20);
        assert_eq!(evidence.guess().unwrap().judged, 1);
    }

    #[test]
    fn a_second_section_behind_the_cut_judges_nothing() {
        let packet = [section(0, 1, Some(0x91), 28), section(1, 1, Some(0x91), 28)].concat();
        let mut evidence = Evidence::default();
        evidence.record(&packet, 20);
        assert!(evidence.guess().is_none());
    }

    #[test]
    fn bytes_left_over_fit_nothing() {
        let mut packet = section(0, 51, Some(0x91), 28);
        packet.push(0);
        let mut evidence = Evidence::default();
        evidence.record(&packet, packet.len());
        assert!(evidence.guess().is_none());
    }
}

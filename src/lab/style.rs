//! How a DU describes a slot: the messages of its C-plane and the sections of its U-plane.
//!
//! Three layouts seen in the field: two open-source DUs that send one message per slot and eAxC with one
//! section, and a tester that splits the slot into four symbol groups of several sections each, one of
//! them repeated with complementary reMask (data and DMRS resource elements of the same PRBs).

/// Layout of C-plane messages and U-plane sections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Style {
    /// One message, one section, id 0, the carrier's PRBs by number (0 where 8 bits do not hold it).
    Explicit,
    /// One message, one section, id 1, numPrb 0: all PRBs.
    AllPrbs,
    /// Four messages a slot and eAxC, two to four sections each.
    SymbolGroups,
}

/// One C-plane message of a slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ControlMessage {
    pub start_symbol: u8,
    pub sections: Vec<ControlSection>,
}

/// One section of a C-plane message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ControlSection {
    pub span: Span,
    pub re_mask: u16,
    pub symbols: u8,
}

/// PRBs under one section id; `coded` is numPrb on the wire, 0 for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub id: u16,
    pub start: u16,
    pub count: u16,
    pub coded: u8,
}

impl Style {
    /// The style of that name on the command line.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "explicit" => Some(Self::Explicit),
            "all-prbs" => Some(Self::AllPrbs),
            "symbol-groups" => Some(Self::SymbolGroups),
            _ => None,
        }
    }

    /// The messages that describe `count` symbols from `first` of a carrier of `carrier` PRBs.
    pub(super) fn messages(self, carrier: u16, first: u8, count: u8) -> Vec<ControlMessage> {
        let end = first + count;
        let groups = self.groups().iter().enumerate();
        let cut = groups.filter_map(|(group, (from, to))| {
            let (from, to) = ((*from).max(first), (*to).min(end));
            (from < to).then(|| ControlMessage {
                start_symbol: from,
                sections: self.control_sections(carrier, group, to - from),
            })
        });
        cut.collect()
    }

    /// Which set of spans a symbol has: an index below `group_count`.
    pub(super) fn group(self, symbol: u8) -> usize {
        let groups = self.groups();
        let found = groups.iter().position(|(_, end)| symbol < *end);
        found.unwrap_or(groups.len() - 1)
    }

    /// Number of symbol groups.
    pub(super) const fn group_count(self) -> usize {
        self.groups().len()
    }

    /// The PRBs of one symbol of `group`, as U-plane sections name them.
    pub(super) fn spans(self, carrier: u16, group: usize) -> Vec<Span> {
        match self {
            Self::Explicit => vec![Span::new(0, 0, carrier, carrier)],
            Self::AllPrbs => vec![Span {
                coded: 0,
                ..Span::new(1, 0, carrier, carrier)
            }],
            Self::SymbolGroups => group_spans(carrier, group as u16),
        }
    }

    fn control_sections(self, carrier: u16, group: usize, symbols: u8) -> Vec<ControlSection> {
        let section = |span: Span, re_mask| ControlSection {
            span,
            re_mask,
            symbols,
        };
        let spans = self.spans(carrier, group);
        if self != Self::SymbolGroups || group == 0 {
            return spans.into_iter().map(|span| section(span, 0xfff)).collect();
        }
        let mut sections = Vec::new();
        for (n, span) in spans.into_iter().enumerate() {
            if n == 1 {
                sections.push(section(span, 0xaaa));
                sections.push(section(span, 0x555));
                continue;
            }
            sections.push(section(span, 0xfff));
        }
        sections
    }

    const fn groups(self) -> &'static [(u8, u8)] {
        match self {
            Self::Explicit | Self::AllPrbs => &[(0, 14)],
            Self::SymbolGroups => &[(0, 2), (2, 6), (6, 10), (10, 14)],
        }
    }
}

impl Span {
    /// `count` PRBs from `start`; coded as 0 where they are the whole carrier and 8 bits do not hold it.
    pub(super) const fn new(id: u16, start: u16, count: u16, carrier: u16) -> Self {
        let whole = start == 0 && count == carrier;
        Self {
            id,
            start,
            count,
            coded: if whole && count > 255 { 0 } else { count as u8 },
        }
    }
}

/// Three PRBs, then the rest in spans of at most 255 PRBs, each with an id of its group.
fn group_spans(carrier: u16, group: u16) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = 0;
    while start < carrier {
        let most = if start == 0 { 3 } else { 255 };
        let count = (carrier - start).min(most);
        let id = 8 * group + spans.len() as u16 + 1;
        spans.push(Span::new(id, start, count, carrier));
        start += count;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_covers_the_whole_slot_of_an_open_du() {
        let messages = Style::Explicit.messages(51, 0, 14);
        assert_eq!(messages.len(), 1);
        let section = messages[0].sections[0];
        assert_eq!(
            (section.span.id, section.span.coded, section.symbols),
            (0, 51, 14)
        );
    }

    #[test]
    fn a_carrier_that_eight_bits_do_not_hold_is_coded_as_all() {
        let messages = Style::Explicit.messages(273, 0, 14);
        assert_eq!(messages[0].sections[0].span.coded, 0);
    }

    #[test]
    fn the_other_open_du_says_all_with_section_id_one() {
        let section = Style::AllPrbs.messages(51, 0, 14)[0].sections[0];
        assert_eq!((section.span.id, section.span.coded), (1, 0));
    }

    #[test]
    fn a_tester_sends_four_messages_of_two_to_four_sections() {
        for carrier in [24, 51, 273] {
            let messages = Style::SymbolGroups.messages(carrier, 0, 14);
            let counts: Vec<usize> = messages.iter().map(|m| m.sections.len()).collect();
            assert_eq!(counts.len(), 4);
            assert!(counts.iter().all(|n| (2..=4).contains(n)), "{counts:?}");
        }
    }

    #[test]
    fn a_repeated_section_has_complementary_masks() {
        let message = &Style::SymbolGroups.messages(51, 0, 14)[1];
        let repeated = &message.sections[1..3];
        assert_eq!(repeated[0].span, repeated[1].span);
        assert_eq!((repeated[0].re_mask, repeated[1].re_mask), (0xaaa, 0x555));
    }

    #[test]
    fn a_special_slot_cuts_the_groups() {
        let messages = Style::SymbolGroups.messages(51, 0, 8);
        let symbols: u8 = messages.iter().map(|m| m.sections[0].symbols).sum();
        assert_eq!((messages.len(), symbols), (3, 8));
    }
}

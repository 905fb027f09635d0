//! Sequence numbers as they come: which is next, late, or there already, and how many never came.

/// The numbers of one peer, of 8 or 16 bits.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    modulus: u32,
    /// Newest number, and bit n set if the one n below it came.
    newest: Option<(u32, u128)>,
    lost: u64,
}

/// What a number is among those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Above all that came.
    Next,
    /// Below one that came.
    Late,
    /// Came before.
    Repeated,
}

impl Numbers {
    pub(super) const fn new(bits: u32) -> Self {
        Self {
            modulus: 1 << bits,
            newest: None,
            lost: 0,
        }
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn note(&mut self, number: u16) -> Order {
        let number = u32::from(number) % self.modulus;
        let Some((newest, came)) = &mut self.newest else {
            self.newest = Some((number, u128::MAX));
            return Order::Next;
        };
        let above = (number + self.modulus - *newest) % self.modulus;
        if above == 0 {
            return Order::Repeated;
        }
        if above < self.modulus / 2 {
            *came = came.checked_shl(above).unwrap_or(0) | 1;
            *newest = number;
            self.lost += u64::from(above - 1);
            return Order::Next;
        }
        let bit = 1u128.checked_shl(self.modulus - above).unwrap_or(0);
        if *came & bit != 0 {
            return Order::Repeated;
        }
        *came |= bit;
        self.lost = self.lost.saturating_sub(1);
        Order::Late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(bits: u32, numbers: &[u16]) -> (Vec<Order>, u64) {
        let mut state = Numbers::new(bits);
        let orders = numbers.iter().map(|number| state.note(*number)).collect();
        (orders, state.lost())
    }

    #[test]
    fn the_first_number_may_be_any() {
        assert_eq!(noted(8, &[77]), (vec![Order::Next], 0));
    }

    #[test]
    fn numbers_that_were_passed_over_are_lost_until_they_come() {
        let (orders, lost) = noted(8, &[254, 3, 255]);
        assert_eq!(
            (orders, lost),
            (vec![Order::Next, Order::Next, Order::Late], 3)
        );
    }

    #[test]
    fn a_late_number_that_comes_again_is_repeated() {
        let (orders, lost) = noted(16, &[10, 12, 11, 11, 12]);
        let last = &orders[2..];
        assert_eq!(last, [Order::Late, Order::Repeated, Order::Repeated]);
        assert_eq!(lost, 0);
    }
}

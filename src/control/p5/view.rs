//! What people may ask of a proxy: who is connected, and how far each PHY has come. A copy, taken when it changes.

/// One proxy at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// Towards the L2.
    pub l2: L2State,
    /// By `MemberId`.
    pub phys: Vec<PhyState>,
}

/// The connection to the L2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum L2State {
    /// Not wanted: the active PHY is not there.
    #[default]
    Waiting,
    /// It is tried.
    Connecting,
    /// It is there.
    Connected,
}

/// How far a PHY has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PhyState {
    /// It is not connected.
    #[default]
    Absent,
    /// It is connected and has not been started.
    Connected,
    /// It is being brought to where the L2 has brought the others.
    Rebuilding,
    /// It refused a request of the L2.
    Refused,
    /// It was started, and answered.
    Running,
}

impl L2State {
    /// The word of the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
        }
    }
}

impl PhyState {
    /// The word of the API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Connected => "connected",
            Self::Rebuilding => "rebuilding",
            Self::Refused => "refused",
            Self::Running => "running",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::p5::proxy::{Input, Proxy};
    use crate::control::p5::settings::{Answer, example};
    use crate::ran::{Instant, MemberId};
    use crate::wire::nfapi::Dialect;

    #[test]
    fn the_l2_is_waited_with_until_the_active_phy_is_there() {
        let mut proxy = Proxy::new(example(2, Answer::Active, Dialect::OaiNfapi));
        assert_eq!(proxy.view().l2, L2State::Waiting);
        proxy.take(Input::PhyConnected(MemberId(0)), Instant(0));
        assert_eq!(proxy.view().l2, L2State::Connecting);
        proxy.take(Input::L2Connected, Instant(1));
        assert_eq!(proxy.view().l2, L2State::Connected);
    }

    #[test]
    fn a_phy_is_absent_until_it_connects_and_after_it_has_gone() {
        let mut proxy = Proxy::new(example(2, Answer::Active, Dialect::OaiNfapi));
        let absent = PhyState::Absent;
        assert_eq!(proxy.view().phys, [absent, absent]);
        proxy.take(Input::PhyConnected(MemberId(1)), Instant(0));
        assert_eq!(proxy.view().phys, [absent, PhyState::Connected]);
        proxy.take(Input::PhyGone(MemberId(1)), Instant(1));
        assert_eq!(proxy.view().phys, [absent, absent]);
    }
}

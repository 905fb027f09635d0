//! The FAPI plane: one L2, a group of PHYs. `group` says who gets what of each request and which indication
//! reaches the L2, `book` remembers what each PHY has been given of a slot, `ticker` keeps the L2's clock,
//! SLOT.indication, without a gap, `uplink` what the L2 still waits for. SCF 222; the message controller of
//! US 12,388,748. Slots are those inside the messages, never those of their arrival.

pub mod book;
pub mod group;
pub mod ticker;
pub mod uplink;

/// The four slot requests of an L2 (SCF 222.10.02 clause 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Request {
    /// DL_TTI.request: due in every slot.
    DlTti,
    /// UL_TTI.request: due in every slot.
    UlTti,
    /// UL_DCI.request: where the L2 has one.
    UlDci,
    /// TX_DATA.request: where the L2 has one.
    TxData,
}

impl Request {
    /// All, in order of their index.
    pub const ALL: [Self; 4] = [Self::DlTti, Self::UlTti, Self::UlDci, Self::TxData];

    /// Those that a running PHY expects in every slot.
    pub const EVERY_SLOT: [Self; 2] = [Self::DlTti, Self::UlTti];

    /// Position in `ALL`.
    pub const fn index(self) -> usize {
        self as usize
    }
}

//! What a proxy is told at its start. The configuration is compiled into it.

use crate::ran::{Duration, MemberId};
use crate::wire::nfapi::{Dialect, PhyId};
use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

/// Most members of a group, as on the lcores.
pub const MEMBERS: usize = 8;

/// How long a PHY may take to answer before the L2 is answered without it. Starting a radio takes seconds.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(10_000);

/// Settings of one proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Name of the cell, for people.
    pub cell: String,
    /// How the L2 and every PHY write. P5 bodies are not translated, so that they write alike.
    pub dialect: Dialect,
    /// What carries P5, on both sides.
    pub transport: Transport,
    /// Where the L2 listens.
    pub l2: SocketAddr,
    /// Where PHYs connect to.
    pub listen: SocketAddr,
    /// PHY_ID on the L2's side.
    pub l2_phy: PhyId,
    /// P7 address that the L2 is told: that of the appliance on the L2's side.
    pub l2_p7: SocketAddrV4,
    /// Whose answer the L2 gets.
    pub answer: Answer,
    /// How long a PHY may take to answer.
    pub answer_within: Duration,
    /// Who is active at the start.
    pub active: MemberId,
    /// The PHYs, in the order of the cell's members.
    pub members: Vec<MemberSettings>,
}

/// Settings of one PHY.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberSettings {
    /// Name, for people.
    pub name: String,
    /// Where it connects from; how it is recognised.
    pub address: IpAddr,
    /// PHY_ID that it expects and writes.
    pub phy: PhyId,
    /// P7 address that it is told: that of the appliance on its side.
    pub p7: SocketAddrV4,
}

/// What carries P5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// TCP: the length in the header frames messages.
    Tcp,
    /// SCTP of the kernel, one user message per message.
    Sctp,
}

/// Whose answer the L2 gets when all have answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The active member's.
    Active,
    /// The first refusal; the active member's if none refused.
    Worst,
}

/// Settings that no proxy can work by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unusable {
    /// Plain FAPI has no transport for P5.
    Dialect(Dialect),
    /// There is nobody, or more than a group holds.
    Members(usize),
    /// The active member is none of them.
    Active(MemberId),
    /// A PHY_ID above 255 in a dialect with 8 bits for it.
    Phy(PhyId),
    /// Two members come from the same address.
    Address(IpAddr),
}

impl Settings {
    /// Refuses what cannot work.
    pub fn check(&self) -> Result<(), Unusable> {
        if !matches!(self.dialect, Dialect::OaiNfapi | Dialect::Scf225v2) {
            return Err(Unusable::Dialect(self.dialect));
        }
        if !(1..=MEMBERS).contains(&self.members.len()) {
            return Err(Unusable::Members(self.members.len()));
        }
        if self.active.index() >= self.members.len() {
            return Err(Unusable::Active(self.active));
        }
        let phys = self.members.iter().map(|member| member.phy);
        let wide = [self.l2_phy]
            .into_iter()
            .chain(phys)
            .find(|phy| phy.0 > 255);
        if let (Dialect::Scf225v2, Some(phy)) = (self.dialect, wide) {
            return Err(Unusable::Phy(phy));
        }
        for (index, member) in self.members.iter().enumerate() {
            let mut before = self.members.iter().take(index);
            if before.any(|other| other.address == member.address) {
                return Err(Unusable::Address(member.address));
            }
        }
        Ok(())
    }

    /// The member that connects from `address`.
    pub fn member_at(&self, address: IpAddr) -> Option<MemberId> {
        let found = |member: &MemberSettings| member.address == address.to_canonical();
        let index = self.members.iter().position(found)?;
        u8::try_from(index).ok().map(MemberId)
    }

    /// Name of a member.
    pub fn name(&self, member: MemberId) -> &str {
        let found = self.members.get(member.index());
        found.map_or("?", |member| &member.name)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialect(dialect) => write!(
                f,
                "P5 has no transport in the dialect {}: leave `p5` out, or use oai-nfapi or scf225v2",
                dialect.word()
            ),
            Self::Members(found) => write!(f, "{found} members; 1 to {MEMBERS} are possible"),
            Self::Active(member) => write!(f, "the active member {} is none of them", member.0),
            Self::Phy(phy) => write!(f, "PHY_ID {} has no room in scf225v2: 0 to 255", phy.0),
            Self::Address(address) => write!(
                f,
                "two members connect from {address}: they could not be told apart"
            ),
        }
    }
}

impl std::error::Error for Unusable {}

/// Settings with PHYs of PHY_ID 10 and on, at 127.0.0.10 and on.
#[cfg(test)]
pub(super) fn example(members: u8, answer: Answer, dialect: Dialect) -> Settings {
    use std::net::Ipv4Addr;
    let local = |last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    let members = (0..members).map(|index| MemberSettings {
        name: format!("phy-{index}"),
        address: local(10 + index),
        phy: PhyId(10 + u16::from(index)),
        p7: SocketAddrV4::new(Ipv4Addr::new(10, 2, index, 1), 50_010),
    });
    Settings {
        cell: "cell-1".to_owned(),
        dialect,
        transport: Transport::Tcp,
        l2: SocketAddr::new(local(1), 50_001),
        listen: SocketAddr::new(local(1), 50_011),
        l2_phy: PhyId(1),
        l2_p7: SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 1), 50_010),
        answer,
        answer_within: ANSWER_WITHIN,
        active: MemberId(0),
        members: members.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn settings() -> Settings {
        example(2, Answer::Active, Dialect::Scf225v2)
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert_eq!(settings().check(), Ok(()));
        let refused = |change: &dyn Fn(&mut Settings)| {
            let mut settings = settings();
            change(&mut settings);
            settings.check().unwrap_err()
        };
        let dialect = Dialect::FapiBig;
        assert_eq!(
            refused(&|settings| settings.dialect = dialect),
            Unusable::Dialect(dialect)
        );
        assert_eq!(
            refused(&|settings| settings.members.clear()),
            Unusable::Members(0)
        );
        assert_eq!(
            refused(&|settings| settings.active = MemberId(2)),
            Unusable::Active(MemberId(2))
        );
        assert_eq!(
            refused(&|settings| settings.members[1].phy = PhyId(256)),
            Unusable::Phy(PhyId(256))
        );
        let address = settings().members[0].address;
        assert_eq!(
            refused(&|settings| settings.members[1].address = address),
            Unusable::Address(address)
        );
    }

    #[test]
    fn a_member_is_known_by_its_address_mapped_or_not() {
        let address = Ipv4Addr::new(127, 0, 0, 11);
        for address in [IpAddr::V4(address), IpAddr::V6(address.to_ipv6_mapped())] {
            assert_eq!(settings().member_at(address), Some(MemberId(1)));
        }
        let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 12));
        assert_eq!(settings().member_at(other), None);
    }
}

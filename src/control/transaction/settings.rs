//! What the director knows of the configuration: names, servers, bounds.

use super::phase::Deadlines;
use crate::ran::{CellId, Duration, MemberId};

/// All of it, of one term.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Term of the configuration.
    pub term: u64,
    /// By `CellId`.
    pub cells: Vec<CellSettings>,
    /// Servers in order of the configuration.
    pub servers: Vec<ServerSettings>,
    /// How long each phase may take.
    pub deadlines: Deadlines,
    /// What follows when UEs are left at the deadline of `moving-ues`.
    pub at_deadline: AtDeadline,
    /// Cells of a drain under way at once.
    pub parallel: usize,
    /// From the command to the instant at which several cells switch together.
    pub lead: Duration,
    /// Mean liveness margins of source and destination may differ by this; `None`: not checked.
    pub aligned_within: Option<Duration>,
    /// Losses within this of the first belong to one failure.
    pub join_within: Duration,
    /// What becomes of cells of a lost server that still have an active member there.
    pub rest: Rest,
    /// Drivers that do something by themselves; the others are people.
    pub drivers: DriverSet,
}

/// One cell.
#[derive(Clone, Debug, Default)]
pub struct CellSettings {
    /// Its name.
    pub name: String,
    /// By `MemberId`.
    pub members: Vec<MemberSettings>,
    /// It has an RU: the fronthaul switches.
    pub fronthaul: bool,
    /// It has an L2: FAPI switches.
    pub fapi: bool,
    /// C-plane is forwarded by owner-wins, which needs members that describe control symbols alike.
    pub owner_wins: bool,
    /// Length of a slot.
    pub slot: Duration,
    /// Who is active at the start.
    pub active: MemberId,
    /// The first standby at the start.
    pub armed: Option<MemberId>,
}

/// One member of a cell.
#[derive(Clone, Debug, Default)]
pub struct MemberSettings {
    /// Its name.
    pub name: String,
    /// The name of its DU.
    pub du: Option<String>,
    /// The name of its PHY.
    pub phy: Option<String>,
    /// One backup for many cells.
    pub pooled: bool,
    /// Taken as in step without evidence.
    pub assumed: bool,
}

/// One server.
#[derive(Clone, Debug, Default)]
pub struct ServerSettings {
    /// Its name.
    pub name: String,
    /// Names of the DUs that run on it.
    pub dus: Vec<String>,
    /// Names of the PHYs that run on it.
    pub phys: Vec<String>,
}

/// What follows when the time for moving UEs is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AtDeadline {
    /// The switch: UEs that are left lose their radio link and come back.
    Switch,
    /// The way back.
    #[default]
    RollBack,
}

/// What becomes of the rest of a lost server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rest {
    /// It is told that they speak on.
    #[default]
    Report,
    /// They are moved, as they still can be without loss.
    Move,
}

/// Which drivers are programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DriverSet {
    /// Starts and stops members.
    pub member: bool,
    /// Tells the MACs the slot pattern.
    pub pattern: bool,
    /// Moves UEs from source to destination.
    pub ues: bool,
}

impl Settings {
    /// The cell of this name.
    pub fn cell(&self, name: &str) -> Option<(CellId, &CellSettings)> {
        let index = self.cells.iter().position(|cell| cell.name == name)?;
        Some((CellId(index as u16), self.cells.get(index)?))
    }

    /// The server of this name.
    pub fn server(&self, name: &str) -> Option<&ServerSettings> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// The server that `member` runs on, by its DU or its PHY; without one its own name.
    pub fn home(&self, member: &MemberSettings) -> String {
        let server = self.servers.iter().find(|server| server.carries(member));
        server.map_or_else(|| member.name.clone(), |server| server.name.clone())
    }

    /// True if losing `place`, a server or a single member, takes `member` along.
    pub fn is_at(&self, place: &str, member: &MemberSettings) -> bool {
        match self.server(place) {
            Some(server) => server.carries(member),
            None => member.name == place,
        }
    }
}

impl CellSettings {
    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<MemberId> {
        let index = self.members.iter().position(|member| member.name == name)?;
        Some(MemberId(index as u8))
    }

    /// A member's name.
    pub fn name_of(&self, member: MemberId) -> String {
        let member = self.members.get(member.index());
        member.map_or_else(|| "nobody".to_owned(), |member| member.name.clone())
    }
}

impl ServerSettings {
    /// True if the DU or the PHY of `member` runs here.
    pub fn carries(&self, member: &MemberSettings) -> bool {
        let among = |names: &[String], name: &Option<String>| {
            name.as_ref().is_some_and(|name| names.contains(name))
        };
        among(&self.dus, &member.du) || among(&self.phys, &member.phy)
    }
}

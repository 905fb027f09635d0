//! From the configuration to what the director knows of it.

use super::phase::Deadlines;
use super::settings::{
    AtDeadline, CellSettings, DriverSet, MemberSettings, Rest, ServerSettings, Settings,
};
use crate::config::Config;
use crate::config::model::{Attachment, Cell, CplaneStyle, Driver, Member, Server};

impl Settings {
    /// Of a configuration in force under `term`.
    pub fn of(config: &Config, term: u64) -> Self {
        let of = &config.transactions;
        let bounds = of.deadlines;
        Self {
            term,
            cells: config
                .cells
                .iter()
                .map(|cell| self::cell(config, cell))
                .collect(),
            servers: config
                .servers
                .iter()
                .map(|one| server(config, one))
                .collect(),
            deadlines: Deadlines {
                preparing: bounds.preparing,
                sharing: bounds.sharing,
                moving_ues: bounds.moving_ues,
                switching: bounds.switching,
                confirming: bounds.confirming,
                rolling_back: bounds.rolling_back,
            },
            at_deadline: match of.switch_at_deadline {
                true => AtDeadline::Switch,
                false => AtDeadline::RollBack,
            },
            parallel: of.parallel,
            lead: of.lead,
            aligned_within: of.aligned_within,
            join_within: of.join_within,
            rest: if of.move_rest {
                Rest::Move
            } else {
                Rest::Report
            },
            drivers: DriverSet {
                member: config.drivers.member != Driver::Manual,
                pattern: config.drivers.pattern != Driver::Manual,
                ues: config.drivers.ues != Driver::Manual,
            },
        }
    }
}

fn cell(config: &Config, cell: &Cell) -> CellSettings {
    CellSettings {
        name: cell.name.clone(),
        members: cell.members.iter().map(|one| member(config, one)).collect(),
        fronthaul: cell.ru.is_some(),
        fapi: cell.fapi.is_some(),
        owner_wins: cell.sharing.cplane == CplaneStyle::OwnerWins,
        slot: cell.numerology.slot_duration(),
        active: cell.active,
        armed: cell.failover.standby.first().copied(),
    }
}

fn member(config: &Config, member: &Member) -> MemberSettings {
    let du = member.du.and_then(|du| config.dus.get(du));
    let phy = member.phy.and_then(|phy| config.phys.get(phy));
    MemberSettings {
        name: config.member_name(member).to_owned(),
        du: du.map(|du| du.peer.name.clone()),
        phy: phy.map(|phy| phy.peer.name.clone()),
        pooled: du.is_some_and(|du| du.attachment == Attachment::Pooled),
        assumed: member.assume_in_step,
    }
}

fn server(config: &Config, server: &Server) -> ServerSettings {
    let dus = server.dus.iter().filter_map(|du| config.dus.get(*du));
    let phys = server.phys.iter().filter_map(|phy| config.phys.get(*phy));
    ServerSettings {
        name: server.name.clone(),
        dus: dus.map(|du| du.peer.name.clone()).collect(),
        phys: phys.map(|phy| phy.peer.name.clone()).collect(),
    }
}

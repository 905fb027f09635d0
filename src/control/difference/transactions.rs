//! Servers, transactions and drivers: what differs in them.

use super::{Object, optional};
use crate::config::Config;
use crate::config::model::{Driver, FapiPeer, Server};
use crate::ran::Duration;

pub(super) fn objects(config: &Config) -> Vec<Object> {
    let mut all: Vec<Object> = config
        .servers
        .iter()
        .map(|one| server(config, one))
        .collect();
    let of = &config.transactions;
    let object = Object::new("transactions".to_owned())
        .with(
            "at_deadline",
            if of.switch_at_deadline {
                "switch"
            } else {
                "roll_back"
            },
        )
        .with("parallel", of.parallel.to_string())
        .with("lead", span(of.lead))
        .with("aligned_within", optional(of.aligned_within.map(span)))
        .with("join_within", span(of.join_within))
        .with(
            "rest_of_server",
            if of.move_rest { "move" } else { "report" },
        )
        .with(
            "journal",
            optional(of.journal.as_ref().map(|file| file.display())),
        );
    all.push(object);
    let deadlines = &of.deadlines;
    let object = Object::new("transactions.deadlines".to_owned())
        .with("preparing", span(deadlines.preparing))
        .with("sharing", span(deadlines.sharing))
        .with("moving_ues", span(deadlines.moving_ues))
        .with("switching", span(deadlines.switching))
        .with("confirming", span(deadlines.confirming))
        .with("rolling_back", span(deadlines.rolling_back));
    all.push(object);
    let object = Object::new("drivers".to_owned())
        .with("member", driver(&config.drivers.member))
        .with("pattern", driver(&config.drivers.pattern))
        .with("ues", driver(&config.drivers.ues));
    all.push(object);
    all
}

fn server(config: &Config, server: &Server) -> Object {
    let dus = server.dus.iter().filter_map(|du| config.dus.get(*du));
    let dus: Vec<&str> = dus.map(|du| du.peer.name.as_str()).collect();
    let phys = server.phys.iter().filter_map(|phy| config.phys.get(*phy));
    let phys: Vec<&str> = phys.map(|phy: &FapiPeer| phy.peer.name.as_str()).collect();
    Object::new(format!("servers.{}", server.name))
        .with("dus", dus.join(", "))
        .with("phys", phys.join(", "))
}

fn driver(driver: &Driver) -> String {
    match driver {
        Driver::Manual => "manual".to_owned(),
        Driver::Webhook { url, timeout } => format!("{url} within {}", span(*timeout)),
        Driver::Command { argv, timeout } => format!("{argv:?} within {}", span(*timeout)),
    }
}

fn span(duration: Duration) -> String {
    format!("{} us", duration.as_nanos() / 1000)
}

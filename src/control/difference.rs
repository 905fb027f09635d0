//! What differs between two configurations, in the words of the file: one line for each key whose
//! meaning has changed, one for each object that came or went. How a value was written is no difference.

mod fapi;
mod midhaul;
mod transactions;

use crate::config::Config;
use crate::config::model::{
    Api, Attachment, Bridge, Cell, Compression, CplaneStyle, EcpriPolicy, Lcores, Member, Pass,
    Peer, PrbUse, Recorder, Streams, TimeSource, Transport, UplinkOverlap,
};
use crate::ran::{Duration, MemberId, PortId, VlanStack};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// What differs, as in `cells.cell-1.liveness.confirm`.
    pub object: String,
    /// How.
    pub change: Change,
    /// Before; empty for what is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Now; empty for what is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// How something differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It has another value.
    Changed,
    /// It was not there.
    Added,
    /// It is gone.
    Removed,
}

/// What differs from `old` to `new`, in the order of the file.
pub fn difference(old: &Config, new: &Config) -> Vec<Difference> {
    let (before, now) = (objects(old), objects(new));
    let mut found = Vec::new();
    for object in &before {
        match now.iter().find(|other| other.path == object.path) {
            Some(other) => found.extend(object.differs_from(other)),
            None => found.push(object.whole(Change::Removed)),
        }
    }
    let known: BTreeSet<&str> = before.iter().map(|object| object.path.as_str()).collect();
    let added = now
        .iter()
        .filter(|object| !known.contains(object.path.as_str()));
    found.extend(added.map(|object| object.whole(Change::Added)));
    found
}

/// One named object, or a section of the file that has no names: its keys and values.
struct Object {
    path: String,
    keys: Vec<(String, String)>,
}

impl Object {
    fn new(path: String) -> Self {
        Self {
            path,
            keys: Vec::new(),
        }
    }

    fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.keys.push((key.to_owned(), value.into()));
        self
    }

    fn whole(&self, change: Change) -> Difference {
        Difference {
            object: self.path.clone(),
            change,
            from: None,
            to: None,
        }
    }

    fn differs_from<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = Difference> + 'a {
        let value = |object: &Self, key: &str| {
            let mut keys = object.keys.iter();
            keys.find(|(name, _)| name == key)
                .map(|(_, value)| value.clone())
        };
        let gone_or_changed = self
            .keys
            .iter()
            .map(move |(key, from)| (key, Some(from.clone()), value(now, key)));
        let added = now
            .keys
            .iter()
            .filter(move |(key, _)| value(self, key).is_none());
        let added = added.map(|(key, to)| (key, None, Some(to.clone())));
        let all = gone_or_changed.chain(added);
        all.filter(|(_, from, to)| from != to)
            .map(|(key, from, to)| Difference {
                object: format!("{}.{key}", self.path),
                change: match (&from, &to) {
                    (None, _) => Change::Added,
                    (_, None) => Change::Removed,
                    _ => Change::Changed,
                },
                from,
                to,
            })
    }
}

fn objects(config: &Config) -> Vec<Object> {
    let mut all = Vec::new();
    for port in &config.ports {
        let device = port.device.clone().unwrap_or_else(|| "none".to_owned());
        let object = Object::new(format!("ports.{}", port.name));
        let object = object
            .with("mtu", port.mtu.to_string())
            .with("device", device);
        all.push(object.with("lcore", optional(port.lcore)));
    }
    for ru in &config.rus {
        all.push(peer(config, Object::new(format!("rus.{}", ru.name)), ru));
    }
    for du in &config.dus {
        let object = peer(
            config,
            Object::new(format!("dus.{}", du.peer.name)),
            &du.peer,
        );
        let attachment = match du.attachment {
            Attachment::Dedicated => "dedicated",
            Attachment::Pooled => "pooled",
        };
        all.push(object.with("attachment", attachment));
        all.extend(midhaul::f1(config, du));
    }
    all.extend(config.cus.iter().map(|cu| midhaul::cu(config, cu)));
    let l2s = config.l2s.iter().map(|l2| ("l2s", l2));
    for (section, fapi) in l2s.chain(config.phys.iter().map(|phy| ("phys", phy))) {
        let object = Object::new(format!("{section}.{}", fapi.peer.name));
        all.push(fapi::peer(peer(config, object, &fapi.peer), fapi));
    }
    for cell in &config.cells {
        all.push(self::cell(config, cell));
        let members = cell.members.iter().map(|member| {
            let name = config.member_name(member);
            let object = Object::new(format!("cells.{}.members.{name}", cell.name));
            streams(object, &member.streams)
                .with("assume_in_step", member.assume_in_step.to_string())
                .with("phy", phy_name(config, member))
                .with("slot_offset", member.slot_offset.to_string())
        });
        all.extend(members);
    }
    all.extend(transactions::objects(config));
    all.push(lcores(&config.lcores));
    all.extend(config.api.as_ref().map(api));
    let log = &config.log;
    let format = log
        .format
        .map(|format| format!("{format:?}").to_lowercase());
    let log = Object::new("log".to_owned()).with("format", optional(format));
    all.push(log.with("level", format!("{:?}", config.log.level).to_lowercase()));
    let file = config.state.as_ref().map(|file| file.display());
    all.push(Object::new("state".to_owned()).with("file", optional(file)));
    all.extend(config.recorder.as_ref().map(recorder));
    all.push(bridge(config, &config.bridge));
    all.push(ecpri(&config.ecpri));
    all
}

fn peer(config: &Config, object: Object, peer: &Peer) -> Object {
    let transport = match peer.transport {
        Transport::Ethernet => "ethernet".to_owned(),
        Transport::Udp {
            peer,
            facing,
            peer_port,
            facing_port,
        } => format!("udp peer {peer}:{peer_port}, facing {facing}:{facing_port}"),
    };
    let vlan = if peer.vlan_control == peer.vlan_user {
        stack(peer.vlan_control)
    } else {
        let (control, user) = (stack(peer.vlan_control), stack(peer.vlan_user));
        format!("control {control}, user {user}")
    };
    object
        .with("port", port_name(config, peer.port))
        .with("mac", peer.mac.to_string())
        .with("facing", peer.facing.to_string())
        .with("vlan", vlan)
        .with("pcp", peer.pcp.to_string())
        .with("transport", transport)
}

fn cell(config: &Config, cell: &Cell) -> Object {
    let object = Object::new(format!("cells.{}", cell.name));
    let ru = cell.ru.and_then(|ru| config.rus.get(ru));
    let ru = ru.map_or("none", |ru| ru.name.as_str());
    let time = match cell.time {
        TimeSource::Gps { alpha, beta } => format!("gps, alpha {alpha}, beta {beta}"),
        TimeSource::Headers => "headers".to_owned(),
    };
    let periods = &cell.periods;
    let object = object
        .with("ru", ru)
        .with("numerology", cell.numerology.mu().to_string())
        .with("cyclic_prefix", format!("{:?}", cell.prefix).to_lowercase())
        .with("carrier_prbs", cell.carrier_prbs.to_string())
        .with("eaxc_bits", list(cell.layout.widths()));
    let object = streams(object, &cell.streams)
        .with(
            "compression.downlink",
            compression(cell.downlink_compression),
        )
        .with("compression.uplink", compression(cell.uplink_compression))
        .with("time", time)
        .with("step_window", duration(cell.step_window))
        .with("step_memory", duration(cell.step_memory))
        .with("late_tolerance", duration(cell.late_tolerance))
        .with("largest_lead", duration(cell.largest_lead))
        .with(
            "transmit_window_end.downlink_control",
            duration(cell.transmit.downlink_control),
        )
        .with(
            "transmit_window_end.uplink_control",
            duration(cell.transmit.uplink_control),
        )
        .with(
            "transmit_window_end.downlink_user",
            duration(cell.transmit.downlink_user),
        )
        .with("periods.tdd", periods.tdd.to_string())
        .with("periods.ssb", optional(periods.ssb))
        .with("periods.prach", optional(periods.prach))
        .with("members", members(config, cell).join(", "))
        .with("active", member(config, cell, cell.active))
        .with("lcore", optional(cell.lcore));
    let object = match &cell.fapi {
        Some(fapi) => fapi::plane(config, fapi, object),
        None => object.with("fapi", "none"),
    };
    sharing(config, cell, plan(config, cell, object))
}

fn plan(config: &Config, cell: &Cell, object: Object) -> Object {
    let liveness = &cell.liveness;
    let declared = &liveness.declared;
    let standby = cell
        .failover
        .standby
        .iter()
        .map(|id| member(config, cell, *id));
    object
        .with("liveness.enabled", liveness.enabled.to_string())
        .with("liveness.history", liveness.history.to_string())
        .with("liveness.confirm", liveness.confirm.to_string())
        .with("liveness.grace", duration(liveness.grace))
        .with(
            "liveness.declared.downlink_control",
            list(&declared.downlink_control),
        )
        .with(
            "liveness.declared.uplink_control",
            list(&declared.uplink_control),
        )
        .with(
            "liveness.declared.downlink_user",
            list(&declared.downlink_user),
        )
        .with("failover.standby", words(standby))
        .with("failover.damping", duration(cell.failover.damping))
        .with(
            "failover.signals",
            words(
                cell.failover
                    .signals
                    .iter()
                    .map(|signal| signal.word().to_owned()),
            ),
        )
        .with("failover.lost_when", cell.failover.least.to_string())
        .with("failover.priority", cell.failover.priority.to_string())
}

fn sharing(config: &Config, cell: &Cell, object: Object) -> Object {
    let sharing = &cell.sharing;
    let masks = sharing
        .control_symbols
        .masks
        .iter()
        .map(|mask| symbols(*mask));
    let ports = |map: &[(u16, u16)]| words(map.iter().map(|(from, to)| format!("{from}: {to}")));
    let broadcast = sharing.broadcast.iter().map(|broadcast| {
        let name = member(config, cell, broadcast.member);
        format!(
            "{name} every {} slots at {}",
            broadcast.period,
            list(&broadcast.slots)
        )
    });
    let owners = sharing.pattern.destination.iter();
    let pattern: String = owners.map(|owner| if *owner { 'D' } else { 'S' }).collect();
    let adaptive = sharing.adaptive.map_or("none".to_owned(), |adaptive| {
        format!(
            "window {}, floor {}",
            duration(adaptive.window),
            adaptive.floor
        )
    });
    object
        .with("sharing.control_symbols", words(masks))
        .with("sharing.source_ports", ports(&sharing.source_ports))
        .with(
            "sharing.destination_ports",
            ports(&sharing.destination_ports),
        )
        .with("sharing.broadcast", words(broadcast))
        .with(
            "sharing.cplane",
            match sharing.cplane {
                CplaneStyle::Split => "split",
                CplaneStyle::OwnerWins => "owner_wins",
            },
        )
        .with("sharing.pattern", pattern)
        .with("sharing.pattern_lead", sharing.pattern_lead.to_string())
        .with("sharing.adaptive", adaptive)
        .with(
            "sharing.prb_use",
            match sharing.prb_use {
                PrbUse::Announced => "announced".to_owned(),
                PrbUse::Exponents { symbols: mask } => format!("exponents of {}", symbols(mask)),
            },
        )
        .with(
            "sharing.disjoint_ue_ids",
            sharing.disjoint_ue_ids.to_string(),
        )
        .with(
            "sharing.uplink_overlap",
            match sharing.uplink_overlap {
                UplinkOverlap::MapSectionIds => "map_section_ids",
                UplinkOverlap::Refuse => "refuse",
            },
        )
}

fn lcores(lcores: &Lcores) -> Object {
    let idle = lcores.idle.iter().map(|idle| idle.word().to_owned());
    Object::new("lcores".to_owned())
        .with("cores", list(&lcores.cores))
        .with("idle", words(idle))
        .with("hugepages", lcores.hugepages.to_string())
        .with("memory", optional(lcores.memory))
        .with("lock_memory", lcores.lock_memory.to_string())
}

fn api(api: &Api) -> Object {
    let path = |path: Option<&PathBuf>| optional(path.map(|path| path.display()));
    let tls = api.tls.as_ref();
    Object::new("api".to_owned())
        .with("listen", optional(api.listen))
        .with("socket", path(api.socket.as_ref()))
        .with("tls.certificate", path(tls.map(|tls| &tls.certificate)))
        .with("tls.key", path(tls.map(|tls| &tls.key)))
        .with("tokens", path(api.tokens.as_ref()))
        .with("connections", api.connections.to_string())
        .with("rate", api.rate.to_string())
}

fn recorder(recorder: &Recorder) -> Object {
    Object::new("recorder".to_owned())
        .with("frames", optional(recorder.frames))
        .with("snap", recorder.snap.to_string())
        .with("directory", recorder.directory.display().to_string())
        .with("keep", recorder.keep.to_string())
        .with("space", format!("{} MiB", recorder.space))
}

fn bridge(config: &Config, bridge: &Bridge) -> Object {
    let flood = config.ports.iter().zip(&bridge.flood).map(|(port, to)| {
        let to = words(to.iter().map(|to| port_name(config, *to)));
        format!("{}: {to}", port.name)
    });
    let hosts = bridge.hosts.iter();
    let hosts = hosts.map(|(mac, port)| format!("{mac} on {}", port_name(config, *port)));
    Object::new("bridge".to_owned())
        .with("flood", words(flood))
        .with("hosts", words(hosts))
        .with("ptp", pass(bridge.ptp))
        .with("link_local", pass(bridge.link_local))
        .with("other", pass(bridge.other))
}

fn ecpri(policy: &EcpriPolicy) -> Object {
    let size = if policy.lenient_size {
        "lenient"
    } else {
        "strict"
    };
    Object::new("ecpri".to_owned())
        .with("size", size)
        .with("reserved_types", pass(policy.reserved_types))
        .with("vendor_types", pass(policy.vendor_types))
}

fn streams(object: Object, streams: &Streams) -> Object {
    object
        .with("eaxc.downlink", list(&streams.downlink))
        .with("eaxc.uplink", list(&streams.uplink))
        .with("eaxc.prach", list(&streams.prach))
}

fn compression(compression: Compression) -> String {
    let header = if compression.header {
        "dynamic"
    } else {
        "static"
    };
    format!(
        "method {}, width {}, header {header}",
        compression.method, compression.width
    )
}

fn members(config: &Config, cell: &Cell) -> Vec<String> {
    let members = cell.members.iter();
    members
        .map(|member| config.member_name(member).to_owned())
        .collect()
}

fn member(config: &Config, cell: &Cell, id: MemberId) -> String {
    let member = cell.members.get(id.index());
    member
        .map_or("", |member| config.member_name(member))
        .to_owned()
}

fn phy_name(config: &Config, member: &Member) -> String {
    let phy = member.phy.and_then(|phy| config.phys.get(phy));
    phy.map_or("none", |phy| &phy.peer.name).to_owned()
}

fn port_name(config: &Config, port: PortId) -> String {
    let port = config.ports.get(port.index());
    port.map_or_else(String::new, |port| port.name.clone())
}

fn stack(stack: VlanStack) -> String {
    match stack.count() {
        0 => "none".to_owned(),
        _ => stack.to_string(),
    }
}

const fn pass(pass: Pass) -> &'static str {
    match pass {
        Pass::Pass => "pass",
        Pass::Drop => "drop",
    }
}

fn symbols(mask: u16) -> String {
    list((0..16u16).filter(|symbol| mask >> symbol & 1 == 1))
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

fn words(words: impl Iterator<Item = String>) -> String {
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

/// In the largest unit that divides it.
fn duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    for (unit, length) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)] {
        if nanos > 0 && nanos.is_multiple_of(length) {
            return format!("{}{unit}", nanos / length);
        }
    }
    format!("{nanos}ns")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Driver;

    const FILE: &str = include_str!("../../configs/one-cell-two-dus.yaml");

    fn config(text: &str) -> Config {
        let loaded = crate::config::parse(text, "test.yaml");
        loaded
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config
    }

    fn changed(change: impl FnOnce(&mut Config)) -> Vec<Difference> {
        let old = config(FILE);
        let mut new = old.clone();
        change(&mut new);
        difference(&old, &new)
    }

    #[test]
    fn a_file_differs_in_nothing_from_itself_with_other_spacing_and_comments() {
        let other = format!("# a comment\n{FILE}\n\n");
        assert_eq!(difference(&config(FILE), &config(&other)), []);
    }

    #[test]
    fn a_changed_key_is_named_with_both_values() {
        let found = changed(|config| config.cells[0].liveness.confirm = 7);
        let [one] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(one.object.ends_with(".liveness.confirm"), "{}", one.object);
        assert_eq!(one.change, Change::Changed);
        assert_eq!(one.to.as_deref(), Some("7"));
    }

    #[test]
    fn an_object_that_came_or_went_is_one_line() {
        let mut more = config(FILE);
        let mut cell = more.cells[0].clone();
        cell.name = "another".to_owned();
        cell.members.clear();
        more.cells.push(cell);
        let old = config(FILE);
        let added = difference(&old, &more);
        assert_eq!(added.len(), 1, "{added:?}");
        assert_eq!(
            (added[0].object.as_str(), added[0].change),
            ("cells.another", Change::Added)
        );
        let removed = difference(&more, &old);
        assert_eq!(removed[0].change, Change::Removed);
    }

    #[test]
    fn renamed_is_removed_and_added() {
        let found = changed(|config| config.rus[0].name = "other".to_owned());
        let changes: Vec<_> = found.iter().map(|one| one.change).collect();
        assert!(changes.contains(&Change::Removed) && changes.contains(&Change::Added));
    }

    /// No field of the configuration is forgotten: two that differ differ in something.
    #[test]
    fn every_kind_of_change_is_found() {
        let changes: [fn(&mut Config); 17] = [
            |config| config.ports[0].mtu = 1234,
            |config| config.rus[0].pcp ^= 1,
            |config| config.dus[0].attachment = Attachment::Pooled,
            |config| config.cells[0].carrier_prbs += 1,
            |config| config.cells[0].time = TimeSource::Gps { alpha: 5, beta: 6 },
            |config| config.cells[0].transmit.downlink_user = Duration::from_nanos(5),
            |config| config.cells[0].periods.prach = Some(77),
            |config| config.cells[0].failover.damping = Duration::from_millis(77),
            |config| config.cells[0].failover.priority += 1,
            |config| config.cells[0].sharing.pattern_lead += 1,
            |config| config.cells[0].members[0].assume_in_step ^= true,
            |config| config.recorder = None,
            |config| config.transactions.parallel += 1,
            |config| {
                config.drivers.member = Driver::Command {
                    argv: Vec::new(),
                    timeout: Duration::from_nanos(1),
                }
            },
            |config| config.recorder.as_mut().unwrap().space += 1,
            |config| config.bridge.ptp = Pass::Drop,
            |config| config.ecpri.lenient_size ^= true,
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert_ne!(changed(change), [], "change {index}");
        }
    }
}

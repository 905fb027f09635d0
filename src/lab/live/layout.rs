//! Which virtual cables a configuration needs: one for each port of the appliance.

use crate::config::Config;
use crate::config::model::{Dialect, FapiPeer, Port, Transport};
use crate::ran::PortId;
use std::fmt;
use std::net::IpAddr;

/// The cables of a lab.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// One for each port.
    pub cables: Vec<Cable>,
    /// Names of the RUs: they are first on stage and leave last.
    pub rus: Vec<String>,
}

/// From a port of the appliance to the peers behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cable {
    /// Name of the port.
    pub port: String,
    /// Interface at the appliance's end.
    pub interface: String,
    /// Largest frame payload, bytes.
    pub mtu: u16,
    /// Who is at the far end; nobody on the midhaul.
    pub peers: Vec<String>,
    /// Addresses of a second cable, on which the kernels at both ends carry P5.
    pub control: Vec<Control>,
}

/// A pair of addresses that P5 is spoken between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control {
    /// Of the appliance.
    pub near: IpAddr,
    /// Of the L2 or PHY.
    pub far: IpAddr,
}

/// Why there is no lab for a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LayoutError {
    /// The port's device is none that the lab can make.
    Device(String),
    /// Two ports on one interface.
    Interface(String),
    /// Nobody is behind the port.
    Empty(String),
    /// The P5 of this cell is none that the lab's peers speak.
    P5(String),
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(port) => write!(
                f,
                "port {port}: the lab makes the interfaces of net_af_packet ports, give it a device \
                 like net_af_packet0,iface=NAME with a NAME of at most 15 letters, digits and '-'"
            ),
            Self::Interface(name) => write!(f, "two ports have the interface {name}"),
            Self::Empty(port) => write!(f, "port {port}: nobody is behind it"),
            Self::P5(cell) => write!(
                f,
                "cell {cell}: the lab's peers speak P5 as {DIALECT} over TCP, each in a network of its own: \
                 give `p5` transport: tcp, and for `listen` and `l2` addresses that are not those of loopback"
            ),
        }
    }
}

impl std::error::Error for LayoutError {}

impl Layout {
    /// The cables that `config` needs.
    pub fn of(config: &Config) -> Result<Self, LayoutError> {
        let mut cables: Vec<Cable> = Vec::new();
        for (place, port) in config.ports.iter().enumerate() {
            let interface =
                interface(port).ok_or_else(|| LayoutError::Device(port.name.clone()))?;
            if cables.iter().any(|cable| cable.interface == interface) {
                return Err(LayoutError::Interface(interface.to_owned()));
            }
            let behind = config
                .peers()
                .filter(|peer| peer.port == PortId(place as u8));
            let cable = Cable {
                port: port.name.clone(),
                interface: interface.to_owned(),
                mtu: port.mtu,
                peers: behind.map(|peer| peer.name.clone()).collect(),
                control: Vec::new(),
            };
            if cable.peers.is_empty() && !is_midhaul(config, PortId(place as u8)) {
                return Err(LayoutError::Empty(port.name.clone()));
            }
            cables.push(cable);
        }
        for (peer, control) in controls(config)? {
            let mut cables = cables.iter_mut();
            let cable = cables.find(|cable| cable.peers.iter().any(|known| known == peer));
            if let Some(cable) = cable.filter(|cable| !cable.control.contains(&control)) {
                cable.control.push(control);
            }
        }
        let rus = config.rus.iter().map(|ru| ru.name.clone()).collect();
        Ok(Self { cables, rus })
    }
}

/// Whether a CU, or the F1-C of a DU, is behind `port`: the lab has a cable there and nobody at its end.
fn is_midhaul(config: &Config, port: PortId) -> bool {
    let mut f1s = config.dus.iter().filter_map(|du| du.f1.as_ref());
    config.cus.iter().any(|cu| cu.port == port) || f1s.any(|f1| f1.port == port)
}

/// Who speaks P5, between which addresses.
fn controls(config: &Config) -> Result<Vec<(&str, Control)>, LayoutError> {
    let mut controls = Vec::new();
    for cell in &config.cells {
        let Some((fapi, p5)) = cell.fapi.as_ref().and_then(|fapi| Some((fapi, fapi.p5?))) else {
            continue;
        };
        let reachable = |address: IpAddr| !address.is_unspecified() && !address.is_loopback();
        let (near, l2) = (p5.listen.ip(), p5.l2.ip());
        let mut ends = Vec::new();
        ends.extend(config.l2s.get(fapi.l2).map(|peer| (peer, l2)));
        for phy in cell.members.iter().filter_map(|member| member.phy) {
            let Some(phy) = config.phys.get(phy) else {
                continue;
            };
            if let Transport::Udp { peer, .. } = phy.peer.transport {
                ends.push((phy, peer));
            }
        }
        let spoken = |peer: &FapiPeer| peer.dialect == Dialect::OaiNfapi;
        let possible = !p5.sctp && reachable(near) && reachable(l2);
        if !possible || !ends.iter().all(|(peer, _)| spoken(peer)) {
            return Err(LayoutError::P5(cell.name.clone()));
        }
        let named = ends.into_iter();
        controls.extend(named.map(|(end, far)| (end.peer.name.as_str(), Control { near, far })));
    }
    Ok(controls)
}

fn interface(port: &Port) -> Option<&str> {
    let (driver, arguments) = port.device.as_deref()?.split_once(',')?;
    if !driver.starts_with("net_af_packet") {
        return None;
    }
    let mut arguments = arguments.split(',');
    let name = arguments.find_map(|argument| argument.strip_prefix("iface="))?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let fits = (1..=15).contains(&name.len()) && name.chars().all(plain) && name != "lo";
    (fits && !name.starts_with('-')).then_some(name)
}

const DIALECT: &str = "oai-nfapi";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::net::Ipv4Addr;

    const TWO_PHYS: &str = include_str!("../../../configs/lab-two-phys.yaml");

    fn layout(text: &str) -> Result<Layout, LayoutError> {
        Layout::of(&config::parse(text, "lab-two-phys.yaml").unwrap().config)
    }

    #[test]
    fn who_speaks_p5_has_a_second_cable() {
        let cables = layout(TWO_PHYS).unwrap().cables;
        let control: Vec<&[Control]> = cables.iter().map(|cable| &cable.control[..]).collect();
        let near = IpAddr::V4(Ipv4Addr::new(10, 1, 9, 1));
        let far = |net| IpAddr::V4(Ipv4Addr::new(10, 1, net, 10));
        let [l2, a, b] = [0, 1, 2].map(|net| {
            [Control {
                near,
                far: far(net),
            }]
        });
        assert_eq!(control, [&l2, &a, &b]);
    }

    #[test]
    fn p5_that_the_peers_cannot_speak_is_refused() {
        for (from, to) in [
            ("transport: tcp", "transport: sctp"),
            ("10.1.9.1:50011", "127.0.0.1:50011"),
            ("10.1.9.1:50011", "0.0.0.0:50011"),
        ] {
            assert!(TWO_PHYS.contains(from));
            let refused = layout(&TWO_PHYS.replace(from, to));
            assert_eq!(refused, Err(LayoutError::P5("cell-1".to_owned())), "{to}");
        }
    }

    fn port(device: &str) -> Port {
        Port {
            name: "p".to_owned(),
            device: Some(device.to_owned()),
            mtu: 1500,
            lcore: None,
        }
    }

    #[test]
    fn the_interface_is_that_of_the_device_string() {
        let device = port("net_af_packet1,blocksz=4096,iface=du-a");
        assert_eq!(interface(&device), Some("du-a"));
    }

    #[test]
    fn other_drivers_and_strange_names_are_refused() {
        for device in [
            "net_tap0,iface=x",
            "net_af_packet0",
            "net_af_packet0,iface=",
            "net_af_packet0,iface=a b",
            "net_af_packet0,iface=--help",
            "net_af_packet0,iface=lo",
            "net_af_packet0,iface=sixteen-letters-",
        ] {
            assert_eq!(interface(&port(device)), None, "{device}");
        }
    }
}

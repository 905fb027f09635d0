//! Which virtual cables a configuration needs: one for each port of the appliance.

use crate::config::Config;
use crate::config::model::Port;
use crate::ran::PortId;
use std::fmt;

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
    /// Who is at the far end.
    pub peers: Vec<String>,
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
            };
            if cable.peers.is_empty() {
                return Err(LayoutError::Empty(port.name.clone()));
            }
            cables.push(cable);
        }
        let rus = config.rus.iter().map(|ru| ru.name.clone()).collect();
        Ok(Self { cables, rus })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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

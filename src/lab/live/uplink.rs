//! What a DU notices about the uplink: per cell and eAxC, frames and the numbers that jumped.

use super::super::reception::PlaneReport;
use super::report::UplinkReport;
use crate::config::Config;
use crate::config::model::{Peer, Transport};
use crate::ran::{Direction, EaxcId, LossWindow, Timeliness};
use crate::wire::WireError;
use crate::wire::ecpri::{MessageType, Messages, Size, Stream};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::Ipv4;
use crate::wire::ipv6::Ipv6;
use crate::wire::oran::header::RadioHeader;
use crate::wire::udp::Udp;
use std::collections::BTreeMap;

/// The uplink of one DU.
pub(super) struct Uplink {
    peer: Option<Peer>,
    streams: BTreeMap<EaxcId, Heard>,
}

struct Heard {
    report: UplinkReport,
    window: LossWindow,
}

impl Uplink {
    /// Of the DU at position `du`.
    pub(super) fn new(config: &Config, du: usize) -> Self {
        let mut streams = BTreeMap::new();
        for cell in &config.cells {
            let own = cell.members.iter().filter(|member| member.du == Some(du));
            for member in own {
                for eaxc in member.streams.uplink.iter().chain(&member.streams.prach) {
                    let report = UplinkReport {
                        cell: cell.name.clone(),
                        eaxc: eaxc.0,
                        user: PlaneReport::default(),
                    };
                    let window = LossWindow::default();
                    streams.insert(*eaxc, Heard { report, window });
                }
            }
        }
        Self {
            peer: config.dus.get(du).map(|du| du.peer.clone()),
            streams,
        }
    }

    /// Counts the messages of a frame; what cannot be read is not uplink.
    pub(super) fn hear(&mut self, frame: &[u8]) {
        // A frame that breaks off was counted as far as it could be read.
        let _ = self.read(frame);
    }

    pub(super) fn report(&self) -> Vec<UplinkReport> {
        let told = self.streams.values().map(|heard| {
            let mut report = heard.report.clone();
            report.user.missing += u64::from(heard.window.pending());
            report
        });
        told.collect()
    }

    fn read(&mut self, frame: &[u8]) -> Result<(), WireError> {
        let (outer, rest) = Ethernet::parse(frame)?;
        let Some(peer) = &self.peer else {
            return Ok(());
        };
        if outer.destination() != peer.mac {
            return Ok(());
        }
        let pdu = match (peer.transport, outer.ethertype()) {
            (Transport::Ethernet, ethernet::ECPRI) => rest,
            (Transport::Udp { .. }, ethernet::IPV4) => Udp::parse(Ipv4::parse(rest)?.1)?.1,
            (Transport::Udp { .. }, ethernet::IPV6) => Udp::parse(Ipv6::parse(rest)?.1)?.1,
            _ => return Ok(()),
        };
        for message in Messages::new(pdu, Size::Strict) {
            let (_, ecpri, payload) = message?;
            if ecpri.message_type() == MessageType::IqData {
                self.count(payload)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, payload: &[u8]) -> Result<(), WireError> {
        let (header, message) = Stream::parse(payload)?;
        let (radio, _) = RadioHeader::parse(message)?;
        let heard = self.streams.get_mut(&header.eaxc());
        if let Some(heard) = heard.filter(|_| radio.direction() == Direction::Uplink) {
            let user = &mut heard.report.user;
            user.count(&mut heard.window, header.sequence(), Timeliness::OnTime);
        }
        Ok(())
    }
}

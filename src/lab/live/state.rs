//! What a lab consists of while it runs, kept in `state.json` of its directory.

use super::process::Process;
use super::report;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// A running lab.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    /// A user namespace of its own, as for whoever is not root.
    pub user_namespace: bool,
    /// Parent of all others: they end with it.
    pub stage: Process,
    /// The appliance.
    pub appliance: Process,
    /// Cables.
    pub cables: Vec<CablePart>,
    /// RUs, DUs, L2s and PHYs.
    pub peers: Vec<PeerPart>,
}

/// A cable and the witness that holds its far end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CablePart {
    /// Port of the appliance.
    pub port: String,
    /// Interface of the appliance.
    pub interface: String,
    /// Process in the namespace of the far end.
    pub witness: Process,
}

/// A peer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PeerPart {
    /// Its name.
    pub peer: String,
    /// The port that it is behind.
    pub port: String,
    /// Its process.
    pub process: Process,
}

impl State {
    /// The lab of `directory`; `None` if nothing is written there.
    pub fn read(directory: &Path) -> io::Result<Option<Self>> {
        match report::read(&directory.join(FILE)) {
            Ok(state) => Ok(Some(state)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        report::write(&directory.join(FILE), self)
    }

    /// The file by which a stage is asked to start `peer` again.
    pub fn wish(directory: &Path, peer: &str) -> PathBuf {
        directory.join(format!("{peer}.start"))
    }

    /// The peer of that name.
    pub fn peer(&self, name: &str) -> Option<&PeerPart> {
        self.peers.iter().find(|part| part.peer == name)
    }

    /// Everybody but the stage.
    pub fn processes(&self) -> impl Iterator<Item = Process> {
        let witnesses = self.cables.iter().map(|cable| cable.witness);
        let peers = self.peers.iter().map(|part| part.process);
        std::iter::once(self.appliance)
            .chain(peers)
            .chain(witnesses)
    }

    /// The cable that a peer is at the end of.
    pub fn cable_of(&self, peer: &PeerPart) -> Option<&CablePart> {
        self.cables.iter().find(|cable| cable.port == peer.port)
    }
}

const FILE: &str = "state.json";

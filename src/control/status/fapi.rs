//! The FAPI plane of a cell as the API tells it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The FAPI plane of a cell: an L2 served by a group of PHYs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FapiStatus {
    /// The L2.
    pub l2: String,
    /// SFN and slot that the L2 was told last, as `sfn.slot`; absent before the first SLOT.indication.
    pub last_slot: Option<String>,
    /// With a P5 proxy, the connection to the L2: `waiting` for the active PHY, `connecting` or `connected`.
    pub p5: Option<String>,
    /// NULL requests given to PHYs, since start.
    pub nulls: u64,
    /// SLOT.indications made up because no PHY sent them in time, since start.
    pub made_up_slots: u64,
    /// The PHY of each member.
    pub phys: Vec<Phy>,
}

/// The PHY of one member.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Phy {
    /// Its name.
    pub phy: String,
    /// The member that it belongs to; without an RU of the same name.
    pub member: String,
    /// `active`, `sharing`, `standby` or `fenced`: the role of the member.
    pub role: String,
    /// It may be given requests: from START to STOP, without P5 from when it is heard.
    pub running: bool,
    /// Its SLOT.indications are missing.
    pub lost: bool,
    /// How long ago its last SLOT.indication came, microseconds; absent if none ever did since it runs.
    pub heard_us_ago: Option<f64>,
    /// With a P5 proxy: `absent`, `connected`, `rebuilding`, `refused` or `running`.
    pub p5: Option<String>,
}

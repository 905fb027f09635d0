//! The midhaul of a DU as the API tells it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The associations of a DU with its CU.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Association {
    /// The CU.
    pub cu: String,
    /// `known`: at least one association is up and its CU could be told of a loss. `unknown`: none has been
    /// seen since the appliance started, or all have ended.
    pub tags: String,
    /// Associations that are up.
    pub open: u8,
    /// What the DU says on F1-C does not reach the CU.
    pub fenced: bool,
    /// How long ago a packet of them was last believed, microseconds; absent without one.
    pub heard_us_ago: Option<f64>,
}

//! How long before its air time a frame leaves a DU: distributions measured on real captures.
//!
//! Each profile holds quantiles of the lead of three classes as captured from an open-source DU on a
//! host without real-time scheduling, so its tails are those of a DU that stalls. Sampling inverts the
//! piecewise-linear distribution function. Leads were taken at numerology 1; elsewhere they scale with
//! the slot. The leads of uplink U-plane are not drawn: they follow from when the RU was asked.

use crate::ran::Direction;

/// What a DU or RU sends, as far as timing tells it apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// DL C-plane.
    DownlinkControl,
    /// UL C-plane, section type 1.
    UplinkControl,
    /// UL C-plane, section type 3: PRACH requests.
    PrachControl,
    /// DL U-plane.
    DownlinkUser,
    /// UL U-plane, sent by an RU.
    UplinkUser,
    /// PRACH U-plane, sent by an RU.
    PrachUser,
}

impl Class {
    /// Every class, in the order of `index`.
    pub const ALL: [Self; 6] = [
        Self::DownlinkControl,
        Self::UplinkControl,
        Self::PrachControl,
        Self::DownlinkUser,
        Self::UplinkUser,
        Self::PrachUser,
    ];

    /// Position in `ALL`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// dataDirection of its frames.
    pub const fn direction(self) -> Direction {
        match self {
            Self::DownlinkControl | Self::DownlinkUser => Direction::Downlink,
            _ => Direction::Uplink,
        }
    }

    /// Name in `truth.json`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DownlinkControl => "downlink_control",
            Self::UplinkControl => "uplink_control",
            Self::PrachControl => "prach_control",
            Self::DownlinkUser => "downlink_user",
            Self::UplinkUser => "uplink_user",
            Self::PrachUser => "prach_user",
        }
    }
}

/// The lead distributions of one DU: quantiles at `SHARES`, in units of 100 ns, ascending.
#[derive(PartialEq, Eq, Debug)]
pub struct LeadProfile {
    /// The capture it was taken from.
    pub name: &'static str,
    downlink_control: [i32; SHARES.len()],
    uplink_control: [i32; SHARES.len()],
    downlink_user: [i32; SHARES.len()],
}

impl LeadProfile {
    /// The profile of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// Of a capture whose frames were all in time.
    pub fn healthy() -> &'static Self {
        Self::named(HEALTHY).unwrap_or(&STEADY)
    }

    /// Every profile.
    pub const fn all() -> &'static [Self] {
        PROFILES
    }

    /// The lead in nanoseconds at numerology 1 that a share `u` (0..1) of frames stays below.
    pub fn lead(&self, class: Class, u: f64) -> i64 {
        let quantiles = self.quantiles(class);
        let steps = SHARES.iter().zip(quantiles);
        let ends = SHARES.iter().zip(quantiles).skip(1);
        for ((low_share, low), (high_share, high)) in steps.zip(ends) {
            if u <= *high_share {
                let part = (u - low_share) / (high_share - low_share);
                let lead = f64::from(*low) + part * f64::from(high - low);
                return (lead * 100.0) as i64;
            }
        }
        self.largest()
    }

    /// The largest lead of any class, in nanoseconds at numerology 1.
    pub fn largest(&self) -> i64 {
        let classes = [
            Class::DownlinkControl,
            Class::UplinkControl,
            Class::DownlinkUser,
        ];
        let ends = classes.map(|class| self.quantiles(class).last().copied().unwrap_or(0));
        i64::from(ends.into_iter().max().unwrap_or(0)) * 100
    }

    const fn quantiles(&self, class: Class) -> &[i32; SHARES.len()] {
        match class {
            Class::DownlinkControl => &self.downlink_control,
            Class::UplinkControl | Class::PrachControl => &self.uplink_control,
            Class::DownlinkUser | Class::UplinkUser | Class::PrachUser => &self.downlink_user,
        }
    }
}

/// Shares of frames at which the quantiles were taken.
const SHARES: [f64; 10] = [0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0];

/// A DU that is never late: the medians of a healthy capture, without jitter.
const STEADY: LeadProfile = LeadProfile {
    name: "steady",
    downlink_control: [3_794; SHARES.len()],
    uplink_control: [4_077; SHARES.len()],
    downlink_user: [2_367; SHARES.len()],
};

const HEALTHY: &str = "n78_20MHz_2T2R_none16_vlan100_full_load";

static PROFILES: &[LeadProfile] = &[
    STEADY,
    LeadProfile {
        name: "n78_100MHz_2T2R_bfp9_vlan100_jumbo",
        downlink_control: [
            -5_495, -5_494, -5_487, -5_005, -2_892, 2_238, 3_272, 3_988, 4_140, 4_157,
        ],
        uplink_control: [
            -1_450, -1_449, -1_445, -1_334, 2_294, 2_889, 3_056, 3_216, 3_566, 3_658,
        ],
        downlink_user: [
            -7_434, -7_394, -7_172, -6_719, -5_634, 474, 1_520, 2_316, 2_603, 2_779,
        ],
    },
    LeadProfile {
        name: "n78_10MHz_1T1R_bfp9_vlan100_full_load",
        downlink_control: [
            -1_468, -1_442, 977, 2_224, 3_423, 3_797, 4_038, 4_301, 4_440, 4_521,
        ],
        uplink_control: [
            -12, 426, 1_760, 2_406, 3_322, 3_767, 4_101, 4_371, 4_430, 4_505,
        ],
        downlink_user: [
            -5_855, -3_649, -513, 1_045, 2_066, 2_368, 2_619, 2_873, 2_991, 3_115,
        ],
    },
    LeadProfile {
        name: "n78_20MHz_2T2R_none16_vlan100_full_load",
        downlink_control: [
            2_712, 2_717, 2_760, 3_195, 3_545, 3_794, 4_003, 4_308, 4_352, 4_373,
        ],
        uplink_control: [
            3_231, 3_238, 3_301, 3_400, 3_738, 4_077, 4_279, 4_388, 4_435, 4_442,
        ],
        downlink_user: [
            884, 914, 1_424, 1_845, 2_135, 2_367, 2_615, 2_871, 2_989, 3_044,
        ],
    },
    LeadProfile {
        name: "n78_20MHz_4T4R_bfp9_du2_pci2_eaxc16_untagged_dl",
        downlink_control: [
            -1_685, -1_676, -1_609, -176, 1_269, 2_138, 3_413, 3_929, 4_247, 4_321,
        ],
        uplink_control: [
            -3_224, -3_218, -3_173, -628, 1_739, 2_753, 3_327, 4_036, 4_186, 4_219,
        ],
        downlink_user: [
            -4_447, -4_227, -3_391, -1_868, -403, 742, 1_774, 2_522, 2_844, 3_098,
        ],
    },
    LeadProfile {
        name: "n78_20MHz_4T4R_bfp9_vlan100_full_load",
        downlink_control: [
            836, 840, 877, 1_707, 3_187, 3_547, 3_907, 4_203, 4_366, 4_413,
        ],
        uplink_control: [
            343, 350, 410, 1_273, 3_218, 3_567, 3_944, 4_384, 4_482, 4_508,
        ],
        downlink_user: [
            -1_110, -948, -110, 762, 1_706, 2_074, 2_381, 2_709, 2_847, 3_022,
        ],
    },
    LeadProfile {
        name: "n78_20MHz_4T4R_bfp9_vlan100_full_load_0.5s_headers",
        downlink_control: [
            -2_205, -1_686, 6_767, 12_320, 13_386, 13_634, 13_913, 14_251, 14_406, 14_515,
        ],
        uplink_control: [
            -732, -709, 3_848, 12_073, 12_780, 13_015, 13_295, 13_607, 13_727, 13_816,
        ],
        downlink_user: [
            -6_228, -4_945, 1_200, 9_748, 10_496, 10_738, 10_972, 11_276, 11_438, 11_650,
        ],
    },
    LeadProfile {
        name: "n78_20MHz_4T4R_bfp9_vlan100_idle_cell",
        downlink_control: [
            862, 865, 890, 1_598, 2_856, 3_351, 3_596, 4_128, 4_235, 4_270,
        ],
        uplink_control: [
            2_324, 2_325, 2_343, 2_878, 3_518, 3_657, 3_937, 4_255, 4_310, 4_389,
        ],
        downlink_user: [
            -3_697, -3_660, -3_075, 281, 1_431, 1_855, 2_170, 2_668, 2_836, 3_072,
        ],
    },
    LeadProfile {
        name: "n78_20MHz_4T4R_bfp9_vlan100_late_and_gaps_headers",
        downlink_control: [
            -4_899, -4_873, -3_738, -549, 1_933, 3_239, 3_723, 4_160, 4_331, 4_523,
        ],
        uplink_control: [
            -5_392, -5_377, -4_542, -177, 2_842, 3_594, 3_992, 4_291, 4_455, 4_522,
        ],
        downlink_user: [
            -9_187, -8_135, -5_485, -2_609, 594, 1_698, 2_176, 2_593, 2_781, 3_043,
        ],
    },
    LeadProfile {
        name: "two_du_same_cell_du1_stops_headers",
        downlink_control: [
            -27_139, -27_108, -7_977, -38, 2_387, 3_272, 3_815, 4_305, 4_463, 4_520,
        ],
        uplink_control: [
            -4_821, -4_697, -794, 1_810, 3_146, 3_642, 4_001, 4_329, 4_464, 4_537,
        ],
        downlink_user: [
            -27_345, -26_660, -10_045, -2_979, 700, 1_889, 2_337, 2_743, 2_922, 3_068,
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_ascending() {
        for profile in LeadProfile::all() {
            for class in Class::ALL {
                assert!(profile.quantiles(class).is_sorted(), "{}", profile.name);
            }
        }
    }

    #[test]
    fn the_ends_and_the_median_are_hit_exactly() {
        let profile = LeadProfile::named("n78_10MHz_1T1R_bfp9_vlan100_full_load").unwrap();
        assert_eq!(profile.lead(Class::DownlinkControl, 0.0), -146_800);
        assert_eq!(profile.lead(Class::DownlinkControl, 0.5), 379_700);
        assert_eq!(profile.lead(Class::DownlinkControl, 1.0), 452_100);
        assert_eq!(profile.largest(), 452_100);
    }

    #[test]
    fn between_two_quantiles_the_lead_is_linear() {
        let profile = LeadProfile::named("n78_10MHz_1T1R_bfp9_vlan100_full_load").unwrap();
        let quarter = profile.lead(Class::DownlinkControl, 0.25);
        let half = profile.lead(Class::DownlinkControl, 0.5);
        let between = profile.lead(Class::DownlinkControl, 0.375);
        assert_eq!(between, (quarter + half) / 2);
    }
}

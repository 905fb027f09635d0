//! The judge of the FAPI plane on what `ranshift replay` really wrote. It accepts the output of every fixture
//! with PHYs, and refuses it after each way of spoiling it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code, on captures of this repository"
)]

#[path = "fapi_checker/mod.rs"]
mod fapi_checker;

#[path = "support/replayed.rs"]
mod replayed;

use fapi_checker::files::{Paths, load};
use fapi_checker::message::{CRC, DL_TTI, SLOT, UL_TTI};
use fapi_checker::stage::{Single, TO_A, TO_B, TO_L2, find, insert, rewrite};
use fapi_checker::{Inputs, Rule, Verdict, judge};
use replayed::{Replayed, with_section};
use std::sync::LazyLock;

/// More than generated SLOT.indications stray from their slots, and less than any deadline.
const SLACK_NS: u64 = 20_000;

fn replayed(name: &str) -> Inputs {
    let replayed = Replayed::new(name);
    let paths = Paths {
        config: replayed.config.clone(),
        ingress: replayed.ingress.clone(),
        out: replayed.out.clone(),
    };
    load(&paths, SLACK_NS).unwrap()
}

#[test]
fn the_output_of_every_fixture_with_phys_is_accepted() {
    let mut examined = Verdict::default();
    for name in with_section("phys") {
        let verdict = judge(&replayed(&name));
        assert!(verdict.holds(), "{name}:\n{verdict}");
        examined.add(verdict);
    }
    // Generated PHYs report no errors.
    for rule in Rule::ALL.iter().filter(|rule| **rule != Rule::Errors) {
        let name = rule.name();
        assert!(examined.examined(*rule) > 0, "{name} examined nothing");
    }
}

/// A PHY dies and what it owed is told to have failed.
static REPLAYED: LazyLock<Inputs> = LazyLock::new(|| replayed("phy-death"));

/// How the output is spoiled, and the rule that must be named.
type Spoiling = (&'static str, Rule, fn(&mut Inputs));

const SPOILINGS: &[Spoiling] = &[
    ("another destination MAC", Rule::Addresses, |run| {
        run.egress[TO_L2].frames[40].bytes[5] ^= 1;
    }),
    ("a byte of a request changed", Rule::Origin, |run| {
        let single = find(run, TO_A, is_full);
        rewrite(run, TO_A, single, |single| single.body[9] ^= 1);
    }),
    (
        "a request given to the standby, too",
        Rule::NullBytes,
        |run| {
            let single = find(run, TO_A, is_full);
            insert(run, TO_B, single.at, DL_TTI, &single.body);
        },
    ),
    ("a request lost", Rule::Delivered, |run| {
        lose(run, TO_A, is_full);
    }),
    ("a NULL lost", Rule::Nulls, |run| {
        lose(run, TO_B, |single| single.head.id == UL_TTI);
    }),
    ("a NULL given twice", Rule::GivenOnce, |run| {
        let single = find(run, TO_B, |single| single.head.id == DL_TTI);
        insert(run, TO_B, single.at, DL_TTI, &single.body);
    }),
    ("a SLOT.indication lost", Rule::SlotOrder, |run| {
        lose_after(run, decided(run), SLOT);
    }),
    ("a sequence number left out", Rule::Sequence, |run| {
        lose_after(run, decided(run), SLOT);
    }),
    ("an indication sent twice", Rule::Origin, |run| {
        let single = find(run, TO_L2, |single| single.head.id == CRC);
        insert(run, TO_L2, single.at, CRC, &single.body);
    }),
    ("a failing CRC left out", Rule::FailedCrcs, |run| {
        lose_after(run, decided(run), CRC);
    }),
    ("the failover told a slot later", Rule::Boundary, |run| {
        run.switches[0].slot += 1;
    }),
    ("no failover told, by requests", Rule::Full, |run| {
        run.switches.clear();
    }),
    ("no failover told, by answers", Rule::Speaker, |run| {
        run.switches.clear();
    }),
];

fn decided(run: &Inputs) -> u64 {
    run.switches[0].cause.at_ns()
}

fn is_full(single: &Single) -> bool {
    single.head.id == DL_TTI && !single.is_null()
}

fn lose(run: &mut Inputs, to: usize, like: impl Fn(&Single) -> bool) {
    let frame = find(run, to, like).frame;
    run.egress[to].frames.remove(frame);
}

/// The first message to the L2 from `at` on that is an `id`.
fn lose_after(run: &mut Inputs, at: u64, id: u16) {
    lose(run, TO_L2, |single| single.head.id == id && single.at >= at);
}

#[test]
fn the_output_is_refused_after_each_way_of_spoiling_it() {
    for (what, rule, spoil) in SPOILINGS {
        let mut run = REPLAYED.clone();
        spoil(&mut run);
        let verdict = judge(&run);
        let name = rule.name();
        let broken = verdict.breaches(*rule);
        assert!(broken > 0, "{what}: {name} was not named:\n{verdict}");
    }
}

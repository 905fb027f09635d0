//! Whatever happens in whatever order.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Ask(MessageId),
    Answer(u8, u8),
    Say(u8, MessageId),
    Connected(u8),
    Gone(u8),
    L2Connected,
    L2Gone,
    Active(u8),
    Later(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let request = proptest::sample::select(vec![
        PNF_PARAM, PNF_CONFIG, PNF_START, PNF_STOP, PARAM, CONFIG, START, STOP,
    ]);
    let unasked = proptest::sample::select(vec![
        STOPPED,
        ERROR,
        VENDOR,
        MessageId::CONFIG_RESPONSE,
        MessageId::START_RESPONSE,
    ]);
    prop_oneof![
        6 => request.prop_map(Step::Ask),
        18 => (0u8..3, prop_oneof![4 => Just(0u8), 1 => 1u8..5])
            .prop_map(|(member, error)| Step::Answer(member, error)),
        2 => (0u8..3, unasked).prop_map(|(member, message)| Step::Say(member, message)),
        3 => (0u8..3).prop_map(Step::Connected),
        1 => (0u8..3).prop_map(Step::Gone),
        1 => Just(Step::L2Connected),
        1 => Just(Step::L2Gone),
        1 => (0u8..3).prop_map(Step::Active),
        2 => (1u64..6_000).prop_map(Step::Later),
    ]
}

/// What the L2 has asked and not been answered, by the message that would be the answer.
#[derive(Default)]
struct Ledger {
    open: BTreeMap<MessageId, u32>,
}

impl Ledger {
    fn ask(&mut self, request: MessageId) {
        let (message, _) = response(request, 0, 0);
        *self.open.entry(message).or_default() += 1;
    }

    /// False for an answer that nothing asked for, and for what a standby says unasked.
    fn may_hear(&mut self, message: MessageId, of_active: bool) -> bool {
        match message {
            ERROR | VENDOR => of_active,
            STOPPED => of_active || self.answered(MessageId::STOP_RESPONSE),
            _ => self.answered(message),
        }
    }

    fn answered(&mut self, message: MessageId) -> bool {
        match self.open.get_mut(&message) {
            Some(open) if *open > 0 => {
                *open -= 1;
                true
            }
            _ => false,
        }
    }
}

fn play(scene: &mut Scene, step: &Step) {
    match step {
        Step::Ask(request) if matches!(scene.proxy.l2, L2::Connected { .. }) => scene.ask(*request),
        Step::Answer(member, error) if scene.owes(MemberId(*member)).is_some() => {
            scene.answer(MemberId(*member), *error);
        }
        Step::Say(member, message) => {
            scene.say(MemberId(*member), *message, &[0, *member, 0, 0, 0, 9]);
        }
        Step::Connected(member) => scene.take(Input::PhyConnected(MemberId(*member))),
        Step::Gone(member) => scene.take(Input::PhyGone(MemberId(*member))),
        Step::L2Connected if scene.proxy.l2 == L2::Wanted => scene.take(Input::L2Connected),
        Step::L2Gone => scene.take(Input::L2Gone),
        Step::Active(member) => scene.take(Input::Active(MemberId(*member))),
        Step::Later(ms) => scene.later(crate::ran::Duration::from_millis(*ms)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn no_request_is_answered_twice_and_no_standby_speaks(
        steps in proptest::collection::vec(step(), 0..200),
        worst in any::<bool>(),
    ) {
        let policy = if worst { Answer::Worst } else { Answer::Active };
        let mut scene = Scene::of(settings(3, policy, Dialect::OaiNfapi));
        let mut ledger = Ledger::default();
        for step in &steps {
            if let (Step::Ask(request), L2::Connected { .. }) = (step, scene.proxy.l2) {
                ledger.ask(*request);
            }
            if matches!(step, Step::L2Gone) {
                ledger = Ledger::default();
            }
            play(&mut scene, step);
            let closed = scene.out.contains(&Output::CloseL2);
            for (message, body) in scene.l2_got() {
                let of_active = MemberId(body[1]) == scene.proxy.active;
                prop_assert!(of_active || policy == Answer::Worst, "{step:?}");
                prop_assert!(ledger.may_hear(message, of_active), "{step:?}: {message:?}");
            }
            if closed {
                ledger = Ledger::default();
            }
        }
    }

    #[test]
    fn lcores_hear_of_every_change_once_and_of_no_member_that_is_not_there(
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut scene = Scene::of(settings(3, Answer::Active, Dialect::OaiNfapi));
        let mut running = [false; 3];
        for step in &steps {
            play(&mut scene, step);
            for (member, runs) in scene.ran() {
                prop_assert_ne!(running[member.index()], runs);
                running[member.index()] = runs;
            }
            for member in scene.proxy.ids() {
                let state = &scene.proxy.members[member.index()];
                prop_assert!(state.is_ready() || !running[member.index()]);
            }
        }
    }

    #[test]
    fn whatever_went_before_a_member_that_answers_well_ends_where_the_record_ends(
        steps in proptest::collection::vec(step(), 0..100),
    ) {
        let mut scene = Scene::of(settings(3, Answer::Active, Dialect::OaiNfapi));
        steps.iter().for_each(|step| play(&mut scene, step));
        scene.take(Input::PhyConnected(C));
        scene.answer_all(C);
        let state = &scene.proxy.members[2];
        prop_assert!(scene.proxy.record.next(C, state.done).is_none());
        let starts = scene.proxy.record.rest(C, 0);
        let starts = starts.filter(|entry| entry.request.message == START).count();
        prop_assert_eq!(state.running, starts > 0);
    }

    #[test]
    fn any_bytes_of_any_peer_are_taken_or_refused(
        messages in proptest::collection::vec(
            (0u8..4, any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)),
            0..40,
        ),
        scf in any::<bool>(),
    ) {
        let dialect = if scf { Dialect::Scf225v2 } else { Dialect::OaiNfapi };
        let mut scene = Scene::of(settings(3, Answer::Worst, dialect));
        for (from, id, body) in messages {
            scene.take(Input::PhyConnected(MemberId(from)));
            scene.take(Input::L2Connected);
            let message = bytes(dialect, u16::from(id & 1), MessageId(u16::from(id % 8)), &body);
            scene.take(Input::L2(message.clone()));
            scene.take(Input::Phy(MemberId(from), message));
            scene.take(Input::Phy(MemberId(from), body));
        }
    }
}

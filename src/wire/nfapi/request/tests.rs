use super::*;
use proptest::prelude::*;

fn request(body: &[u8], message: MessageId) -> Request<'_> {
    Request::parse(body, message, Encoding::OAI).unwrap().0
}

fn faults(body: &[u8]) -> Vec<Fault> {
    let (view, _) = TxData::parse(body, Encoding::OAI).unwrap();
    view.pdus()
        .filter_map(Result::err)
        .map(|e| e.fault)
        .collect()
}

#[test]
fn fields_of_an_ul_tti() {
    let body = [0, 20, 0, 8, 1, 1, 2, 3, 2, 0, 1, 0, 6, 9, 9, 1, 0, 2, 1, 2];
    let view = request(&body, MessageId::UL_TTI_REQUEST);
    assert_eq!(view.point(), SlotPoint { sfn: 20, slot: 8 });
    assert_eq!((view.number_of_pdus(), view.number_of_groups()), (1, 2));
    assert_eq!(view.uplink_counts(), Some([1, 2, 3]));
    assert!(!view.is_null());
    let pdus: Vec<_> = view.pdus().map(Result::unwrap).collect();
    assert_eq!(
        (pdus[0].kind, pdus[0].contents),
        (PduKind::Pusch, &[9, 9][..])
    );
    let groups = view.groups().unwrap();
    assert_eq!((groups.size(), groups.is_wide()), (5, false));
    let indices: Vec<Vec<u32>> = groups.map(|group| group.indices().collect()).collect();
    assert_eq!(indices, [vec![0], vec![1, 2]]);
}

#[test]
fn groups_are_read_in_both_widths() {
    for (groups, wide) in [(&[1, 0, 0, 0, 7][..], true), (&[2, 7, 7], false)] {
        let body = [&[0, 20, 0, 8, 0, 1][..], groups].concat();
        let view = request(&body, MessageId::DL_TTI_REQUEST);
        let mut found = view.groups().unwrap();
        assert_eq!(found.is_wide(), wide);
        let group = found.next().unwrap();
        assert!(group.indices().all(|index| index == 7));
        assert_eq!(group.number_of_ues(), group.indices().count());
    }
}

#[test]
fn a_group_list_that_does_not_end_with_the_body_is_refused() {
    for groups in [&[][..], &[1], &[1, 0, 0], &[9, 1, 2]] {
        let body = [&[0, 20, 0, 8, 0, 1][..], groups].concat();
        let view = request(&body, MessageId::DL_TTI_REQUEST);
        assert_eq!(view.groups().unwrap_err(), body_error(Fault::Size));
    }
}

#[test]
fn a_pdu_smaller_than_its_own_header_is_refused() {
    for size in 0..4 {
        let body = [0, 20, 0, 8, 2, 0, 0, 0, 0, size];
        let view = request(&body, MessageId::DL_TTI_REQUEST);
        let found: Vec<_> = view.pdus().collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0], Err(body_error(Fault::Size)));
    }
}

#[test]
fn only_the_three_requests_are_read() {
    let body = [0; 20];
    for id in [0x82, 0x84, 0x85] {
        assert!(Request::parse(&body, MessageId(id), Encoding::OAI).is_err());
    }
}

#[test]
fn tx_data_is_walked_by_tlv_length_over_padding() {
    let body = [
        0, 40, 0, 2, 0, 2, // head
        0, 0, 0, 99, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, // PDU 1
        0, 0, 0, 0, 0, 8, 0, 0, 0, 2, 0, 1, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, // PDU 2
    ];
    let (view, _) = TxData::parse(&body, Encoding::OAI).unwrap();
    let mut pdus = view.pdus();
    let first = pdus.next().unwrap().unwrap();
    assert_eq!((first.pdu_length, first.pdu_index), (99, 7));
    let value: Vec<_> = first.tlvs().map(|tlv| tlv.unwrap().value).collect();
    assert_eq!(value, [&[1, 2, 3, 4, 5]]);
    let second = pdus.next().unwrap().unwrap();
    let tlvs: Vec<_> = second.tlvs().map(Result::unwrap).collect();
    assert_eq!((tlvs[0].tag, tlvs[0].value), (1, &[9][..]));
    assert!(tlvs[1].value.is_empty());
    assert!(pdus.next().is_none() && pdus.rest().is_empty());
}

#[test]
fn tx_data_lengths_without_end_are_refused() {
    let head = [0, 40, 0, 2, 0, 3, 0, 0, 0, 99, 0, 7];
    for (tail, expected) in [
        (&[0xff, 0xff, 0xff, 0xff][..], Fault::Truncated),
        (
            &[0, 0, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 1],
            Fault::Truncated,
        ),
        (
            &[0, 0, 0, 1, 0, 2, 0, 0, 0, 4, 1, 2, 3, 4],
            Fault::Unwalkable,
        ),
    ] {
        assert_eq!(faults(&[&head[..], tail].concat()), [expected]);
    }
}

#[test]
fn a_pointer_is_not_walked_where_nothing_lies_behind_it() {
    let body = [
        40, 0, 2, 0, 1, 0, 99, 0, 0, 0, 7, 0, 1, 0, 0, 0, 1, 0, 4, 0, 1, 2, 3, 4,
    ];
    let (view, _) = TxData::parse(&body, Encoding::AERIAL).unwrap();
    let found = view.pdus().next().unwrap();
    assert_eq!(found.unwrap_err(), body_error(Fault::Unwalkable));
}

proptest! {
    #[test]
    fn any_bytes_are_walked_or_refused(
        mut body in proptest::collection::vec(any::<u8>(), 0..300),
        id in 0x80u16..0x86,
        low in any::<bool>(),
    ) {
        if low && body.len() > 4 {
            body[..4].fill(0);
        }
        for encoding in [Encoding::OAI, Encoding::SCF, Encoding::AERIAL] {
            if let Ok((view, _)) = Request::parse(&body, MessageId(id), encoding) {
                let _ = view.pdus().count();
                let _ = view.groups().map(|groups| groups.count());
            }
            if let Ok((view, _)) = TxData::parse(&body, encoding) {
                let _ = view.pdus().flatten().map(|pdu| pdu.tlvs().count()).sum::<usize>();
            }
        }
    }
}

use super::*;
use proptest::prelude::*;

fn body(tlvs: &[u8]) -> Vec<u8> {
    [&[9][..], tlvs].concat()
}

fn tlvs(bytes: &[u8], message: MessageId) -> Vec<Result<(u16, Range<usize>), Fault>> {
    let (view, _) = P5Body::parse(bytes, message, Encoding::OAI).unwrap();
    let found = view.tlvs();
    found
        .map(|tlv| tlv.map(|tlv| (tlv.tag, tlv.range)).map_err(|e| e.fault))
        .collect()
}

#[test]
fn the_walk_goes_to_the_end_whatever_num_tlv_says() {
    let bytes = body(&[1, 2, 0, 2, 0xc3, 0x5b, 0, 0, 1, 0x1f, 0, 1, 3, 0, 0, 0]);
    let found = tlvs(&bytes, MessageId::CONFIG_REQUEST);
    assert_eq!(found, [Ok((0x102, 5..7)), Ok((0x11f, 13..14))]);
    let (view, _) = P5Body::parse(&bytes, MessageId::CONFIG_REQUEST, Encoding::OAI).unwrap();
    assert_eq!(view.number_of_tlvs(), Some(9));
}

#[test]
fn entries_without_a_length_are_stepped_over_in_param_response_alone() {
    let reports = [0x10, 0x0a, 1, 1, 0, 0, 0, 0x10, 7, 1, 4, 0, 0, 0];
    let tail = [0, 6, 0, 1, 5, 0, 0, 0];
    let bytes = [&[0, 9, 0, 5, 0, 2, 0, 2, 0, 0][..], &reports, &tail].concat();
    let found = tlvs(&bytes, MessageId::PARAM_RESPONSE);
    assert_eq!(found, [Ok((5, 6..8)), Ok((6, 28..29))]);
    let cut = tlvs(&bytes[..20], MessageId::PARAM_RESPONSE);
    assert_eq!(cut, [Err(Fault::Truncated)]);
    let elsewhere = tlvs(&bytes, MessageId::PNF_PARAM_RESPONSE);
    assert_eq!(elsewhere, [Ok((5, 6..8)), Err(Fault::Truncated)]);
}

#[test]
fn a_tlv_that_leaves_the_body_is_refused() {
    for tail in [
        &[1][..],
        &[1, 2, 0],
        &[1, 2, 0, 2, 1, 1, 0],
        &[1, 2, 0xff, 0xff, 1],
    ] {
        let found = tlvs(&body(tail), MessageId::CONFIG_REQUEST);
        assert_eq!(found, [Err(Fault::Truncated)], "{tail:?}");
    }
}

#[test]
fn results_are_read_in_one_byte_and_in_four() {
    for (message, bytes, expected) in [
        (MessageId::START_RESPONSE, &[2][..], 2),
        (MessageId::PNF_START_RESPONSE, &[0, 0, 0, 2], 2),
        (MessageId::PNF_CONFIG_RESPONSE, &[1], 1),
        (MessageId::CONFIG_RESPONSE, &[2, 0, 0, 0, 0], 2),
        (MessageId::PARAM_RESPONSE, &[1, 0], 1),
    ] {
        let (view, _) = P5Body::parse(bytes, message, Encoding::OAI).unwrap();
        assert_eq!(view.error(), Some(ErrorCode(expected)), "{message:?}");
        for len in 0..bytes.len().min(1) {
            assert!(P5Body::parse(&bytes[..len], message, Encoding::OAI).is_err());
        }
    }
    let (view, _) = P5Body::parse(&[], MessageId::START_REQUEST, Encoding::OAI).unwrap();
    assert_eq!((view.error(), view.tlvs().count()), (None, 0));
}

#[test]
fn settings_are_read_and_rewritten() {
    let message = MessageId::CONFIG_REQUEST;
    let mut bytes = body(&[
        1, 0, 0, 4, 127, 0, 0, 1, 1, 2, 0, 2, 0xc3, 0x5b, 0, 0, 1, 0x1e, 0, 1, 30, 0, 0, 0,
    ]);
    let before = bytes.clone();
    let read = |bytes: &[u8], tag| {
        let (view, _) = P5Body::parse(bytes, message, Encoding::OAI).unwrap();
        view.setting(tag)
    };
    let address = |octets: [u8; 4]| Setting::Address(IpAddr::from(octets));
    assert_eq!(read(&bytes, tag::VNF_IPV4), Some(address([127, 0, 0, 1])));
    assert_eq!(read(&bytes, tag::VNF_PORT), Some(Setting::Port(50_011)));
    assert_eq!(read(&bytes, tag::TIMING_WINDOW), Some(Setting::Number(30)));
    let mut put = |tag, setting| set(&mut bytes, message, Encoding::OAI, tag, setting);
    assert_eq!(put(tag::VNF_IPV4, address([10, 0, 0, 9])), Ok(1));
    assert_eq!(put(tag::VNF_PORT, Setting::Port(0x1234)), Ok(1));
    assert_eq!(put(tag::TIMING_WINDOW, Setting::Number(31)), Ok(1));
    assert_eq!(put(tag::PNF_PORT, Setting::Port(1)), Ok(0));
    assert!(put(tag::TIMING_WINDOW, Setting::Number(256)).is_err());
    assert!(put(tag::VNF_PORT, Setting::Number(1)).is_err());
    assert_eq!(read(&bytes, tag::VNF_IPV4), Some(address([10, 0, 0, 9])));
    let changed = (0..bytes.len()).filter(|at| bytes[*at] != before[*at]);
    assert!(changed.eq([5, 8, 13, 14, 21]));
}

#[test]
fn the_port_of_a_pnf_is_swapped_by_oai_alone() {
    let message = MessageId::PARAM_RESPONSE;
    for (encoding, expected) in [
        (Encoding::OAI, [0x5b, 0xc3]),
        (Encoding::SCF, [0xc3, 0x5b]),
        (Encoding::AERIAL, [0x5b, 0xc3]),
    ] {
        let mut bytes = vec![0, 1];
        bytes.extend(encoding.order.bytes16(tag::PNF_PORT));
        bytes.extend(encoding.order.bytes16(2));
        bytes.extend([0; 4]);
        let port = Setting::Port(50_011);
        let written = set(&mut bytes, message, encoding, tag::PNF_PORT, port);
        assert_eq!(written, Ok(1));
        assert_eq!(bytes[6..8], expected);
        let (view, _) = P5Body::parse(&bytes, message, encoding).unwrap();
        assert_eq!(view.setting(tag::PNF_PORT), Some(port));
    }
}

#[test]
fn every_tlv_of_a_tag_is_rewritten() {
    let tlv = [1, 6, 0, 4, 0, 0, 0, 1];
    let mut bytes = body(&tlv.repeat(3));
    let written = set(
        &mut bytes,
        MessageId::CONFIG_REQUEST,
        Encoding::OAI,
        tag::DL_TTI_OFFSET,
        Setting::Number(7),
    );
    assert_eq!(written, Ok(3));
    assert_eq!(bytes, body(&[1, 6, 0, 4, 0, 0, 0, 7].repeat(3)));
}

#[test]
fn a_body_that_cannot_be_walked_is_not_edited() {
    let mut bytes = body(&[1, 2, 0, 2, 0, 0, 0, 0, 1]);
    let before = bytes.clone();
    let refused = set(
        &mut bytes,
        MessageId::CONFIG_REQUEST,
        Encoding::OAI,
        tag::VNF_PORT,
        Setting::Port(9),
    );
    assert!(refused.is_err());
    assert_eq!(bytes, before);
}

proptest! {
    #[test]
    fn any_bytes_are_walked_or_refused(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        id in 0u16..0x110,
        tag in 0x100u16..0x126,
    ) {
        let message = MessageId(id);
        for encoding in [Encoding::OAI, Encoding::SCF, Encoding::AERIAL] {
            if let Ok((view, _)) = P5Body::parse(&bytes, message, encoding) {
                for tlv in view.tlvs().flatten() {
                    let _ = tlv.setting(encoding);
                    prop_assert_eq!(&bytes[tlv.range], tlv.value);
                }
            }
            let _ = set(&mut bytes, message, encoding, tag, Setting::Port(7));
        }
    }
}

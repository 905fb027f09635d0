use super::*;
use crate::wire::nfapi::{Check, PhyId};
use proptest::prelude::*;

struct Message<'a>(&'a [u8], Dialect);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (view, _) = Datagram::parse(self.0, self.1, Check::Ignore).map_err(|_| fmt::Error)?;
        let mut line = Line::new(f);
        datagram(&view, self.1, self.1.encoding(), &mut line)?;
        line.end()
    }
}

struct P5<'a>(MessageId, &'a [u8]);

impl fmt::Display for P5<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = Head {
            phy: PhyId(1),
            message: self.0,
        };
        let mut line = Line::new(f);
        p5(head, self.1, Dialect::OaiNfapi, Encoding::OAI, &mut line)?;
        line.end()
    }
}

fn plain(message: u8, body: &[u8]) -> Vec<u8> {
    [&[1, 2, 0, message, 0, 0, 0, body.len() as u8][..], body].concat()
}

fn told(message: u8, body: &[u8]) -> String {
    Message(&plain(message, body), Dialect::FapiBig).to_string()
}

#[test]
fn a_request_is_told_with_its_pdus_and_groups() {
    let head = [0, 20, 0, 8, 1, 0, 0, 1, 1];
    let pucch = [&[0, 2, 0, 55, 0x12, 0x34][..], &[0; 49]].concat();
    let body = [&head[..], &pucch, &[1, 0]].concat();
    assert_eq!(
        told(0x81, &body),
        " UL_TTI.request phy 2 sfn 20 slot 8 pdus 1 rach_present 0 ulsch 0 ulcch 1 \
         | PUCCH type 2 size 55 rnti 0x1234 | group | UE pdu 0"
    );
}

#[test]
fn many_items_are_counted() {
    let ssb = [0, 9, 0, 4].repeat(8);
    let body = [&[0, 20, 0, 8, 8, 0][..], &ssb].concat();
    let told = told(0x80, &body);
    assert_eq!(told.matches("| unknown PDU").count(), 6);
    assert!(told.ends_with("size 4 | and 2 more"), "{told}");
}

#[test]
fn what_cannot_be_read_is_told_as_a_fault() {
    let told = told(0x80, &[0, 20, 0, 8, 1, 0, 0, 3, 0, 9]);
    assert!(
        told.ends_with(" pdus 1 | malformed fapi: truncated"),
        "{told}"
    );
}

#[test]
fn the_first_piece_is_told_as_far_as_it_goes() {
    let body = [0, 20, 0, 8, 2, 0, 0, 9, 0, 4, 0, 9];
    let mut bytes = vec![0, 1, 0, 0x80, 0, 0, 0, 30, 0x80, 7];
    bytes.extend([0; 8]);
    bytes.extend(body);
    let told = |bytes: &[u8]| Message(bytes, Dialect::OaiNfapi).to_string();
    assert_eq!(
        told(&bytes),
        " DL_TTI.request phy 1 sequence 7 segment 0 sfn 20 slot 8 pdus 2 \
         | unknown PDU type 9 size 4"
    );
    bytes[8] = 3;
    assert_eq!(
        told(&bytes),
        " DL_TTI.request phy 1 sequence 7 segment 3 last yes bytes 12"
    );
}

#[test]
fn a_p5_message_is_told_with_its_settings() {
    let body = [1, 1, 0, 0, 4, 10, 0, 0, 9, 1, 2, 0, 2, 0xc3, 0x5b, 0, 0];
    assert_eq!(
        P5(MessageId::CONFIG_REQUEST, &body).to_string(),
        " CONFIG.request phy 1 tlvs 1 | P7 VNF IPv4 address tag 0x0100 value 10.0.0.9 \
         | P7 VNF port tag 0x0102 value 50011"
    );
    assert_eq!(
        P5(MessageId::START_RESPONSE, &[2]).to_string(),
        " START.response phy 1 code 2 error INVALID_CONFIG"
    );
}

proptest! {
    #[test]
    fn any_body_can_be_told(
        id in any::<u16>(),
        mut body in proptest::collection::vec(any::<u8>(), 0..200),
        which in 0usize..4,
    ) {
        if body.len() > 4 {
            body[..4].fill(0);
        }
        let dialect = Dialect::ALL[which];
        let view = Datagram {
            head: Some(Head { phy: PhyId(1), message: MessageId(id % 0x400) }),
            piece: Piece::uncut(dialect, 1, body.len() as u32),
            timestamp: 0,
            body: &body,
        };
        let _ = fault(&view, dialect, dialect.encoding());
        prop_assert!(!P5(MessageId(id % 0x400), &body).to_string().contains('\n'));
    }
}

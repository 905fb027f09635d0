//! The P5 proxy between sockets: a VNF and PNFs that speak OAI's own messages, over TCP and, where the kernel
//! has it, SCTP.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/nfapi.rs"]
mod nfapi;
#[path = "support/p5.rs"]
mod p5;

use p5::{Peer, Stage};
use ranshift::control::p5::{StartError, Transport, sctp, spawn};
use ranshift::ran::MemberId;
use ranshift::wire::nfapi::p5_header::P5Header;
use ranshift::wire::nfapi::{Dialect, MessageId};

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);

/// What OAI's VNF asks, and what OAI's PNF answers.
const START: [(&str, &str); 6] = [
    ("p5_pnf_param_request", "p5_pnf_param_response"),
    ("p5_pnf_config_request", "p5_pnf_config_response"),
    ("p5_pnf_start_request", "p5_pnf_start_response"),
    ("p5_param_request", "p5_param_response"),
    ("p5_config_request_tdd", "p5_config_response_ok"),
    ("p5_start_request", "p5_start_response"),
];

#[test]
fn an_oai_vnf_starts_two_pnfs_as_if_they_were_one() {
    p5::run(async {
        let mut stage = Stage::new(Transport::Tcp);
        let mut phys = [stage.phy(A).await, stage.phy(B).await];
        let mut vnf = stage.vnf().await;
        start(&mut vnf, &mut phys).await;
        let mut ran = [stage.ran().await, stage.ran().await];
        ran.sort();
        assert_eq!(ran, [(A, true), (B, true)]);
    });
}

#[test]
fn a_pnf_that_dies_is_started_again_and_the_vnf_hears_nothing_of_it() {
    p5::run(async {
        let mut stage = Stage::new(Transport::Tcp);
        let mut phys = [stage.phy(A).await, stage.phy(B).await];
        let mut vnf = stage.vnf().await;
        start(&mut vnf, &mut phys).await;
        let [mut a, b] = phys;
        drop(b);
        while stage.ran().await != (B, false) {}
        let mut b = stage.phy(B).await;
        for (request, response) in START {
            assert_eq!(id(&b.read().await), id(&vector(request)));
            b.write(&vector(response)).await;
        }
        while stage.ran().await != (B, true) {}
        vnf.write(&vector("p5_param_request")).await;
        for phy in [&mut a, &mut b] {
            phy.read().await;
            phy.write(&vector("p5_param_response")).await;
        }
        assert_eq!(vnf.read().await, vector("p5_param_response"));
    });
}

#[test]
fn only_addresses_of_a_configuration_change_on_its_way() {
    p5::run(async {
        let mut stage = Stage::new(Transport::Tcp);
        let mut phy = stage.phy(A).await;
        let mut vnf = stage.vnf().await;
        let sent = vector("p5_config_request_tdd");
        vnf.write(&sent).await;
        let got = phy.read().await;
        assert_eq!(got.len(), sent.len());
        let changed: Vec<_> = (0..sent.len()).filter(|at| sent[*at] != got[*at]).collect();
        // The values of the last three TLVs that name the VNF: IPv4, IPv6, port.
        let first = sent
            .windows(4)
            .rposition(|tlv| tlv == [1, 0, 0, 4])
            .unwrap()
            + 4;
        let port = sent
            .windows(4)
            .rposition(|tlv| tlv == [1, 2, 0, 2])
            .unwrap()
            + 4;
        assert!(changed.iter().all(|at| (first..port + 2).contains(at)));
        assert_eq!(got[first..first + 4], [10, 2, 0, 1]);
        assert_eq!(got[port..port + 2], 50_010u16.to_be_bytes());
    });
}

#[test]
fn after_a_migration_the_other_pnf_speaks() {
    p5::run(async {
        let mut stage = Stage::new(Transport::Tcp);
        let mut phys = [stage.phy(A).await, stage.phy(B).await];
        let mut vnf = stage.vnf().await;
        start(&mut vnf, &mut phys).await;
        stage.spawned.set_active(B);
        let [a, b] = &mut phys;
        // The order of a command and a message is not known; each is heard once the other side was.
        let vendor = [0, 1, 3, 0, 0, 0, 0, 0, 0, 0];
        loop {
            vnf.write(&vendor).await;
            tokio::select! {
                _ = a.read() => {}
                _ = b.read() => break,
            }
        }
    });
}

#[test]
fn who_is_not_configured_is_disconnected() {
    p5::run(async {
        let mut stage = Stage::new(Transport::Tcp);
        let mut stranger = stage.connect_from(9).await;
        stranger.ended().await;
        stage.told("127.0.0.9 is no PHY of this cell").await;
    });
}

#[test]
fn hostile_bytes_end_their_own_connection_and_no_other() {
    p5::run(async {
        let mut stage = Stage::new(Transport::Tcp);
        let mut a = stage.phy(A).await;
        let mut b = stage.phy(B).await;
        let mut vnf = stage.vnf().await;
        b.write(&[0xff; 4_096]).await;
        b.ended().await;
        stage
            .told("phy-1 is disconnected: what it sent cannot be read")
            .await;
        vnf.write(&vector("p5_pnf_param_request")).await;
        a.read().await;
        a.write(&vector("p5_pnf_param_response")).await;
        assert_eq!(vnf.read().await, vector("p5_pnf_param_response"));
    });
}

#[test]
fn a_pnf_that_does_not_read_is_disconnected_and_the_vnf_is_not_held_up() {
    p5::run(async {
        let mut stage = Stage::new(Transport::Tcp);
        let _a = stage.phy(A).await;
        let mut vnf = stage.vnf().await;
        let mut vendor = vec![0, 1, 3, 0, 0, 0x10, 0, 0, 0, 0];
        vendor.resize(10 + (1 << 20), 0);
        // Far more than the kernel and the proxy hold.
        for _ in 0..200 {
            vnf.write(&vendor).await;
        }
        stage.told("phy-0 is disconnected: it does not read").await;
    });
}

#[test]
fn a_pnf_that_connects_anew_replaces_its_old_connection() {
    p5::run(async {
        let mut stage = Stage::new(Transport::Tcp);
        let mut old = stage.phy(A).await;
        let mut new = stage.phy(A).await;
        old.ended().await;
        let mut vnf = stage.vnf().await;
        vnf.write(&vector("p5_pnf_param_request")).await;
        new.read().await;
    });
}

#[test]
fn a_vnf_that_restarts_is_reached_again_and_the_pnfs_are_stopped_first() {
    p5::run(async {
        let mut stage = Stage::new(Transport::Tcp);
        let mut phys = [stage.phy(A).await, stage.phy(B).await];
        let mut vnf = stage.vnf().await;
        start(&mut vnf, &mut phys).await;
        drop(vnf);
        let mut vnf = stage.vnf().await;
        for phy in &mut phys {
            assert_eq!(id(&phy.read().await), MessageId::STOP_REQUEST);
            phy.write(&[0, 1, 1, 0x0f, 0, 0, 0, 1, 0, 0, 0]).await;
            assert_eq!(id(&phy.read().await), MessageId::PNF_STOP_REQUEST);
            phy.write(&[0, 0, 1, 7, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0]).await;
        }
        start(&mut vnf, &mut phys).await;
    });
}

#[test]
fn a_vnf_that_is_not_there_yet_is_waited_for() {
    p5::run(async {
        let mut stage = Stage::without_vnf(Transport::Tcp);
        let _a = stage.phy(A).await;
        stage.told("the L2 cannot be reached yet").await;
        stage.listen();
        stage.vnf().await;
    });
}

#[test]
fn sctp_starts_two_pnfs_where_the_kernel_has_it_and_says_what_to_do_where_not() {
    p5::run(async {
        let settings = p5::settings(Transport::Sctp, "127.0.0.1:1".parse().unwrap());
        let here = sctp::listen(settings.listen).is_ok();
        match spawn(settings, Box::new(|_, _| ()), Box::new(|_| ())) {
            Err(StartError::NoSctp) if !here => {
                let words = StartError::NoSctp.to_string();
                assert!(words.contains("modprobe sctp"), "{words}");
                assert!(words.contains("transport: tcp"), "{words}");
            }
            other => {
                drop(other.unwrap());
                let mut stage = Stage::new(Transport::Sctp);
                let mut phys = [stage.phy(A).await, stage.phy(B).await];
                let mut vnf = stage.vnf().await;
                start(&mut vnf, &mut phys).await;
            }
        }
    });
}

/// The VNF starts the PNFs; everything but the configuration reaches the other side byte for byte.
async fn start(vnf: &mut Peer, phys: &mut [Peer]) {
    for (request, response) in START {
        vnf.write(&vector(request)).await;
        for phy in phys.iter_mut() {
            let got = phy.read().await;
            match id(&got) {
                MessageId::CONFIG_REQUEST => assert_eq!(got.len(), vector(request).len()),
                _ => assert_eq!(got, vector(request)),
            }
            phy.write(&vector(response)).await;
        }
        assert_eq!(vnf.read().await, vector(response));
    }
}

fn vector(name: &str) -> Vec<u8> {
    let mut message = nfapi::named(name).datagrams.concat();
    // Field contents of the vectors are random, and the error code of this one is not 0.
    if name == "p5_param_response" {
        message[10] = 0;
    }
    message
}

fn id(message: &[u8]) -> MessageId {
    let (header, _) = P5Header::parse(message, Dialect::OaiNfapi).unwrap();
    header.head.message
}

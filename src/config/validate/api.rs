//! Where the API listens and who may use it.

use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{Api, Tls};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `none` turns the API off.
pub(super) fn api(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Option<Api>> {
    if field.is_none() {
        return Some(None);
    }
    let section = Section::open(field, API.keys, diagnosis)?;
    let listen = section.read("listen", diagnosis, listen);
    let socket = section.optional("socket", diagnosis, path);
    let tls = section.optional("tls", diagnosis, tls);
    let tokens = section.optional("tokens", diagnosis, path);
    let connections = section.read("connections", diagnosis, Field::integer);
    let rate = section.read("rate", diagnosis, Field::integer);
    let api = Api {
        listen: listen?,
        socket: socket?,
        tls: tls?,
        tokens: tokens?,
        connections: connections?,
        rate: rate?,
    };
    let far = api
        .listen
        .is_some_and(|address| !address.ip().is_loopback());
    if far && (api.tls.is_none() || api.tokens.is_none()) {
        section.refuse("listen", diagnosis, |field| {
            let accepted = "a loopback address, or tls and tokens beside it";
            field
                .problem("can be reached from other machines, without tls or without tokens")
                .accepted(accepted)
        });
    }
    if api.listen.is_none() && api.socket.is_none() {
        section.refuse("listen", diagnosis, |field| {
            field
                .problem("leaves nothing to listen on")
                .accepted("an address, or a socket beside it, or api: none")
        });
    }
    Some(Some(api))
}

fn listen(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Option<SocketAddr>> {
    if field.is_none() {
        return Some(None);
    }
    let Ok(address) = field.text(diagnosis)?.parse() else {
        diagnosis.refuse(field.problem("is no address and port"));
        return None;
    };
    Some(Some(address))
}

fn path(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<PathBuf> {
    let text = field.text(diagnosis)?;
    if text.is_empty() || text.contains('\0') {
        diagnosis.refuse(field.problem("is no path"));
        return None;
    }
    Some(PathBuf::from(text))
}

fn tls(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Tls> {
    let section = Section::open(field, TLS.keys, diagnosis)?;
    let certificate = section.read("certificate", diagnosis, path);
    let key = section.read("key", diagnosis, path);
    Some(Tls {
        certificate: certificate?,
        key: key?,
    })
}

const FILE: Accepts = Accepts::Form("path of a file");

pub(in crate::config) const API: Table = Table {
    path: "api",
    about: "Where people and programs see and command the appliance; `none` turns it off. A change \
            needs a restart, except the content of the tokens file, which is read again on SIGHUP.",
    keys: &[
        Key::default(
            "listen",
            Accepts::Form("ADDRESS:PORT, [IPV6]:PORT or none"),
            "",
            "127.0.0.1:8470",
            "Where to listen for HTTP; port 0 takes a free one. An address that is not loopback needs \
             `tls` and `tokens`.",
        ),
        Key::absent(
            "socket",
            FILE,
            "",
            "no Unix socket",
            "A Unix socket to listen on as well, for the owner and the group of the process.",
        ),
        Key::absent(
            "tls",
            Accepts::Form("a mapping"),
            "",
            "plain HTTP",
            "Certificate and key for `listen`.",
        ),
        Key::absent(
            "tokens",
            FILE,
            "",
            "everybody who can connect may do everything",
            "Lines of NAME ROLE SECRET: role read or operate; SECRET at least 16 characters, or \
             sha256: and the hash of one in hexadecimal.",
        ),
        Key::default(
            "connections",
            Accepts::Integer { min: 1, max: 4096 },
            "",
            "64",
            "Connections at a time; more are answered 503.",
        ),
        Key::default(
            "rate",
            Accepts::Integer {
                min: 1,
                max: 100_000,
            },
            "requests per second",
            "50",
            "Requests of one client address, with twice as many at once; more are answered 429.",
        ),
    ],
};

pub(in crate::config) const TLS: Table = Table {
    path: "api.tls",
    about: "PEM files.",
    keys: &[
        Key::required("certificate", FILE, "", "Certificate and its chain."),
        Key::required("key", FILE, "", "Private key."),
    ],
};

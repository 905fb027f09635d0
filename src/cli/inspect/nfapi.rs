//! nFAPI P7 in a capture: who sends which messages to whom, and each message as data.
//!
//! Wireshark knows the messages of LTE only, under the same numbers. Datagrams are read one by one: an IP
//! fragment is malformed here, and of a message in several datagrams the first tells what it holds.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::wire::describe::Nfapi;
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::ipv6::{self, Ipv6};
use crate::wire::nfapi::describe::{self, Teller, Value};
use crate::wire::nfapi::{Check, Datagram, Dialect, Encoding, MessageId, null};
use crate::wire::udp::Udp;
use crate::wire::{Fault, Layer, WireError};

/// Reads `DIALECT[:PORT,PORT...]`.
pub(super) fn option(text: &str) -> Result<Nfapi, String> {
    let (word, ports) = match text.split_once(':') {
        Some((word, ports)) => (word, Some(ports)),
        None => (text, None),
    };
    let dialect = Dialect::from_word(word).ok_or_else(|| {
        let words = Dialect::ALL.map(Dialect::word).join(", ");
        format!("no dialect is called {word}; there are {words}")
    })?;
    let mut nfapi = Nfapi {
        dialect,
        encoding: dialect.encoding(),
        ports: [None; 4],
        check: Check::Verify,
    };
    let mut places = nfapi.ports.iter_mut();
    for port in ports.into_iter().flat_map(|ports| ports.split(',')) {
        let place = places.next().ok_or("at most four ports can be named")?;
        let port = port.parse().map_err(|_| format!("{port} is no port"))?;
        *place = Some(port);
    }
    Ok(nfapi)
}

/// Reads the word for what follows the header.
pub(super) fn bodies(word: &str) -> Result<Encoding, String> {
    Encoding::from_word(word).ok_or_else(|| {
        let words = Encoding::ALL.map(|(word, _)| word).join(", ");
        format!("no bodies are called {word}; there are {words}")
    })
}

/// Bodies other than those of the dialect, where its header carries any.
pub(super) fn with_bodies(nfapi: Nfapi, bodies: Option<Encoding>) -> Result<Nfapi, String> {
    let encoding = bodies.unwrap_or(nfapi.encoding);
    if encoding != nfapi.encoding && nfapi.dialect != Dialect::Scf225v2 {
        let word = nfapi.dialect.word();
        return Err(format!(
            "{word} has bodies of its own; --bodies goes with scf225v2"
        ));
    }
    Ok(Nfapi { encoding, ..nfapi })
}

/// The datagrams of a capture, counted.
pub(super) type Messages = BTreeMap<MessageKey, MessageUse>;

/// What is counted together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct MessageKey {
    source: SocketAddr,
    destination: SocketAddr,
    /// `None` for later pieces of SCF 225, which do not say.
    message: Option<(MessageId, u16)>,
}

/// How often.
#[derive(Clone, Copy, Default)]
pub(super) struct MessageUse {
    messages: u64,
    nulls: u64,
    datagrams: u64,
    bytes: u64,
}

/// Counts `frame` if it is nFAPI; the bytes behind a snap length, if it was `cut`, are not judged.
pub(super) fn count(
    messages: &mut Messages,
    nfapi: Nfapi,
    frame: &[u8],
    cut: bool,
) -> Result<(), WireError> {
    let Some((source, destination, payload)) = datagram(frame)? else {
        return Ok(());
    };
    let ports = (source.port(), destination.port());
    let Some(view) = checked(nfapi, cut).read(ports, payload) else {
        return Ok(());
    };
    let view = view?;
    let key = MessageKey {
        source,
        destination,
        message: view.head.map(|head| (head.message, head.phy.0)),
    };
    let seen = messages.entry(key).or_default();
    seen.datagrams += 1;
    seen.bytes += payload.len() as u64;
    seen.messages += u64::from(view.piece.is_first());
    seen.nulls += u64::from(is_null(&view));
    let fault = describe::fault(&view, nfapi.dialect, nfapi.encoding);
    fault.filter(|_| !cut).map_or(Ok(()), Err)
}

/// The message that `frame` carries, or begins, as an object; `None` if it is not nFAPI.
pub(super) fn tell(nfapi: Nfapi, frame: &[u8]) -> Option<Json> {
    let (source, destination, payload) = datagram(frame).ok()??;
    let ports = (source.port(), destination.port());
    let mut tree = Tree::new();
    match nfapi.read(ports, payload)? {
        Ok(view) => {
            // Its teller does not fail.
            let _ = describe::datagram(&view, nfapi.dialect, nfapi.encoding, &mut tree);
        }
        Err(error) => tree.put("fault", json!(error.to_string())),
    }
    Some(tree.into_json())
}

/// What the summary calls a message that could not be read.
pub(super) const fn reason(error: WireError) -> Option<&'static str> {
    match (error.layer, error.fault) {
        (Layer::P7, Fault::Checksum) => Some("nfapi_checksum"),
        (Layer::P7, Fault::OldHeader) => Some("nfapi_old_header"),
        (Layer::P7, _) => Some("nfapi_header"),
        (Layer::Fapi, _) => Some("fapi_body"),
        _ => None,
    }
}

/// How to read a frame: what a snap length cut off reads as zeros, and has no checksum.
pub(super) const fn checked(nfapi: Nfapi, cut: bool) -> Nfapi {
    match cut {
        true => Nfapi {
            check: Check::Ignore,
            ..nfapi
        },
        false => nfapi,
    }
}

/// One kind of message from one end to another.
#[derive(Serialize)]
pub(super) struct MessageReport {
    /// Address and port of the sender.
    pub(super) source: String,
    /// Address and port of the receiver.
    pub(super) destination: String,
    /// Name by the standard.
    pub(super) message: &'static str,
    /// message_ID; null for later pieces of SCF 225.
    pub(super) id: Option<u16>,
    /// PHY_ID; null for later pieces of SCF 225.
    pub(super) phy: Option<u16>,
    /// Messages that begin in the capture.
    pub(super) messages: u64,
    /// Of them, requests without PDUs.
    pub(super) nulls: u64,
    /// Datagrams.
    pub(super) datagrams: u64,
    /// Bytes of the datagrams, UDP header left out.
    pub(super) bytes: u64,
}

/// The counts as they are printed.
pub(super) fn report(messages: &Messages, nfapi: Option<Nfapi>) -> Vec<MessageReport> {
    let Some(Nfapi { dialect, .. }) = nfapi else {
        return Vec::new();
    };
    let told = messages.iter().map(|(key, seen)| MessageReport {
        source: key.source.to_string(),
        destination: key.destination.to_string(),
        message: key
            .message
            .map_or("later piece", |(id, _)| id.name(dialect)),
        id: key.message.map(|(id, _)| id.0),
        phy: key.message.map(|(_, phy)| phy),
        messages: seen.messages,
        nulls: seen.nulls,
        datagrams: seen.datagrams,
        bytes: seen.bytes,
    });
    told.collect()
}

fn is_null(view: &Datagram<'_>) -> bool {
    let Some(head) = view.head else {
        return false;
    };
    // A NULL request has its own length, and nothing behind SFN and slot but zeros.
    view.is_whole()
        && null::len(head.message) == Some(view.body.len())
        && view.body.iter().skip(4).all(|byte| *byte == 0)
}

type Found<'a> = Option<(SocketAddr, SocketAddr, &'a [u8])>;

/// Both ends and the payload of a UDP datagram.
fn datagram(frame: &[u8]) -> Result<Found<'_>, WireError> {
    let (ethernet, rest) = Ethernet::parse(frame)?;
    let (source, destination, rest) = match ethernet.ethertype() {
        ethernet::IPV4 => match Ipv4::parse(rest)? {
            (ip, rest) if ip.protocol() == ipv4::UDP => {
                (ip.source().into(), ip.destination().into(), rest)
            }
            _ => return Ok(None),
        },
        ethernet::IPV6 => match Ipv6::parse(rest)? {
            (ip, rest) if ip.next_header() == ipv6::UDP => {
                (ip.source().into(), ip.destination().into(), rest)
            }
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let (udp, payload) = Udp::parse(rest)?;
    let source = SocketAddr::new(source, udp.source_port());
    let destination = SocketAddr::new(destination, udp.destination_port());
    Ok(Some((source, destination, payload)))
}

/// The telling of a message as an object: fields under their names, items under `items`.
struct Tree {
    open: Vec<Map<String, Json>>,
}

impl Tree {
    fn new() -> Self {
        Self {
            open: vec![Map::new()],
        }
    }

    fn put(&mut self, name: &str, value: Json) {
        if let Some(object) = self.open.last_mut() {
            object.insert(name.to_owned(), value);
        }
    }

    fn into_json(mut self) -> Json {
        while self.open.len() > 1 {
            self.shut();
        }
        Json::Object(self.open.pop().unwrap_or_default())
    }

    fn shut(&mut self) {
        let Some(item) = self.open.pop() else { return };
        let Some(parent) = self.open.last_mut() else {
            return;
        };
        let items = parent.entry("items").or_insert_with(|| json!([]));
        if let Json::Array(items) = items {
            items.push(Json::Object(item));
        }
    }
}

impl Teller for Tree {
    fn open(&mut self, kind: &'static str) -> fmt::Result {
        self.open.push(Map::new());
        self.put("kind", json!(kind));
        Ok(())
    }

    fn close(&mut self) -> fmt::Result {
        self.shut();
        Ok(())
    }

    fn field(&mut self, name: &'static str, value: Value<'_>) -> fmt::Result {
        let value = match value {
            Value::Number(value) => json!(value),
            Value::Hex(value) => json!(value),
            Value::Word(word) => json!(word),
            Value::Address(address) => json!(address.to_string()),
            Value::Bytes(bytes) => {
                json!(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
            }
        };
        self.put(name, value);
        Ok(())
    }

    fn fault(&mut self, error: WireError) -> fmt::Result {
        self.put("fault", json!(error.to_string()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_names_dialect_and_ports() {
        let read = option("oai-nfapi:50610,50611").unwrap();
        assert_eq!(read.dialect, Dialect::OaiNfapi);
        assert_eq!(read.ports, [Some(50_610), Some(50_611), None, None]);
        assert_eq!(option("scf225v2").unwrap().ports, [None; 4]);
    }

    #[test]
    fn what_is_no_option_is_refused_with_what_would_be() {
        let refused = |text| option(text).unwrap_err();
        assert!(refused("oai").contains("oai-nfapi, scf225v2, fapi-be, fapi-le"));
        assert!(refused("oai-nfapi:x").contains("x is no port"));
        assert!(refused("oai-nfapi:1,2,3,4,5").contains("four ports"));
        let unknown = bodies("scf225v2").unwrap_err();
        assert!(unknown.contains("oai, scf222, aerial"));
    }

    #[test]
    fn only_scf_225_has_bodies_of_others() {
        let read = |dialect, word| with_bodies(option(dialect).unwrap(), bodies(word).ok());
        let encoding = read("scf225v2", "aerial").unwrap().encoding;
        assert_eq!(encoding, Encoding::AERIAL);
        assert!(read("fapi-be", "oai").is_ok());
        let refused = read("fapi-be", "aerial").unwrap_err();
        assert!(refused.contains("goes with scf225v2"));
    }
}

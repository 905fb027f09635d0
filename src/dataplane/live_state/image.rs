//! The bytes of a whole memory: made for the cells of a configuration from what an earlier process left,
//! as far as it fits. Pure; done before the lcores start.

use super::record::{LONGEST, Record};
use super::{HEADER, KEY, NUMBERS, NUMBERS_LEN, PLACE, RECORDS, newest, stores};
use crate::dataplane::tables::{CELL_NAME, CellTables, Identity, Tables};
use crate::planes::fronthaul::cplane::digest;
use crate::ran::{Duration, Instant};
use std::collections::HashMap;

/// What an earlier process left for these cells.
#[derive(Clone, Debug)]
pub struct Succession {
    /// The image, a header and a place for each cell and for some more.
    pub bytes: Vec<u8>,
    /// The highest term in it; the process must go on with a later one.
    pub term: u64,
    /// Cells that go on where they were.
    pub restored: usize,
    /// What was ignored, and why: a sentence each.
    pub ignored: Vec<String>,
}

/// State older than this is ignored: the radio has been without its appliance for so long that nothing goes
/// on, and who was active then is no news.
pub const OLDEST: Duration = Duration::from_millis(3_600_000);

const MAGIC: [u8; 8] = *b"ranshift";
const VERSION: u32 = 1;

/// The image for `tables` that takes over what fits of `old`, the bytes of a file or nothing.
pub fn succession(old: &[u8], tables: &Tables, now: Instant) -> Succession {
    let count = tables.places as usize;
    let mut succession = Succession {
        bytes: header(count).to_vec(),
        term: 0,
        restored: 0,
        ignored: Vec::new(),
    };
    succession.bytes.resize(HEADER + count * PLACE, 0);
    let known = match read_header(old) {
        Ok(known) => known,
        Err(why) => {
            succession.ignored.extend(why);
            &[]
        }
    };
    let saved_at = |place: &[u8; PLACE]| newest(place, MOST_MEMBERS).map(|(_, record)| record.at);
    let mut by_name: HashMap<&[u8], &[u8; PLACE]> = HashMap::new();
    for place in known {
        let Some(name) = name(place) else { continue };
        let term = newest(place, MOST_MEMBERS).map_or(0, |(_, record)| record.term);
        succession.term = succession.term.max(term);
        let other = by_name.get(name);
        if other.is_none_or(|other| saved_at(other) <= saved_at(place)) {
            by_name.insert(name, place);
        }
    }
    for rules in &tables.cells {
        let own = name_in(&rules.identity.name);
        let left = own.and_then(|name| by_name.get(name).copied());
        let place = succession.place(left, rules, now);
        let base = HEADER + rules.place as usize * PLACE;
        if let Some(to) = succession.bytes.get_mut(base..base + PLACE) {
            to.copy_from_slice(&place);
        }
    }
    succession
}

impl Succession {
    fn place(
        &mut self,
        left: Option<&[u8; PLACE]>,
        rules: &CellTables,
        now: Instant,
    ) -> [u8; PLACE] {
        let mut place = [0; PLACE];
        write(&mut place, 0, &key(&rules.identity));
        let spoke = |left: &&[u8; PLACE]| left.iter().skip(RECORDS).any(|byte| *byte != 0);
        let Some(left) = left.filter(spoke) else {
            return place;
        };
        match self.fits(left, rules, now) {
            Ok((numbers, record)) => {
                self.restored += 1;
                if numbers && let Some(numbers) = left.get(NUMBERS..NUMBERS + NUMBERS_LEN) {
                    write(&mut place, NUMBERS, numbers);
                }
                if let Some(record) = record {
                    write_record(&mut place, &record);
                }
            }
            Err(why) => self.ignore(rules, why),
        }
        place
    }

    /// Whether the numbers fit, and what fits of the record.
    fn fits(
        &mut self,
        left: &[u8; PLACE],
        rules: &CellTables,
        now: Instant,
    ) -> Result<(bool, Option<Record>), &'static str> {
        let then = key_of(left).ok_or("its place in the file is damaged")?;
        let identity = &rules.identity;
        let (_, record) = newest(left, MOST_MEMBERS).ok_or("its record in the file is damaged")?;
        if now > record.at.after(OLDEST) {
            return Err("its state is older than an hour");
        }
        if record.at > now.after(OLDEST) {
            return Err("its state is from a time to come: the clock was set back");
        }
        let same_streams = then.streams == identity.streams;
        if !same_streams {
            self.ignore(rules, "its RU or streams have changed: numbers begin anew");
        }
        // Alone a member numbers its own frames: what was counted before is old.
        let numbers = same_streams && rules.members.len() > 1;
        if then.members != identity.members {
            self.ignore(rules, "its members have changed: roles begin as configured");
            return Ok((numbers, None));
        }
        let record = newest(left, rules.members.len()).map(|(_, record)| record);
        let record = record.ok_or("its record in the file is damaged")?;
        if then.time != identity.time {
            self.ignore(
                rules,
                "its time source or numerology has changed: slots are counted anew",
            );
            return Ok((numbers, Some(record.without_time())));
        }
        Ok((numbers, Some(record)))
    }

    fn ignore(&mut self, rules: &CellTables, why: &str) {
        let name = name_in(&rules.identity.name).unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        self.ignored.push(format!("cell {name}: {why}"));
    }
}

/// The first bytes of a cell's place: who it is.
pub(super) fn key(identity: &Identity) -> [u8; KEY] {
    let mut key = [0; KEY];
    write(&mut key, 0, &identity.name);
    let digests = [identity.streams, identity.members, identity.time];
    for (index, digest) in digests.into_iter().enumerate() {
        write(&mut key, NAME_LEN + 8 * index, &digest.to_le_bytes());
    }
    let (body, _) = key.split_at(CHECKED);
    let sum = digest(&[body]).to_le_bytes();
    write(&mut key, CHECKED, &sum);
    key
}

/// True if `place` is of this cell, and its numbers and record are for its streams and members.
pub(super) fn is_of(place: &[u8; PLACE], identity: &Identity) -> bool {
    place.starts_with(&key(identity))
}

fn key_of(place: &[u8; PLACE]) -> Option<Identity> {
    let (key, _) = place.split_first_chunk::<KEY>()?;
    let (body, sum) = key.split_at(CHECKED);
    if digest(&[body]).to_le_bytes() != *sum {
        return None;
    }
    let (name, digests) = body.split_first_chunk()?;
    let (digests, _) = digests.as_chunks::<8>();
    let [streams, members, time] = digests else {
        return None;
    };
    Some(Identity {
        name: *name,
        streams: u64::from_le_bytes(*streams),
        members: u64::from_le_bytes(*members),
        time: u64::from_le_bytes(*time),
    })
}

fn name(place: &[u8; PLACE]) -> Option<&[u8]> {
    name_in(place.first_chunk::<NAME_LEN>()?)
}

fn name_in(field: &[u8; NAME_LEN]) -> Option<&[u8]> {
    let (len, letters) = field.split_first()?;
    let name = letters.get(..usize::from(*len))?;
    (!name.is_empty()).then_some(name)
}

fn write_record(place: &mut [u8; PLACE], record: &Record) {
    let mut buffer = [0; LONGEST];
    let len = record.encode(&mut buffer);
    for (at, byte) in stores(1, buffer.get(..len).unwrap_or_default()) {
        write(place, at, &[byte]);
    }
}

fn header(places: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    write(&mut header, 0, &MAGIC);
    write(&mut header, 8, &VERSION.to_le_bytes());
    write(&mut header, 12, &(PLACE as u32).to_le_bytes());
    write(&mut header, 16, &(places as u32).to_le_bytes());
    let (body, _) = header.split_at(HEADER - 8);
    let sum = digest(&[body]).to_le_bytes();
    write(&mut header, HEADER - 8, &sum);
    header
}

/// The places of a file, or why there are none; no file is no reason.
fn read_header(old: &[u8]) -> Result<&[[u8; PLACE]], Option<String>> {
    if old.is_empty() {
        return Err(None);
    }
    let refuse = |why: String| Err(Some(format!("the file is ignored: {why}")));
    let Some((found, body)) = old.split_first_chunk::<HEADER>() else {
        return refuse("it is too short to be live state".to_owned());
    };
    if !found.starts_with(&MAGIC) {
        return refuse("it is no live state of ranshift".to_owned());
    }
    let word = |at: usize| {
        let bytes = found.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    if word(8) != VERSION {
        let version = word(8);
        return refuse(format!(
            "it is of version {version}, and this is version {VERSION}"
        ));
    }
    let (places, cut) = body.as_chunks::<PLACE>();
    if *found != header(word(16) as usize) {
        return refuse("its header is damaged".to_owned());
    }
    if places.len() != word(16) as usize || !cut.is_empty() {
        return refuse("it has been cut".to_owned());
    }
    Ok(places)
}

fn write(to: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = to.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

const NAME_LEN: usize = CELL_NAME + 1;
/// Bytes of a key before its checksum.
const CHECKED: usize = NAME_LEN + 24;
/// Members of any cell: before it is known whose record it is.
const MOST_MEMBERS: usize = crate::dataplane::mailbox::MAX_MEMBERS;

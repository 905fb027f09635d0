//! The journal of transactions on disk: append-only, each record a transaction as it was, with its story.
//!
//! A record is a length and a CRC-32 of what follows, both 32 bits little-endian, then JSON. A process that was killed, or
//! a machine that lost its power, leaves a torn record at the end at worst: it is dropped, and that is said. The file is
//! bounded: when it has grown too long, it is written anew with the last record of each transaction that is open or ended
//! lately, beside the old one, and takes its place at once.

use crate::control::transaction::Transaction;
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A journal that is open.
#[derive(Debug)]
pub struct TransactionFile {
    path: PathBuf,
    file: File,
    /// Bytes of whole records, the mark included.
    length: u64,
    /// The last record of each transaction.
    last: BTreeMap<u64, Transaction>,
}

/// What a journal held.
#[derive(Debug)]
pub struct Found {
    /// The last record of each transaction, the oldest first.
    pub transactions: Vec<Transaction>,
    /// Bytes at the end that are no whole record; they are gone now.
    pub torn: u64,
}

impl TransactionFile {
    /// Opens the journal at `path`, or begins one. One process at a time has it.
    pub fn open(path: &Path) -> io::Result<(Self, Found)> {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut file)
            .take(LONGEST)
            .read_to_end(&mut bytes)?;
        let (last, whole) = match bytes.strip_prefix(MARK) {
            Some(records) => {
                let (last, whole) = read(records);
                (last, MARK.len() + whole)
            }
            // Empty, or killed before the mark was whole.
            None if MARK.starts_with(&bytes) => (BTreeMap::new(), 0),
            None => return Err(io::Error::other("is no journal of transactions")),
        };
        let torn = (bytes.len() - whole) as u64;
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            length: whole as u64,
            last,
        };
        if journal.length == 0 {
            journal.put(MARK)?;
            journal.file.sync_data()?;
            sync_folder(path)?;
        }
        let transactions = journal.last.values().cloned().collect();
        Ok((journal, Found { transactions, torn }))
    }

    /// Adds a record; when this returns it is on disk if it is to be `durable`.
    pub fn append(&mut self, transaction: Transaction, durable: bool) -> io::Result<()> {
        let record = framed(&transaction)?;
        self.last.insert(transaction.id, transaction);
        if self.length + record.len() as u64 > LIMIT {
            return self.rewrite();
        }
        self.put(&record)?;
        if durable {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Writes whole or not at all: what follows a half record could not be read.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes);
        match written {
            Ok(()) => self.length += bytes.len() as u64,
            Err(_) => {
                self.file.set_len(self.length)?;
                self.file.seek(SeekFrom::End(0))?;
            }
        }
        written
    }

    /// The same with the last records only.
    fn rewrite(&mut self) -> io::Result<()> {
        self.forget();
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let mut bytes = MARK.to_vec();
        for transaction in self.last.values() {
            bytes.extend(framed(transaction)?);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        fs::rename(&beside, &self.path)?;
        sync_folder(&self.path)?;
        self.file = file;
        self.length = bytes.len() as u64;
        Ok(())
    }

    fn forget(&mut self) {
        while self.last.len() > KEPT {
            let ended = self.last.values().find(|one| one.phase.is_end());
            let Some(id) = ended.map(|one| one.id) else {
                return;
            };
            self.last.remove(&id);
        }
    }
}

/// Records up to the first that is not whole, and how many bytes they take.
fn read(records: &[u8]) -> (BTreeMap<u64, Transaction>, usize) {
    let mut last = BTreeMap::new();
    let mut rest = records;
    while let Some((transaction, after)) = one(rest) {
        last.insert(transaction.id, transaction);
        rest = after;
    }
    (last, records.len() - rest.len())
}

fn one(bytes: &[u8]) -> Option<(Transaction, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (body, after) = rest.split_at_checked(length)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    Some((serde_json::from_slice(body).ok()?, after))
}

fn framed(transaction: &Transaction) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(transaction)?;
    let mut record = (body.len() as u32).to_le_bytes().to_vec();
    record.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    record.extend_from_slice(&body);
    Ok(record)
}

/// A name that is new in a folder is durable when the folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder)?.sync_all()
}

/// What a journal begins with.
const MARK: &[u8] = b"rshiftJ1";

/// Bytes after which it is written anew.
const LIMIT: u64 = 4 << 20;

/// Bytes that are read at most: more than a journal ever has.
const LONGEST: u64 = 64 << 20;

/// Transactions that outlive a rewriting.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::transaction::{
        Asked, Cause, CellSettings, MemberSettings, Output, Phase, Request, Settings, Transactions,
        Wish,
    };
    use crate::dataplane::mailbox::Boundary;
    use crate::ran::Instant;

    /// A transaction that is open, as a director records it.
    fn transaction(id: u64) -> Transaction {
        let member = |name: &str| MemberSettings {
            name: name.to_owned(),
            assumed: true,
            ..MemberSettings::default()
        };
        let cell = CellSettings {
            name: "c".to_owned(),
            members: vec![member("a"), member("b")],
            fronthaul: true,
            ..CellSettings::default()
        };
        let mut director = Transactions::new(Settings {
            cells: vec![cell],
            ..Settings::default()
        });
        let request = Request::Move {
            cells: vec![Wish {
                cell: "c".to_owned(),
                to: "b".to_owned(),
            }],
            what: None,
            share: false,
            wait: false,
            boundary: Boundary::Next,
        };
        let asked = Asked {
            request,
            cause: Cause::Operator("somebody".to_owned()),
            key: None,
            term: None,
        };
        director.submit(Instant(1), asked).unwrap();
        let outputs = director.take_outputs().into_iter().rev();
        let mut records = outputs.filter_map(|output| match output {
            Output::Record { transaction, .. } => Some(*transaction),
            _ => None,
        });
        let mut transaction = records.next().unwrap();
        transaction.id = id;
        transaction
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ranshift-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("transactions")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn open(path: &Path) -> (TransactionFile, Found) {
        TransactionFile::open(path).unwrap()
    }

    fn ids(found: &Found) -> Vec<(u64, Phase)> {
        found
            .transactions
            .iter()
            .map(|one| (one.id, one.phase))
            .collect()
    }

    #[test]
    fn the_last_record_of_each_transaction_is_found_again() {
        let folder = Folder::new("journal-last");
        let (mut journal, found) = open(&folder.file());
        assert_eq!((found.transactions.len(), found.torn), (0, 0));
        for (id, phase) in [
            (1, Phase::Switching),
            (2, Phase::Preparing),
            (1, Phase::Done),
        ] {
            let mut one = transaction(id);
            one.phase = phase;
            journal.append(one, true).unwrap();
        }
        drop(journal);
        let (_, found) = open(&folder.file());
        assert_eq!(ids(&found), [(1, Phase::Done), (2, Phase::Preparing)]);
    }

    #[test]
    fn every_torn_tail_is_dropped_and_what_follows_can_be_read() {
        let folder = Folder::new("journal-torn");
        let (mut journal, _) = open(&folder.file());
        journal.append(transaction(1), true).unwrap();
        let whole = fs::metadata(folder.file()).unwrap().len();
        journal.append(transaction(2), true).unwrap();
        drop(journal);
        let bytes = fs::read(folder.file()).unwrap();
        for cut in [
            whole + 1,
            whole + 7,
            whole + 8,
            whole + 100,
            bytes.len() as u64 - 1,
        ] {
            fs::write(folder.file(), &bytes[..cut as usize]).unwrap();
            let (mut journal, found) = open(&folder.file());
            assert_eq!((ids(&found).len(), found.torn), (1, cut - whole));
            journal.append(transaction(3), true).unwrap();
            drop(journal);
            assert_eq!(open(&folder.file()).1.transactions.len(), 2);
        }
    }

    #[test]
    fn a_record_that_was_damaged_ends_what_is_believed() {
        let folder = Folder::new("journal-damaged");
        let (mut journal, _) = open(&folder.file());
        for id in 1..=3 {
            journal.append(transaction(id), true).unwrap();
        }
        drop(journal);
        let mut bytes = fs::read(folder.file()).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(folder.file(), &bytes).unwrap();
        assert_eq!(ids(&open(&folder.file()).1).len(), 1);
    }

    #[test]
    fn it_stays_bounded_and_keeps_what_is_open() {
        let folder = Folder::new("journal-bounded");
        let (mut journal, _) = open(&folder.file());
        journal.append(transaction(1), true).unwrap();
        for id in 2..6000 {
            let mut one = transaction(2);
            (one.id, one.phase) = (id, Phase::Done);
            one.why = Some("x".repeat(1000));
            journal.append(one, false).unwrap();
        }
        drop(journal);
        assert!(fs::metadata(folder.file()).unwrap().len() <= LIMIT);
        let (_, found) = open(&folder.file());
        assert!(found.transactions.first().is_some_and(|one| one.id == 1));
        assert!(found.transactions.last().is_some_and(|one| one.id == 5999));
    }

    #[test]
    fn another_file_is_not_overwritten_and_a_journal_has_one_owner() {
        let folder = Folder::new("journal-owner");
        fs::write(folder.file(), "something else").unwrap();
        let why = TransactionFile::open(&folder.file()).unwrap_err();
        assert!(why.to_string().contains("no journal"), "{why}");
        fs::remove_file(folder.file()).unwrap();
        let (_owner, _) = open(&folder.file());
        assert!(TransactionFile::open(&folder.file()).is_err());
    }

    #[test]
    fn a_full_disk_is_an_error_and_nothing_else() {
        let folder = Folder::new("journal-full");
        let (mut journal, _) = open(&folder.file());
        let file = File::options().write(true).open("/dev/full").unwrap();
        let good = std::mem::replace(&mut journal.file, file);
        assert!(journal.append(transaction(1), true).is_err());
        journal.file = good;
        journal.append(transaction(2), true).unwrap();
        drop(journal);
        assert_eq!(ids(&open(&folder.file()).1).len(), 1);
    }
}

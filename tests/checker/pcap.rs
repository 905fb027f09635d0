//! Classic capture files, microseconds or nanoseconds, either byte order.

use std::fs;
use std::path::{Path, PathBuf};

/// One record: nanoseconds since the epoch and the bytes kept.
pub type Record = (u64, Vec<u8>);

/// The captures of a folder, each called by its port, in order: the port, the file, its records.
pub fn folder(folder: &Path) -> Result<Vec<(String, PathBuf, Vec<Record>)>, String> {
    let fault = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let entries = fs::read_dir(folder).map_err(|e| fault(folder, &e))?;
    let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "pcap");
    let mut captures: Vec<PathBuf> = files.filter(is_capture).collect();
    captures.sort();
    let open = |path: PathBuf| {
        let file = fs::read(&path).map_err(|e| fault(&path, &e))?;
        let records = read(&file).map_err(|e| fault(&path, &e))?;
        let port = path.file_stem().unwrap_or_default();
        Ok((port.to_string_lossy().into_owned(), path, records))
    };
    captures.into_iter().map(open).collect()
}

/// All records of a capture whose link type is Ethernet.
pub fn read(file: &[u8]) -> Result<Vec<Record>, String> {
    let magic: [u8; 4] = file
        .get(..4)
        .ok_or("shorter than a file header")?
        .try_into()
        .unwrap();
    let (big, scale) = match magic {
        [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1_000),
        [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1_000),
        [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1),
        [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1),
        _ => return Err(format!("not a capture file: starts with {magic:02x?}")),
    };
    let word = |at: usize| -> Option<u32> {
        let bytes: [u8; 4] = file.get(at..at + 4)?.try_into().ok()?;
        Some(if big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    };
    if word(20).map(|link| link & 0xffff) != Some(1) {
        return Err("link type is not Ethernet".to_owned());
    }
    let mut records = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let cut = || format!("record {} is cut", records.len() + 1);
        let seconds = u64::from(word(at).ok_or_else(cut)?);
        let fraction = u64::from(word(at + 4).ok_or_else(cut)?);
        let kept = word(at + 8).ok_or_else(cut)? as usize;
        let whole = word(at + 12).ok_or_else(cut)? as usize;
        let bytes = file.get(at + 16..at + 16 + kept).ok_or_else(cut)?;
        if whole != kept {
            return Err(format!(
                "record {} holds {kept} of {whole} bytes",
                records.len() + 1
            ));
        }
        records.push((seconds * 1_000_000_000 + fraction * scale, bytes.to_vec()));
        at += 16 + kept;
    }
    Ok(records)
}

/// A nanosecond capture of `records`, for tests.
pub fn write<'a>(records: impl IntoIterator<Item = (u64, &'a [u8])>) -> Vec<u8> {
    let mut file = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0];
    file.extend([0u8; 8]);
    file.extend(262_144u32.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    for (at, bytes) in records {
        let words = [
            (at / 1_000_000_000) as u32,
            (at % 1_000_000_000) as u32,
            bytes.len() as u32,
            bytes.len() as u32,
        ];
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        file.extend_from_slice(bytes);
    }
    file
}

//! Captures typed by hand, every cut of them, and what a damaged one says.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

type Kept = (u64, Vec<u8>, u32, u64);

fn read(bytes: &[u8]) -> (Vec<Kept>, Option<CaptureError>) {
    let mut reader = match CaptureReader::new("x.pcap".into(), Cursor::new(bytes.to_vec())) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut kept = Vec::new();
    loop {
        match reader.next_frame() {
            Ok(Some(r)) => kept.push((r.at.0, r.data.to_vec(), r.original_len, r.number)),
            Ok(None) => return (kept, None),
            Err(error) => return (kept, Some(error)),
        }
    }
}

fn words(big_endian: bool, fields: &[u32]) -> Vec<u8> {
    let order = |w: &u32| match big_endian {
        true => w.to_be_bytes(),
        false => w.to_le_bytes(),
    };
    fields.iter().flat_map(order).collect()
}

fn classic(big_endian: bool, magic: u32, link: u32) -> Vec<u8> {
    let version = if big_endian { 0x0002_0004 } else { 0x0004_0002 };
    let mut file = words(big_endian, &[magic, version, 0, 0, 65535, link]);
    file.extend(words(big_endian, &[100, 7, 3, 60]));
    file.extend([1, 2, 3]);
    file.extend(words(big_endian, &[100, 9, 2, 2]));
    file.extend([4, 5]);
    file
}

fn block(big_endian: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u32 + 12;
    let mut block = words(big_endian, &[kind, length]);
    block.extend(body);
    block.extend(words(big_endian, &[length]));
    block
}

fn section(big_endian: bool, options: &[u8], ticks: u64) -> Vec<u8> {
    let link = words(big_endian, &[if big_endian { 1 << 16 } else { 1 }, 0]);
    let version = if big_endian { 0x0001_0000 } else { 0x0000_0001 };
    let head = words(big_endian, &[0x1a2b_3c4d, version, u32::MAX, u32::MAX]);
    let mut file = block(big_endian, 0x0a0d_0d0a, &head);
    file.extend(block(big_endian, 1, &[&link, options].concat()));
    file.extend(block(big_endian, 0x0bad_0bad, &[0; 8]));
    let (high, low) = ((ticks >> 32) as u32, ticks as u32);
    let packet = words(big_endian, &[0, high, low, 3, 64]);
    file.extend(block(big_endian, 6, &[&packet[..], &[1, 2, 3, 0]].concat()));
    file
}

fn option(big_endian: bool, code: u16, value: &[u8]) -> Vec<u8> {
    let length = value.len() as u16;
    let mut option = match big_endian {
        true => [code.to_be_bytes(), length.to_be_bytes()].concat(),
        false => [code.to_le_bytes(), length.to_le_bytes()].concat(),
    };
    option.extend(value);
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

#[test]
fn classic_pcap_is_read_in_both_byte_orders_and_resolutions() {
    for big_endian in [false, true] {
        for (magic, unit) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1)] {
            let (kept, error) = read(&classic(big_endian, magic, 1));
            let second = 100_000_000_000;
            assert_eq!(kept[0], (second + 7 * unit, vec![1, 2, 3], 60, 1));
            assert_eq!(kept[1], (second + 9 * unit, vec![4, 5], 2, 2));
            assert!(error.is_none() && kept.len() == 2);
        }
    }
}

#[test]
fn pcapng_follows_the_resolution_and_offset_of_each_interface() {
    for big_endian in [false, true] {
        let decimal = option(big_endian, 9, &[9]);
        let binary = option(big_endian, 9, &[0x80 | 10]);
        let (kept, _) = read(&section(big_endian, &decimal, 5_000_000_001));
        assert_eq!(kept, [(5_000_000_001, vec![1, 2, 3], 64, 1)]);
        assert_eq!(read(&section(big_endian, &[], 7)).0[0].0, 7_000);
        assert_eq!(
            read(&section(big_endian, &binary, 1536)).0[0].0,
            1_500_000_000
        );
        let offset = match big_endian {
            true => 3i64.to_be_bytes(),
            false => 3i64.to_le_bytes(),
        };
        let shifted = [decimal.clone(), option(big_endian, 14, &offset)].concat();
        assert_eq!(
            read(&section(big_endian, &shifted, 1)).0[0].0,
            3_000_000_001
        );
    }
}

#[test]
fn a_new_section_may_change_the_byte_order() {
    let file = [section(false, &[], 1), section(true, &[], 2)].concat();
    let (kept, error) = read(&file);
    assert!(error.is_none());
    assert_eq!(
        kept.iter().map(|k| (k.0, k.3)).collect::<Vec<_>>(),
        [(1000, 1), (2000, 2)]
    );
}

#[test]
fn every_cut_of_a_capture_keeps_the_whole_frames_before_it() {
    for file in [
        classic(false, 0xa1b2_3c4d, 1),
        [section(false, &[], 1), section(true, &[], 2)].concat(),
    ] {
        for length in 0..file.len() {
            let (kept, error) = read(&file[..length]);
            match error {
                None => assert!(!kept.is_empty()),
                Some(error) => {
                    assert_eq!(error.after_frames, kept.len() as u64);
                    assert!(error.offset <= length as u64, "{error}");
                    assert!(matches!(
                        error.fault,
                        CaptureFault::Truncated
                            | CaptureFault::Empty
                            | CaptureFault::NotACapture
                            | CaptureFault::NoFrames
                    ));
                }
            }
        }
    }
}

#[test]
fn a_cut_inside_the_second_record_says_so() {
    let file = classic(false, 0xa1b2_3c4d, 1);
    let (kept, error) = read(&file[..file.len() - 1]);
    let error = error.unwrap();
    assert_eq!(
        (kept.len(), error.is_truncation(), error.offset),
        (1, true, 43)
    );
    assert_eq!(
        error.to_string(),
        "x.pcap: ends inside the record of frame 2 (byte 43); 1 whole frames before it"
    );
}

#[test]
fn files_that_are_not_captures_are_told_apart() {
    let fault = |bytes: &[u8]| read(bytes).1.unwrap().fault;
    assert!(matches!(fault(b""), CaptureFault::Empty));
    assert!(matches!(
        fault(b"hello, this is text, at length"),
        CaptureFault::NotACapture
    ));
    assert!(matches!(
        fault(&[&[0x1f, 0x8b, 8, 0][..], &[0; 30]].concat()),
        CaptureFault::Compressed
    ));
    let radio = classic(false, 0xa1b2_c3d4, 127);
    assert!(matches!(fault(&radio), CaptureFault::LinkType(127)));
    let header = &classic(false, 0xa1b2_c3d4, 1)[..24];
    assert!(matches!(fault(header), CaptureFault::NoFrames));
}

#[test]
fn an_absurd_record_length_is_refused_before_it_is_read() {
    let mut file = classic(false, 0xa1b2_c3d4, 1);
    file[43 + 8..43 + 12].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    let (kept, error) = read(&file);
    assert_eq!(kept.len(), 1);
    assert!(matches!(
        error.unwrap().fault,
        CaptureFault::RecordLength(0x7fff_ffff)
    ));
}

#[test]
fn a_packet_of_an_interface_that_is_not_ethernet_is_refused() {
    let mut file = section(false, &[], 1);
    file[28 + 8] = 127;
    assert!(matches!(
        read(&file).1.unwrap().fault,
        CaptureFault::LinkType(127)
    ));
}

#[test]
fn what_the_writer_writes_the_reader_reads() {
    let path = std::env::temp_dir().join(format!("ranshift-writer-{}.pcap", std::process::id()));
    let mut writer = CaptureWriter::create(&path).unwrap();
    let at = Instant(1_795_220_728_513_860_680);
    writer.write(at, &[1, 2, 3], 1464).unwrap();
    writer.write(at.offset(1), &[4; 9000], 0).unwrap();
    assert_eq!(writer.finish().unwrap(), 2);
    let mut reader = CaptureReader::open(&path).unwrap();
    let first = reader.next_frame().unwrap().unwrap();
    assert_eq!(
        (first.at, first.data, first.original_len),
        (at, &[1, 2, 3][..], 1464)
    );
    assert!(first.is_cut());
    let second = reader.next_frame().unwrap().unwrap();
    assert_eq!((second.data.len(), second.original_len), (9000, 9000));
    assert!(reader.next_frame().unwrap().is_none());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_full_disk_is_an_error() {
    let mut writer = CaptureWriter::create(Path::new("/dev/full")).unwrap();
    let written = (0..100).try_for_each(|_| writer.write(Instant(0), &[0; 9000], 9000));
    let error = match written {
        Err(error) => error,
        Ok(()) => writer.finish().unwrap_err(),
    };
    assert!(matches!(error.fault, CaptureFault::Write(_)));
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic_and_always_end(
        next in any::<bool>(), at in any::<prop::sample::Index>(), value in any::<u8>(), second in any::<prop::sample::Index>(), other in any::<u8>(),
    ) {
        let mut file = match next {
            true => [section(false, &option(false, 9, &[9]), 1), section(true, &[], 2)].concat(),
            false => classic(true, 0xa1b2_3c4d, 1),
        };
        let (a, b) = (at.index(file.len()), second.index(file.len()));
        file[a] = value;
        file[b] = other;
        let (kept, _) = read(&file);
        prop_assert!(kept.len() <= file.len());
    }
}

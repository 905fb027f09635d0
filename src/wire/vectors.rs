//! Checked frames for tests, as bytes of the wire without FCS: one C-tag with VLAN 6 and PCP 7, RU
//! 02:..:aa, DU 02:..:01, frame 17, subframe 3, slot 1 unless said. An independent dissector agrees on each.

/// DL U-plane, BFP 9 static, eAxC 0x0000, seq 5, symbol 2, section 1, PRB 10..11 (2 x 28 bytes),
/// payload size 68.
pub(crate) fn v1() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe10000044000005809011304200100a0202f1797d1ebf\
         77c7e9f7fd7f4000303024180f09054301b0f084482700f1797d1ebf77c7e9f7fd7f400030302418\
         0f09054301b0f0844827",
    )
}

/// V1 with udCompHdr 0x91 + reserved (payload size 70).
pub(crate) fn v2() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe10000046000005809011304200100a02910002f1797d\
         1ebf77c7e9f7fd7f4000303024180f09054301b0f084482700f1797d1ebf77c7e9f7fd7f40003030\
         24180f09054301b0f0844827",
    )
}

/// DL U-plane, none 16 static, eAxC 0x0001, seq 6, section 2, PRB 0, samples -30,-27,...,39.
pub(crate) fn v3() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe1000003c000106809011304200200001ffe2ffe5ffe8\
         ffebffeefff1fff4fff7fffafffd0000000300060009000c000f001200150018001b001e00210024\
         0027",
    )
}

/// DL U-plane, BFP 9 static, two sections: id 1 PRB 0; id 2 PRB 50..51 (symbol 3, seq 7).
pub(crate) fn v4() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe1000006400000780901130430010000101f1797d1ebf\
         77c7e9f7fd7f4000303024180f09054301b0f08448270020320201f1797d1ebf77c7e9f7fd7f4000\
         303024180f09054301b0f084482701f1797d1ebf77c7e9f7fd7f4000303024180f09054301b0f084\
         4827",
    )
}

/// DL C-plane ST 1, one section id 1, all PRBs, 14 symbols (padded to 60; payload size 20).
pub(crate) fn v5() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe1002001400000980901130400101910000100000fffe\
         0000000000000000000000000000000000000000",
    )
}

/// DL C-plane ST 1, two sections: id 1 PRB 0-99 symbols 3; id 2 PRB 100-199 symbols 11 beam 7 + ext
/// 6 + ext 4.
pub(crate) fn v6() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe1002002800000a80901130400201000000100064fff3\
         000000206464fffb8007860220ffffff3fff04018064",
    )
}

/// UL C-plane ST 3 PRACH, eAxC 0x0004, filterIndex 3, subframe 9 slot 1, 12 PRB, 12 repetitions,
/// freqOffset -3276, FFT 4096/30 kHz.
pub(crate) fn v7() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe1002001c00040b801311904001030000c10000910030\
         000cfffc0000fff3340000000000000000000000",
    )
}

/// UL C-plane ST 1 with ext 11 (16-bit extLen 2, disableBFWs, bundle 100, beam 5), subframe 4 slot
/// 0.
pub(crate) fn v8() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe1002001c00000c80101140000101910000100064fffe\
         80000b0002806400050000000000000000000000",
    )
}

/// DL C-plane ST 0 (guard), all PRBs, 4 symbols.
pub(crate) fn v9() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe1002001800000c809011304001000000c10000000000\
         0000fff400000000000000000000000000000000",
    )
}

/// One-way delay Request id 7, t = 1700000000.123456789, compensation 1500 ns.
pub(crate) fn v10() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe10050014070000006553f100075bcd150000000005dc\
         0000",
    )
}

/// Two concatenated C-plane messages (C = 1, eAxC 0 seq 14; then eAxC 1 seq 15).
pub(crate) fn v11() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe1102001400000e80901130400101910000100000fffe\
         00001002001400010f80901130400101910000100000fffe0000",
    )
}

/// QinQ (0x88A8 VID 100, 0x8100 VID 6), DL U-plane dynamic, PRB 10.
pub(crate) fn v12() -> Vec<u8> {
    bytes(
        "0200000000aa02000000000188a8006481000006aefe1000002a000010809011304200100a019100\
         02f1797d1ebf77c7e9f7fd7f4000303024180f09054301b0f0844827",
    )
}

/// UL U-plane from RU, dynamic, subframe 4 slot 0 symbol 0, PRB 0.
pub(crate) fn v13() -> Vec<u8> {
    bytes(
        "0200000000010200000000aa8100e006aefe1000002a000001801011400000100001910002f1797d\
         1ebf77c7e9f7fd7f4000303024180f09054301b0f0844827",
    )
}

/// DL U-plane over IPv4/UDP 50000 -> 50001 (UDP checksum 0), dynamic.
pub(crate) fn v14() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006080045b8004a00004000401125e90a0000010a000002c350\
         c351003600001000002a000012809011304200100a01910002f1797d1ebf77c7e9f7fd7f40003030\
         24180f09054301b0f0844827",
    )
}

/// Extremes; eAxC widths 2/6/4/4, eAxC 1:2:3:5 (0x4235), frame 255, subframe 9, slot 1, symbol 13,
/// section 0xABC, rb 1, symInc 1, startPrbu 1023, numPrbu 1.
pub(crate) fn v15() -> Vec<u8> {
    bytes(
        "0200000000aa0200000000018100e006aefe100000284235138090ff904dabcfff0102f1797d1ebf\
         77c7e9f7fd7f4000303024180f09054301b0f0844827",
    )
}

/// Every frame above, in order.
pub(crate) fn all() -> Vec<Vec<u8>> {
    [
        v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15,
    ]
    .iter()
    .map(|vector: &fn() -> Vec<u8>| vector())
    .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

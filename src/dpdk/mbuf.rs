//! One frame in DPDK buffers, owned: whoever holds a `Mbuf` frees it or hands it to a port.
//!
//! There is no `Clone`. Frames that share payload are built by `burst` out of segments of their own;
//! a frame whose first segment somebody else can see shows no head, so it is never rewritten.
//! Pools are never freed, so a `Mbuf` is valid for as long as it exists.

use super::ffi;
use super::mempool::Pool;
use crate::dataplane::verdict::Departure;
use crate::ran::Instant;
use std::ptr::NonNull;
use std::slice;
use std::sync::OnceLock;

/// A chain of segments, received or built.
#[derive(Debug)]
#[repr(transparent)]
pub struct Mbuf(NonNull<ffi::rte_mbuf>);

macro_rules! fields {
    ($($name:ident: $kind:ty, $doc:literal;)*) => {
        $(#[doc = $doc]
        fn $name(&self) -> $kind {
            // SAFETY: the first segment lives until `drop`, and its owner alone writes this field.
            unsafe { (*self.0.as_ptr()).$name }
        })*
    };
}

impl Mbuf {
    /// A frame of these bytes; `None` if `pool` has no buffer free or they do not fit into one.
    pub fn from_bytes(pool: &Pool, bytes: &[u8]) -> Option<Self> {
        let len = u16::try_from(bytes.len()).ok()?;
        // SAFETY: `bytes` is readable for `len`, the pool lives for ever.
        let frame = unsafe { ffi::shim_frame(pool.as_ptr(), bytes.as_ptr(), len) };
        NonNull::new(frame).map(Self)
    }

    /// Length in bytes over all segments.
    pub fn frame_len(&self) -> u32 {
        self.pkt_len()
    }

    /// Number of segments.
    pub fn segments(&self) -> u16 {
        self.nb_segs()
    }

    /// Copies bytes from `offset` on into `to`; false if the frame ends before that.
    pub fn read(&self, offset: u32, to: &mut [u8]) -> bool {
        let Ok(len) = u32::try_from(to.len()) else {
            return false;
        };
        // SAFETY: the chain lives until `drop`, `to` is writable for `len`.
        unsafe { ffi::shim_read(self.as_ptr(), offset, len, to.as_mut_ptr()) }
    }

    /// Headroom and first segment, and where the frame starts in it. Empty if the buffer is shared.
    pub(super) fn head_mut(&mut self) -> (&mut [u8], u16) {
        let start = self.data_off();
        let end = usize::from(start) + usize::from(self.data_len());
        if !self.is_exclusive() || end > usize::from(self.buf_len()) {
            return (&mut [], 0);
        }
        let buffer = self.buf_addr().cast::<u8>();
        // SAFETY: a direct mbuf's buffer is `buf_len` bytes that the pool initialised; with a
        // reference count of 1 nobody else reads or writes it while `self` is borrowed.
        (unsafe { slice::from_raw_parts_mut(buffer, end) }, start)
    }

    /// Moves the first byte to `departure.start` and appends its zero bytes; false without room.
    pub(super) fn depart(&mut self, departure: Departure) -> bool {
        let end = u32::from(self.data_off()) + u32::from(self.data_len());
        let start = u32::from(departure.start);
        let Ok(data_len) = u16::try_from(end.wrapping_sub(start)) else {
            return false;
        };
        let pkt_len = self.pkt_len() - u32::from(self.data_len()) + u32::from(data_len);
        let segment = self.as_ptr();
        // SAFETY: the first segment lives until `drop` and is ours to describe; the new range ends
        // where the old one ended and starts inside the same buffer.
        unsafe {
            (*segment).data_off = departure.start;
            (*segment).data_len = data_len;
            (*segment).pkt_len = pkt_len;
        }
        departure.pad == 0 || self.pad(u16::from(departure.pad))
    }

    /// When it was received, if the port's driver wrote that down.
    pub(super) fn stamp(&self) -> Option<Instant> {
        let field = STAMP.get_or_init(StampField::look_up).as_ref()?;
        if self.ol_flags() & field.flag == 0 {
            return None;
        }
        // SAFETY: the offset was registered for a field of 8 aligned bytes within `rte_mbuf`.
        let micros = unsafe { self.as_ptr().byte_add(field.offset).cast::<u64>().read() };
        Some(Instant(micros.saturating_mul(1_000)))
    }

    /// A copy in one segment out of `pool`; `None` if no buffer is free or large enough.
    pub(super) fn flattened(&self, pool: &Pool) -> Option<Self> {
        // SAFETY: the chain lives until `drop`, the pool for ever.
        let flat = unsafe { ffi::shim_flatten(self.as_ptr(), pool.as_ptr()) };
        NonNull::new(flat).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::rte_mbuf {
        self.0.as_ptr()
    }

    fn pad(&mut self, bytes: u16) -> bool {
        // SAFETY: the chain lives until `drop` and is ours to append to.
        unsafe { ffi::shim_pad(self.as_ptr(), bytes) }
    }

    fn is_exclusive(&self) -> bool {
        self.refcnt() == 1 && self.ol_flags() & FOREIGN_BUFFER == 0
    }

    fields! {
        buf_addr: *mut std::ffi::c_void, "Start of the buffer.";
        buf_len: u16, "Length of the buffer.";
        data_len: u16, "Bytes of the first segment.";
        data_off: u16, "Where they start in the buffer.";
        nb_segs: u16, "Segments of the frame.";
        ol_flags: u64, "Flags.";
        pkt_len: u32, "Bytes of the frame.";
        refcnt: u16, "Frames that see this buffer.";
    }
}

// SAFETY: the buffers of a frame belong to its owner, whichever thread that is; pools take them back
// from any thread.
unsafe impl Send for Mbuf {}

impl Drop for Mbuf {
    fn drop(&mut self) {
        // SAFETY: owned, so freed once; the pools of all segments live for ever.
        unsafe { ffi::shim_free(self.as_ptr()) }
    }
}

/// The receive timestamp's place in every mbuf of the process: drivers register it at start.
struct StampField {
    offset: usize,
    flag: u64,
}

/// Whether some driver stamps what it receives.
pub fn stamps_exist() -> bool {
    STAMP.get_or_init(StampField::look_up).is_some()
}

impl StampField {
    fn look_up() -> Option<Self> {
        let (mut offset, mut flag) = (0u32, 0u64);
        // SAFETY: both pointers are valid for the call.
        let known = unsafe { ffi::shim_timestamp_field(&mut offset, &mut flag) };
        known.then_some(Self {
            offset: offset as usize,
            flag,
        })
    }
}

/// Asked once, when the first frame arrives: ports have been started by then.
static STAMP: OnceLock<Option<StampField>> = OnceLock::new();

/// The buffer belongs to another mbuf (bit 62) or to somebody outside DPDK (bit 61).
const FOREIGN_BUFFER: u64 = 1 << 62 | 1 << 61;

/// `burst` lets C write and read vectors of frames as arrays of pointers.
const _: () = assert!(size_of::<Mbuf>() == size_of::<*mut ffi::rte_mbuf>());
const _: () = assert!(size_of::<Option<Mbuf>>() == size_of::<*mut ffi::rte_mbuf>());

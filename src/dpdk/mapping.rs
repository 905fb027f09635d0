//! Memory that outlives the process: a file mapped for plain stores; pages that stay in memory, and freed
//! ones that do not.
//!
//! A mapping on tmpfs is what a killed process leaves to its successor: every store is in the file at
//! once, without a system call. The file is reserved in full before it is mapped, so that a full file
//! system is an error here and not a SIGBUS on an lcore, and locked, so that it has one writer.

use rustix::fs::{self, FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{self, MapFlags, MlockAllFlags, ProtFlags};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU8;

/// A file as memory. Dropped, it is unmapped and unlocked; the file stays.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    /// Holds the lock.
    _file: OwnedFd,
}

impl Mapping {
    /// Maps `path`, made if it is not there, with exactly `len` bytes: zeroes follow what a shorter
    /// file held, a longer one is cut. Only this user may read it. Refused while another process has it.
    pub fn open(path: &Path, len: usize) -> io::Result<Self> {
        if len == 0 {
            return Err(Errno::INVAL.into());
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
        fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        fs::ftruncate(&file, len as u64)?;
        match fs::fallocate(&file, FallocateFlags::empty(), 0, len as u64) {
            // A file system without reservation: the pages come when they are written.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: the kernel chooses the place, so nothing that exists is mapped over.
        let start = unsafe { mm::mmap(std::ptr::null_mut(), len, access, flags, &file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(Errno::FAULT)?;
        Ok(Self {
            start,
            len,
            _file: file,
        })
    }

    /// The bytes as they are now.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes are mapped until `drop`; no other process writes them while the lock
        // holds, and in this one `self` is the only way to them.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The bytes for the life of the process, to be written by several lcores: each its own.
    pub fn leak(self) -> &'static [AtomicU8] {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: `len` bytes are mapped and never unmapped, and nothing else in this process refers to
        // them; an AtomicU8 is laid out as a byte.
        unsafe { slice::from_raw_parts(this.start.as_ptr().cast(), this.len) }
    }

    /// The bytes, to be written: a store is in the file at once.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

// SAFETY: the memory belongs to the mapping, whichever thread holds it.
unsafe impl Send for Mapping {}
// SAFETY: through a shared reference it is only read.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `open` with this length, and every borrow of it has ended. Nothing can be
        // done about a failure.
        let _ = unsafe { mm::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Keeps every page of the process in memory, so that no frame waits for one. Pages to come are
/// included only where that cannot make a later allocation fail: without a limit, or with CAP_IPC_LOCK.
pub fn lock_memory() -> io::Result<()> {
    let limit = getrlimit(Resource::Memlock).current;
    let exempt =
        capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::IPC_LOCK));
    let mut flags = MlockAllFlags::CURRENT;
    if limit.is_none() || exempt {
        flags |= MlockAllFlags::FUTURE;
    }
    Ok(mm::mlockall(flags)?)
}

/// Has the allocator give large blocks back as soon as they are freed, and share what it keeps between
/// threads. Whatever replaces the tables allocates most of what it replaces; kept for reuse by the thread that
/// happened to do it, that adds up. For the start of a long-lived process.
pub fn return_freed_memory() {
    #[cfg(target_env = "gnu")]
    for (setting, value) in [
        (libc::M_MMAP_THRESHOLD, LARGE_BLOCK),
        (libc::M_ARENA_MAX, ARENAS),
    ] {
        // SAFETY: numbers only; glibc takes them at any time. Where it does not, memory is kept longer.
        unsafe { libc::mallopt(setting, value) };
    }
}

/// Bytes from which a block is mapped alone. Stated, it is not raised when such a block is freed.
#[cfg(target_env = "gnu")]
const LARGE_BLOCK: i32 = 128 << 10;

/// Heaps of the allocator: lcores never allocate, and control does not mind to wait for another thread.
#[cfg(target_env = "gnu")]
const ARENAS: i32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    static NUMBER: AtomicU32 = AtomicU32::new(0);

    struct File(PathBuf);

    impl File {
        fn new() -> Self {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("ranshift-mapping-{}-{number}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_store_is_there_when_the_file_is_mapped_again() {
        let file = File::new();
        let mut first = Mapping::open(&file.0, 5000).unwrap();
        assert_eq!(first.bytes(), vec![0; 5000]);
        first.bytes_mut()[4999] = 7;
        assert_eq!(std::fs::read(&file.0).unwrap()[4999], 7);
        drop(first);
        assert_eq!(Mapping::open(&file.0, 5000).unwrap().bytes()[4999], 7);
    }

    #[test]
    fn a_file_of_another_length_is_cut_or_filled_with_zeroes() {
        let file = File::new();
        std::fs::write(&file.0, [1, 2, 3]).unwrap();
        assert_eq!(Mapping::open(&file.0, 5).unwrap().bytes(), [1, 2, 3, 0, 0]);
        assert_eq!(Mapping::open(&file.0, 2).unwrap().bytes(), [1, 2]);
    }

    #[test]
    fn a_file_has_one_writer() {
        let file = File::new();
        let first = Mapping::open(&file.0, 64).unwrap();
        let second = Mapping::open(&file.0, 64).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        assert!(Mapping::open(&file.0, 64).is_ok());
    }

    #[test]
    fn what_cannot_be_mapped_is_an_error() {
        assert!(Mapping::open(Path::new("/nowhere/state"), 64).is_err());
        assert!(Mapping::open(&File::new().0, 0).is_err());
    }
}

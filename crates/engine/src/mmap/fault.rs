//! The handler of `SIGBUS`.
//!
//! What happens when a thread touches a page whose file was truncated:
//!
//! 1. The kernel stops the thread at the instruction and calls [`on_fault`] on it.
//! 2. The handler looks the address up in [`REGIONS`]. Not ours: the handler that was there before us
//!    gets the signal (Rust's own, for stack overflows, is one), see [`pass_on`].
//! 3. Ours: it notes the first lost byte, then maps pages of zeros over the mapping, from the lost
//!    page **to the end**, so that one signal is enough however much was lost.
//! 4. It returns; the instruction is repeated and reads a zero.
//! 5. The closure that was reading ends, and [`Mapping`](super::Mapping)'s user asks
//!    `first_lost_byte` and throws its result away.
//!
//! A handler may run at any moment in any thread, so it allocates nothing and locks nothing: the
//! table is static, and each slot is a sequence lock (an odd version means live; a reader that sees
//! the version move skips the slot). Skipping is right: the slot of the region that faulted cannot
//! change, because the thread in the handler still borrows that mapping.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use rustix::mm::{MapFlags, ProtFlags};

/// Mapped files at once; more are read by position.
const REGION_COUNT_MAX: usize = 128;

const NOTHING_LOST: usize = usize::MAX;

static REGIONS: [Slot; REGION_COUNT_MAX] = [const { Slot::new() }; REGION_COUNT_MAX];

/// The handler before ours. Written once, before ours is installed.
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// Size of a page, asked once: the handler must not ask.
static PAGE_BYTES: AtomicUsize = AtomicUsize::new(4096);

/// One mapping, as the handler sees it.
struct Slot {
    is_taken: AtomicBool,
    version: AtomicUsize,
    start: AtomicUsize,
    len: AtomicUsize,
    first_lost_byte: AtomicUsize,
}

impl Slot {
    const fn new() -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            version: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            first_lost_byte: AtomicUsize::new(NOTHING_LOST),
        }
    }

    /// The addresses of a live mapping.
    fn addresses(&self) -> Option<Range<usize>> {
        let version = self.version.load(SeqCst);
        let (start, len) = (self.start.load(SeqCst), self.len.load(SeqCst));
        let is_live = version % 2 == 1 && self.version.load(SeqCst) == version;
        is_live.then(|| start..start + len)
    }
}

/// A mapping's place in the table.
#[derive(Debug)]
pub(super) struct Region {
    index: usize,
}

impl Region {
    /// Protects `len` bytes at `start`; `None` when the table is full.
    pub(super) fn register(start: usize, len: usize) -> Option<Self> {
        let index = REGIONS
            .iter()
            .position(|slot| !slot.is_taken.swap(true, SeqCst))?;
        let slot = &REGIONS[index];
        slot.start.store(start, SeqCst);
        slot.len.store(len, SeqCst);
        slot.first_lost_byte.store(NOTHING_LOST, SeqCst);
        slot.version.fetch_add(1, SeqCst); // Odd: live.
        Some(Self { index })
    }

    /// Ends the protection; to be called once, before the memory is unmapped.
    pub(super) fn unregister(&self) {
        let slot = &REGIONS[self.index];
        slot.version.fetch_add(1, SeqCst); // Even: dead.
        slot.is_taken.store(false, SeqCst);
    }

    pub(super) fn first_lost_byte(&self) -> Option<usize> {
        let byte = REGIONS[self.index].first_lost_byte.load(SeqCst);
        (byte != NOTHING_LOST).then_some(byte)
    }
}

/// Installs the handler of lost pages, for the whole process; more calls do nothing.
///
/// Also unblocks `SIGBUS` for the calling thread and those it starts from now on, because a lost page
/// ends the process in a thread that blocks the signal.
///
/// # Errors
/// When the system refuses, which it has no documented reason to.
pub fn install_fault_handler() -> io::Result<()> {
    if is_fault_handler_installed() {
        return Ok(());
    }
    PAGE_BYTES.store(rustix::param::page_size(), SeqCst);
    let previous = current_action()?;
    PREVIOUS.get_or_init(|| previous);
    // SAFETY: zero is a valid value of every field of these C structures; `on_fault` has the
    // signature that SA_SIGINFO asks for and does only what a signal handler may do.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = on_fault as *const () as usize;
        // On the alternate stack, so that it works for a thread that is out of stack as well.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        if libc::sigaction(libc::SIGBUS, &action, ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut signals: libc::sigset_t = MaybeUninit::zeroed().assume_init();
        libc::sigemptyset(&mut signals);
        libc::sigaddset(&mut signals, libc::SIGBUS);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &signals, ptr::null_mut());
    }
    Ok(())
}

/// Whether lost pages are handled. Asks the system (a fifth of a microsecond), so that a handler
/// that somebody installed over ours is noticed.
pub fn is_fault_handler_installed() -> bool {
    PREVIOUS.get().is_some()
        && current_action()
            .is_ok_and(|action| action.sa_sigaction == on_fault as *const () as usize)
}

fn current_action() -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::zeroed();
    // SAFETY: without a new action, `sigaction` only writes the current one, which zeroes initialised.
    unsafe {
        if libc::sigaction(libc::SIGBUS, ptr::null(), action.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(action.assume_init())
    }
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid `info`; the address is only read for a SIGBUS
    // that the kernel raised itself (`si_code` above 0), and then it is set.
    let fault_address = unsafe { ((*info).si_code > 0).then(|| (*info).si_addr().addr()) };
    if !fault_address.is_some_and(replace_lost_pages) {
        pass_on(signal, info, context);
    }
}

/// Maps zeros from the page of `address` to the end of the region that holds it, if one does.
fn replace_lost_pages(address: usize) -> bool {
    let Some((slot, region)) = REGIONS.iter().find_map(|slot| {
        slot.addresses()
            .filter(|region| region.contains(&address))
            .map(|region| (slot, region))
    }) else {
        return false;
    };
    let page = address & !(PAGE_BYTES.load(SeqCst) - 1);
    // Noted before the zeros are there, so that nobody reads them and then finds nothing lost.
    slot.first_lost_byte.fetch_min(page - region.start, SeqCst);
    // SAFETY: `page` up to the end of the region is a part of a mapping of ours that is alive, because the
    // faulting thread is reading it. Whoever reads these bytes was promised bytes, not which.
    let zeros = unsafe {
        rustix::mm::mmap_anonymous(
            ptr::without_provenance_mut(page),
            region.end - page,
            ProtFlags::READ,
            MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
        )
    };
    zeros.is_ok()
}

/// Hands a signal that is not about our mappings to whoever would have had it without us.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(previous) = PREVIOUS.get() else {
        return;
    };
    match previous.sa_sigaction {
        // The kernel does not let a real fault be ignored, so both mean: end the process, as it
        // would have been. The signal is blocked until we return, and pending then.
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: `signal` and `raise` may be called in a signal handler (signal-safety(7)).
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                libc::raise(signal);
            }
        }
        // SAFETY: the address came from the system as a handler with this signature.
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => unsafe {
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                std::mem::transmute(handler);
            handler(signal, info, context);
        },
        // SAFETY: as above, without SA_SIGINFO.
        handler => unsafe {
            let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
            handler(signal);
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// Set in the child process of the test.
    const CHILD: &str = "TAMIS_TEST_FOREIGN_FAULT";

    /// Loses a page of a mapping that is not registered, with our handler installed.
    fn lose_a_foreign_page() -> u8 {
        install_fault_handler().expect("the handler can be installed");
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&[1; 10_000]).expect("there is room");
        // SAFETY: a fresh mapping; that reading it faults is the point, in a process made for it.
        unsafe {
            let start = rustix::mm::mmap(
                ptr::null_mut(),
                10_000,
                ProtFlags::READ,
                MapFlags::SHARED,
                &file,
                0,
            );
            file.set_len(0).expect("a file can shrink");
            start
                .expect("a file can be mapped")
                .cast::<u8>()
                .add(5_000)
                .read_volatile()
        }
    }

    #[test]
    fn a_fault_outside_our_mappings_ends_the_process_as_ever() {
        if std::env::var_os(CHILD).is_some() {
            panic!("read {}", lose_a_foreign_page());
        }
        let test = "mmap::fault::tests::a_fault_outside_our_mappings_ends_the_process_as_ever";
        let child = Command::new(std::env::current_exe().expect("a path"))
            .args(["--exact", test, "--test-threads=1"])
            .env(CHILD, "1")
            .output()
            .expect("the test can start itself");
        assert_eq!(child.status.signal(), Some(libc::SIGBUS), "{child:?}");
    }

    #[test]
    fn a_slot_is_used_again() {
        let first = Region::register(1 << 20, 4096).expect("the table is not full");
        REGIONS[first.index].first_lost_byte.store(17, SeqCst);
        assert_eq!(first.first_lost_byte(), Some(17));
        first.unregister();
        assert_eq!(REGIONS[first.index].addresses(), None);
        let second = Region::register(1 << 21, 4096).expect("the table is not full");
        assert_eq!(second.first_lost_byte(), None);
        assert_eq!(
            REGIONS[second.index].addresses(),
            Some(1 << 21..(1 << 21) + 4096)
        );
        second.unregister();
    }
}

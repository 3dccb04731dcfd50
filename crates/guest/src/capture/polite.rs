//! The stack goes first on the processors.

/// From now on this thread, and those that it starts, do not take a processor from one that runs when they wake up.
/// Packets wait in the ring meanwhile. Where the kernel refuses, all goes on as before.
pub(super) fn never_interrupt() {
    let none = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameters live through the call; 0 is this thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const none) };
}

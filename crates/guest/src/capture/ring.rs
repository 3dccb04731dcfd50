//! The ring that the kernel writes packets to (`TPACKET_V3`): blocks of packets, shared memory, no call for each.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{TP_STATUS_KERNEL, TP_STATUS_USER, tpacket_block_desc, tpacket3_hdr};
use model::Timestamp;

use super::socket::Socket;

/// A block's size, in bytes; a ring has at least one.
const BLOCK: usize = 1 << 20;
const FRAME: usize = 2048;
/// How long the kernel may hold back a block that is not full, in milliseconds.
const RETIRE: u32 = 20;

/// A block of packets that waits to be read, or is being written by the kernel.
#[derive(Debug)]
pub(super) struct Ring {
    base: NonNull<u8>,
    blocks: usize,
    current: usize,
}

/// One packet as it was heard.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) at: Timestamp,
    pub(super) bytes: &'a [u8],
    pub(super) wire_len: usize,
    pub(super) interface: u32,
    /// It left by this interface, and did not come in.
    pub(super) outgoing: bool,
}

impl Ring {
    /// A ring of so many megabytes.
    pub(super) fn open(socket: &Socket, blocks: usize) -> io::Result<Self> {
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        socket.set(libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        let shape = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: FRAME as u32,
            tp_frame_nr: (BLOCK / FRAME * blocks) as u32,
            tp_retire_blk_tov: RETIRE,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &shape)?;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at a place of the kernel's choice.
        let base = unsafe {
            libc::mmap(std::ptr::null_mut(), BLOCK * blocks, rights, libc::MAP_SHARED, socket.raw(), 0)
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("the ring is at address 0"))?;
        Ok(Self { base, blocks, current: 0 })
    }

    /// The next block of packets, if the kernel has filled one. It goes back to the kernel when it is dropped.
    pub(super) fn next_block(&mut self) -> Option<Block<'_>> {
        // SAFETY: `current` is below `blocks`, so the block is inside the mapping, which lives as long as `self`.
        let start = unsafe { self.base.add(self.current * BLOCK) };
        let block = Block { ring: self, start };
        // Acquire: what the kernel wrote before it handed the block over is seen after this.
        if block.status().load(Ordering::Acquire) & TP_STATUS_USER == 0 {
            std::mem::forget(block);
            return None;
        }
        Some(block)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `open`, and no block borrows it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), BLOCK * self.blocks) };
    }
}

/// A block that is ours until it is dropped.
#[derive(Debug)]
pub(super) struct Block<'a> {
    ring: &'a mut Ring,
    start: NonNull<u8>,
}

impl Block<'_> {
    pub(super) fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        // SAFETY: the block begins with its description, which the kernel has written.
        let head = unsafe { self.start.cast::<tpacket_block_desc>().read().hdr.bh1 };
        // SAFETY: the block is ours until it is dropped, the kernel does not write to it, and it is `BLOCK` long.
        let bytes = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), BLOCK) };
        let mut at = head.offset_to_first_pkt as usize;
        (0..head.num_pkts).map_while(move |_| {
            let (packet, next) = packet(bytes, at)?;
            at = next;
            Some(packet)
        })
    }

    fn status(&self) -> &AtomicU32 {
        let desc = self.start.cast::<tpacket_block_desc>().as_ptr();
        // SAFETY: the field is inside the block, aligned, and both sides touch it by atomic operations only while the
        // block changes hands.
        unsafe { AtomicU32::from_ptr(&raw mut (*desc).hdr.bh1.block_status) }
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        // Release: all reads of the block are done before the kernel may write to it again.
        self.status().store(TP_STATUS_KERNEL, Ordering::Release);
        self.ring.current = (self.ring.current + 1) % self.ring.blocks;
    }
}

/// The packet at an offset of a block, and the offset of the next one.
fn packet(block: &[u8], at: usize) -> Option<(Packet<'_>, usize)> {
    const HEAD: usize = size_of::<tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);
    let frame = block.get(at..)?;
    let head: tpacket3_hdr = read(frame.get(..size_of::<tpacket3_hdr>())?)?;
    let from: libc::sockaddr_ll = read(frame.get(HEAD..HEAD + size_of::<libc::sockaddr_ll>())?)?;
    let start = usize::from(head.tp_mac);
    let packet = Packet {
        at: Timestamp::from_parts(i64::from(head.tp_sec), head.tp_nsec),
        bytes: frame.get(start..start + head.tp_snaplen as usize)?,
        wire_len: head.tp_len as usize,
        interface: from.sll_ifindex.cast_unsigned(),
        outgoing: from.sll_pkttype == libc::PACKET_OUTGOING,
    };
    Some((packet, at + head.tp_next_offset as usize))
}

/// A structure of plain numbers out of bytes that are as long as it.
fn read<T: Plain>(bytes: &[u8]) -> Option<T> {
    // SAFETY: the bytes are as many as `T` has, and any bytes are a valid `T`.
    (bytes.len() == size_of::<T>()).then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// Structures for which any bytes are valid.
trait Plain: Copy {}
impl Plain for tpacket3_hdr {}
impl Plain for libc::sockaddr_ll {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block's bytes as the kernel writes them: header, sender, packet.
    fn frame(payload: &[u8], wire_len: u32, next: u32) -> Vec<u8> {
        let mac = 48 + 20;
        let mut bytes = Vec::new();
        for word in [next, 7, 9, payload.len() as u32, wire_len, 0] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend((mac as u16).to_ne_bytes());
        bytes.resize(48, 0);
        bytes.extend([0; 4]);
        bytes.extend(42_i32.to_ne_bytes());
        bytes.extend([0, 0, libc::PACKET_OUTGOING, 6]);
        bytes.resize(mac, 0);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn packets_are_read_where_the_kernel_puts_them() {
        let first = frame(b"hello", 500, 96);
        let mut block = first.clone();
        block.resize(96, 0);
        block.extend(frame(b"you", 3, 0));
        let (hello, next) = packet(&block, 0).unwrap();
        assert_eq!((hello.bytes, hello.wire_len, hello.interface), (&b"hello"[..], 500, 42));
        assert_eq!((hello.at, hello.outgoing), (Timestamp::from_parts(7, 9), true));
        assert_eq!(packet(&block, next).unwrap().0.bytes, b"you");
    }

    #[test]
    fn nothing_is_read_behind_the_blocks_end() {
        let whole = frame(b"hello", 5, 0);
        for end in 0..whole.len() {
            assert!(packet(&whole[..end], 0).is_none(), "{end}");
        }
        assert!(packet(&whole, whole.len() + 1).is_none());
    }
}

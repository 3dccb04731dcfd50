//! IEEE 802.11 in the open, and what capturing cards write before it.

use etherparse::LaxSlicedPacket;

use super::ethertype::snap;

/// A frame from its own header on.
pub(super) struct Frame<'a> {
    pub(super) bytes: &'a [u8],
    /// The card aligned what is behind the header to four bytes.
    pub(super) padded: bool,
}

/// The body of a data frame that is not encrypted, and whether it puts several together.
struct Body<'a> {
    bytes: &'a [u8],
    aggregate: bool,
}

/// IEEE 802.11-2020 section 9.2: a data frame that is not encrypted carries LLC and SNAP.
fn body<'a>(frame: &Frame<'a>) -> Option<Body<'a>> {
    let [control, flags, ..] = *frame.bytes else { return None };
    let (is_data, has_none, encrypted) = (control & 0x0c == 0x08, control & 0x40 != 0, flags & 0x40 != 0);
    if !is_data || has_none || encrypted {
        return None;
    }
    let mut length = if flags & 3 == 3 { 30 } else { 24 };
    let mut aggregate = false;
    if control & 0x80 != 0 {
        aggregate = frame.bytes.get(length)? & 0x80 != 0;
        // The order bit of a frame with quality of service says that four bytes of control follow.
        length += if flags & 0x80 != 0 { 6 } else { 2 };
    }
    if frame.padded {
        length = length.next_multiple_of(4);
    }
    Some(Body { bytes: frame.bytes.get(length..)?, aggregate })
}

#[expect(clippy::needless_pass_by_value, reason = "a frame is a slice with a mark")]
pub(super) fn strip(frame: Frame<'_>) -> Option<LaxSlicedPacket<'_>> {
    let body = body(&frame)?;
    if body.aggregate { None } else { snap(body.bytes) }
}

/// The frames of an A-MSDU (section 9.3.2.2): two addresses, a length and LLC each, as IEEE 802.3 has them, aligned to
/// four bytes.
#[expect(clippy::needless_pass_by_value, reason = "a frame is a slice with a mark")]
pub(super) fn aggregate(frame: Frame<'_>) -> impl Iterator<Item = &[u8]> {
    let mut rest = body(&frame).filter(|body| body.aggregate).map(|body| body.bytes).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = u16::from_be_bytes(rest.get(12..14)?.try_into().ok()?);
        let whole = 14 + usize::from(length);
        let one = rest.get(..whole).unwrap_or(rest);
        rest = rest.get(whole.next_multiple_of(4)..).unwrap_or_default();
        Some(one)
    })
}

/// A radiotap header tells its length, and in its flags whether the card aligned the frame's body.
pub(super) fn radiotap(bytes: &[u8]) -> Option<Frame<'_>> {
    const PADDED: u8 = 0x20;
    let length = u16::from_le_bytes(bytes.get(2..4)?.try_into().ok()?);
    let (mut at, mut first) = (4, None);
    // Words that say what is there, each with a bit for one more.
    loop {
        let present = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
        first = first.or(Some(present));
        at += 4;
        if present & 1 << 31 == 0 {
            break;
        }
    }
    let [has_time, has_flags] = first.map(|present| [present & 1 != 0, present & 2 != 0])?;
    if has_time {
        at = at.next_multiple_of(8) + 8;
    }
    let padded = has_flags && bytes.get(at).is_some_and(|flags| flags & PADDED != 0);
    Some(Frame { bytes: bytes.get(usize::from(length)..)?, padded })
}

/// The header of Prism cards has its length in its second word, in the card's order of bytes, and is nearly always the
/// same; AVS, which followed, begins with a number of its own and is in network order.
pub(super) fn prism(bytes: &[u8]) -> Option<Frame<'_>> {
    const AVS: u32 = 0x8021_1001;
    const USUAL: usize = 144;
    let word = |at: usize| <[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok();
    let length = if u32::from_be_bytes(word(0)?) & 0xffff_f000 == AVS & 0xffff_f000 {
        u32::from_be_bytes(word(4)?) as usize
    } else {
        match u32::from_le_bytes(word(4)?) as usize {
            length @ 8..=1024 => length,
            _ => USUAL,
        }
    };
    Some(Frame { bytes: bytes.get(length..)?, padded: false })
}

//! Where one direction of a connection stands.

use model::Timestamp;

use super::hpack::Hpack;
use super::hunt::Hunted;
use crate::decode::Loss;
use crate::framing::Framer;

#[derive(Debug)]
pub(super) struct Side {
    pub(super) place: Place,
    pub(super) framer: Framer,
    /// The bytes were seen to be frames.
    pub(super) trusted: bool,
    pub(super) hpack: Hpack,
    /// A header block whose end is still to come.
    pub(super) block: Option<OpenBlock>,
    pub(super) hunted: Hunted,
}

#[derive(Debug)]
pub(super) enum Place {
    /// Nothing came but so many bytes of what a client begins with.
    Preface(usize),
    Frames,
    Data(Data),
    /// Bytes were lost, or make no sense: the next frame is looked for.
    Hunt,
}

/// A `DATA` frame whose head was read.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) stream: u32,
    /// The whole frame's size, in bytes.
    pub(super) size: u64,
    /// Content that is still to come, in bytes.
    pub(super) left: u64,
    /// The next byte tells how much of what is left is padding.
    pub(super) padded: bool,
    /// Padding behind the content, in bytes.
    pub(super) padding: u64,
    pub(super) ends: bool,
}

impl Data {
    /// Moves on in the frame and returns the content that it passes.
    pub(super) fn take<'b>(&mut self, rest: &mut &'b [u8]) -> &'b [u8] {
        if self.padded
            && let Some((padding, behind)) = rest.split_first()
        {
            *rest = behind;
            self.padded = false;
            self.left -= 1;
            self.padding = u64::from(*padding).min(self.left);
            self.left -= self.padding;
        }
        let content = split_off(rest, &mut self.left);
        if self.left == 0 {
            split_off(rest, &mut self.padding);
        }
        content
    }
}

/// Takes `left` bytes off, or as many as there are.
fn split_off<'b>(rest: &mut &'b [u8], left: &mut u64) -> &'b [u8] {
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
    let (bytes, behind) = rest.split_at(taken);
    *rest = behind;
    *left -= taken as u64;
    bytes
}

#[derive(Debug)]
pub(super) struct OpenBlock {
    pub(super) stream: u32,
    pub(super) promised: Option<u32>,
    pub(super) ends: bool,
    pub(super) first: Timestamp,
    pub(super) bytes: Vec<u8>,
    pub(super) loss: Option<Loss>,
}

impl Side {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            framer: Framer::default(),
            trusted: false,
            hpack: Hpack::default(),
            block: None,
            hunted: Hunted::default(),
        }
    }

    /// A frame begins with the next byte.
    pub(super) fn found(&mut self) {
        self.framer.found();
        self.place = Place::Frames;
    }

    pub(super) fn held(&self) -> usize {
        let block = self.block.as_ref().map_or(0, |block| block.bytes.capacity());
        self.framer.held() + self.hpack.held() + block + self.hunted.held()
    }
}

impl OpenBlock {
    /// Adds what a frame tells of the block, of which a part may be lost, up to `limit` bytes.
    pub(super) fn extend(&mut self, fragment: Option<&[u8]>, loss: Option<Loss>, limit: usize) {
        if self.loss.is_some() {
            return;
        }
        match fragment {
            Some(fragment) if self.bytes.len() + fragment.len() <= limit => {
                self.bytes.extend_from_slice(fragment);
                self.loss = loss;
            }
            Some(_) => self.loss = Some(Loss::Cut),
            None => self.loss = Some(loss.unwrap_or(Loss::Lost)),
        }
    }
}

//! States as bytes, for the spill file: numbers little-endian, texts behind their length.

pub(in crate::group) fn put_u32(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(in crate::group) fn put_u64(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(in crate::group) fn put_u128(number: u128, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(in crate::group) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_u32(bytes.len() as u32, out);
    out.extend_from_slice(bytes);
}

/// Bytes that the functions above wrote, read in the same order.
#[derive(Clone, Copy, Debug)]
pub(in crate::group) struct Input<'i>(pub(in crate::group) &'i [u8]);

impl<'i> Input<'i> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.0.split_first_chunk().expect("it was written so");
        self.0 = rest;
        *first
    }

    pub(in crate::group) fn u8(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    pub(in crate::group) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub(in crate::group) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    pub(in crate::group) fn u128(&mut self) -> u128 {
        u128::from_le_bytes(self.take())
    }

    pub(in crate::group) fn bytes(&mut self) -> &'i [u8] {
        let len = self.u32() as usize;
        let (first, rest) = self.0.split_at(len);
        self.0 = rest;
        first
    }
}

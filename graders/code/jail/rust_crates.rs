// Stand-ins for crates that generated Rust programs name and jails do not have. `rand` draws, `md5` computes; `regex`
// only lets an unused import stand.
#[allow(dead_code)]
mod rand {
    use std::cell::Cell;
    thread_local!(static STATE: Cell<u64> = Cell::new(0x9E37_79B9_7F4A_7C15));
    pub struct ThreadRng;
    pub fn thread_rng() -> ThreadRng { ThreadRng }
    fn next() -> u64 {
        STATE.with(|s| {
            let mut x = s.get();
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            s.set(x);
            x.wrapping_mul(0x2545_F491_4F6C_DD1D)
        })
    }
    pub trait Draw: Sized { fn draw() -> Self; fn between(low: Self, high: Self) -> Self; }
    macro_rules! draws { ($($t:ty),*) => { $(impl Draw for $t {
        fn draw() -> Self { next() as $t }
        fn between(low: Self, high: Self) -> Self { (low as i128 + (next() as i128).rem_euclid((high as i128) - (low as i128))) as $t }
    })* } }
    draws!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);
    impl Draw for f64 {
        fn draw() -> Self { (next() >> 11) as f64 / (1u64 << 53) as f64 }
        fn between(low: Self, high: Self) -> Self { low + (high - low) * Self::draw() }
    }
    impl Draw for bool {
        fn draw() -> Self { next() & 1 == 1 }
        fn between(_: Self, _: Self) -> Self { Self::draw() }
    }
    pub trait Rng {
        fn gen<T: Draw>(&mut self) -> T { T::draw() }
        fn gen_range<T: Draw>(&mut self, low: T, high: T) -> T { T::between(low, high) }
        fn gen_bool(&mut self, p: f64) -> bool { f64::draw() < p }
    }
    impl Rng for ThreadRng {}
    pub fn random<T: Draw>() -> T { T::draw() }
}
#[allow(dead_code)]
mod regex { pub struct Regex; }
#[allow(dead_code)]
mod md5 {
    pub struct Digest(pub [u8; 16]);
    impl std::fmt::LowerHex for Digest {
        fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            for b in &self.0 { write!(f, "{:02x}", b)?; }
            Ok(())
        }
    }
    impl std::ops::Deref for Digest { type Target = [u8; 16]; fn deref(&self) -> &[u8; 16] { &self.0 } }
    pub fn compute<T: AsRef<[u8]>>(data: T) -> Digest {
        let s: [u32; 16] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
        let mut h: [u32; 4] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
        let bytes = data.as_ref();
        let mut m = bytes.to_vec();
        m.push(0x80);
        while m.len() % 64 != 56 { m.push(0); }
        m.extend_from_slice(&((bytes.len() as u64).wrapping_mul(8)).to_le_bytes());
        for block in m.chunks(64) {
            let w: Vec<u32> = block.chunks(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
            let [mut a, mut b, mut c, mut d] = h;
            for i in 0..64usize {
                let (f, g) = match i / 16 {
                    0 => ((b & c) | (!b & d), i),
                    1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                    2 => (b ^ c ^ d, (3 * i + 5) % 16),
                    _ => (c ^ (b | !d), (7 * i) % 16),
                };
                let k = ((i as f64 + 1.0).sin().abs() * 4294967296.0) as u32;
                let t = a.wrapping_add(f).wrapping_add(k).wrapping_add(w[g]);
                a = d; d = c; c = b;
                b = b.wrapping_add(t.rotate_left(s[(i / 16) * 4 + i % 4]));
            }
            h = [h[0].wrapping_add(a), h[1].wrapping_add(b), h[2].wrapping_add(c), h[3].wrapping_add(d)];
        }
        let mut out = [0u8; 16];
        for (i, v) in h.iter().enumerate() { out[4 * i..4 * i + 4].copy_from_slice(&v.to_le_bytes()); }
        Digest(out)
    }
}

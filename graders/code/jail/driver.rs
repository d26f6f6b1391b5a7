// Runs inside the candidate's jail: calls the solution as it is told over the channel.
//
// The counterpart of python_driver.py for Rust: "load" and "call", one reply to each, plain JSON. The module `solution`
// is the candidate's text with a function `touchstone_call` behind it. It reports values and judges nothing.
#![allow(warnings)]
#[path = "solution.rs"]
mod solution;

use std::cell::RefCell;
use std::collections::*;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::io::FromRawFd;
use std::rc::Rc;

pub enum Json { Null, Bool(bool), Number(String), Text(String), List(Vec<Json>), Object(Vec<(String, Json)>) }

static NULL: Json = Json::Null;
pub static NONE: [Json; 0] = [];

impl Json {
    pub fn at(&self, name: &str) -> &Json {
        if let Json::Object(fields) = self {
            for (key, value) in fields { if key == name { return value; } }
        }
        &NULL
    }
    pub fn items(&self) -> &[Json] { if let Json::List(items) = self { items } else { &NONE } }
    pub fn text(&self) -> &str { match self { Json::Text(s) | Json::Number(s) => s, _ => "" } }
}

struct Parser<'a> { s: &'a [u8], i: usize }

impl<'a> Parser<'a> {
    fn space(&mut self) { while self.i < self.s.len() && self.s[self.i] <= b' ' { self.i += 1; } }
    fn value(&mut self) -> Json {
        self.space();
        match self.s[self.i] {
            b'{' => {
                let mut fields = vec![];
                self.i += 1;
                self.space();
                while self.s[self.i] != b'}' {
                    self.space();
                    let name = self.quoted();
                    self.space();
                    self.i += 1;
                    fields.push((name, self.value()));
                    self.space();
                    if self.s[self.i] == b',' { self.i += 1; }
                    self.space();
                }
                self.i += 1;
                Json::Object(fields)
            }
            b'[' => {
                let mut items = vec![];
                self.i += 1;
                self.space();
                while self.s[self.i] != b']' {
                    items.push(self.value());
                    self.space();
                    if self.s[self.i] == b',' { self.i += 1; }
                    self.space();
                }
                self.i += 1;
                Json::List(items)
            }
            b'"' => Json::Text(self.quoted()),
            b't' => { self.i += 4; Json::Bool(true) }
            b'f' => { self.i += 5; Json::Bool(false) }
            b'n' => { self.i += 4; Json::Null }
            _ => {
                let start = self.i;
                while self.i < self.s.len() && b"+-0123456789.eE".contains(&self.s[self.i]) { self.i += 1; }
                Json::Number(String::from_utf8_lossy(&self.s[start..self.i]).into_owned())
            }
        }
    }
    fn hex(&mut self) -> u32 {
        let value = u32::from_str_radix(std::str::from_utf8(&self.s[self.i..self.i + 4]).unwrap(), 16).unwrap();
        self.i += 4;
        value
    }
    fn quoted(&mut self) -> String {
        let mut out: Vec<u8> = vec![];
        self.i += 1;
        while self.s[self.i] != b'"' {
            let c = self.s[self.i];
            self.i += 1;
            if c != b'\\' { out.push(c); continue; }
            let c = self.s[self.i];
            self.i += 1;
            match c {
                b'n' => out.push(b'\n'),
                b't' => out.push(b'\t'),
                b'r' => out.push(b'\r'),
                b'b' => out.push(8),
                b'f' => out.push(12),
                b'u' => {
                    let mut u = self.hex();
                    if (0xD800..0xDC00).contains(&u) && self.s[self.i..].starts_with(b"\\u") {
                        self.i += 2;
                        u = 0x10000 + ((u - 0xD800) << 10) + self.hex().wrapping_sub(0xDC00);
                    }
                    let mut buffer = [0; 4];
                    out.extend_from_slice(char::from_u32(u).unwrap_or('\u{FFFD}').encode_utf8(&mut buffer).as_bytes());
                }
                other => out.push(other),
            }
        }
        self.i += 1;
        String::from_utf8_lossy(&out).into_owned()
    }
}

pub trait From_: Sized { fn get(json: &Json) -> Self; }
macro_rules! whole { ($($t:ty),*) => { $(
    impl From_ for $t { fn get(json: &Json) -> Self { json.text().parse::<$t>().unwrap_or_else(|_| json.text().parse::<f64>().expect("an argument is no number") as $t) } }
    impl To for $t { fn put(&self, out: &mut String) { out.push_str(&self.to_string()); } }
)* } }
macro_rules! real { ($($t:ty),*) => { $(
    impl From_ for $t { fn get(json: &Json) -> Self { json.text().parse().expect("an argument is no number") } }
    impl To for $t { fn put(&self, out: &mut String) {
        if self.is_nan() { out.push_str("{\"$\":\"float\",\"v\":\"nan\"}"); }
        else if self.is_infinite() { out.push_str(if *self > 0.0 { "{\"$\":\"float\",\"v\":\"inf\"}" } else { "{\"$\":\"float\",\"v\":\"-inf\"}" }); }
        else if self.abs() >= 1e15 || (*self != 0.0 && self.abs() < 1e-5) { out.push_str(&format!("{:e}", self)); }
        else { out.push_str(&self.to_string()); }
    } }
)* } }
pub trait To { fn put(&self, out: &mut String); }
whole!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);
real!(f32, f64);
impl From_ for bool { fn get(json: &Json) -> Self { matches!(json, Json::Bool(true)) } }
impl From_ for char { fn get(json: &Json) -> Self { json.text().chars().next().unwrap_or('\0') } }
impl From_ for String { fn get(json: &Json) -> Self { json.text().to_string() } }
impl<T: From_> From_ for Vec<T> { fn get(json: &Json) -> Self { json.items().iter().map(T::get).collect() } }
impl<T: From_> From_ for VecDeque<T> { fn get(json: &Json) -> Self { json.items().iter().map(T::get).collect() } }
impl<T: From_ + std::hash::Hash + Eq> From_ for HashSet<T> { fn get(json: &Json) -> Self { json.items().iter().map(T::get).collect() } }
impl<T: From_ + Ord> From_ for BTreeSet<T> { fn get(json: &Json) -> Self { json.items().iter().map(T::get).collect() } }
impl<T: From_ + Copy + Default, const N: usize> From_ for [T; N] {
    fn get(json: &Json) -> Self { let mut out = [T::default(); N]; for (to, from) in out.iter_mut().zip(json.items()) { *to = T::get(from); } out }
}
impl<A: From_, B: From_> From_ for (A, B) { fn get(json: &Json) -> Self { (A::get(&json.items()[0]), B::get(&json.items()[1])) } }
impl<A: From_, B: From_, C: From_> From_ for (A, B, C) {
    fn get(json: &Json) -> Self { (A::get(&json.items()[0]), B::get(&json.items()[1]), C::get(&json.items()[2])) }
}
impl<T: From_> From_ for Option<T> { fn get(json: &Json) -> Self { if let Json::Null = json { None } else { Some(T::get(json)) } } }
impl<K: From_ + std::hash::Hash + Eq, V: From_> From_ for HashMap<K, V> {
    fn get(json: &Json) -> Self {
        let mut out = HashMap::new();
        if let Json::Object(fields) = json { for (k, v) in fields { out.insert(K::get(&Json::Text(k.clone())), V::get(v)); } }
        out
    }
}

pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}
fn list<'a, T: To + 'a>(out: &mut String, items: impl Iterator<Item = &'a T>) {
    out.push('[');
    for (i, item) in items.enumerate() { if i > 0 { out.push(','); } item.put(out); }
    out.push(']');
}
fn pairs<'a, K: To + 'a, V: To + 'a>(out: &mut String, items: impl Iterator<Item = (&'a K, &'a V)>) {
    out.push_str("{\"$\":\"dict\",\"v\":[");
    for (i, (k, v)) in items.enumerate() {
        if i > 0 { out.push(','); }
        out.push('[');
        k.put(out);
        out.push(',');
        v.put(out);
        out.push(']');
    }
    out.push_str("]}");
}
impl To for bool { fn put(&self, out: &mut String) { out.push_str(if *self { "true" } else { "false" }); } }
impl To for char { fn put(&self, out: &mut String) { quote(out, &self.to_string()); } }
impl To for String { fn put(&self, out: &mut String) { quote(out, self); } }
impl To for str { fn put(&self, out: &mut String) { quote(out, self); } }
impl To for () { fn put(&self, out: &mut String) { out.push_str("null"); } }
impl<T: To + ?Sized> To for &T { fn put(&self, out: &mut String) { (**self).put(out); } }
impl<T: To> To for [T] { fn put(&self, out: &mut String) { list(out, self.iter()); } }
impl<T: To> To for Vec<T> { fn put(&self, out: &mut String) { list(out, self.iter()); } }
impl<T: To> To for VecDeque<T> { fn put(&self, out: &mut String) { list(out, self.iter()); } }
impl<T: To, const N: usize> To for [T; N] { fn put(&self, out: &mut String) { list(out, self.iter()); } }
impl<T: To> To for HashSet<T> { fn put(&self, out: &mut String) { out.push_str("{\"$\":\"set\",\"v\":"); list(out, self.iter()); out.push('}'); } }
impl<T: To> To for BTreeSet<T> { fn put(&self, out: &mut String) { out.push_str("{\"$\":\"set\",\"v\":"); list(out, self.iter()); out.push('}'); } }
impl<K: To, V: To> To for HashMap<K, V> { fn put(&self, out: &mut String) { pairs(out, self.iter()); } }
impl<K: To, V: To> To for BTreeMap<K, V> { fn put(&self, out: &mut String) { pairs(out, self.iter()); } }
impl<A: To, B: To> To for (A, B) { fn put(&self, out: &mut String) { out.push('['); self.0.put(out); out.push(','); self.1.put(out); out.push(']'); } }
impl<A: To, B: To, C: To> To for (A, B, C) {
    fn put(&self, out: &mut String) { out.push('['); self.0.put(out); out.push(','); self.1.put(out); out.push(','); self.2.put(out); out.push(']'); }
}
impl<T: To> To for Option<T> { fn put(&self, out: &mut String) { match self { Some(value) => value.put(out), None => out.push_str("null") } } }
impl<T: To, E: std::fmt::Debug> To for Result<T, E> { fn put(&self, out: &mut String) { match self { Ok(value) => value.put(out), Err(error) => panic!("{:?}", error) } } }
//NODES
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|s| s.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn serve() {
    let fd: i32 = std::env::var("TOUCHSTONE_CHANNEL").unwrap().parse().unwrap();
    std::env::remove_var("TOUCHSTONE_CHANNEL");
    let mut channel = unsafe { File::from_raw_fd(fd) };
    loop {
        let mut size = [0u8; 4];
        if channel.read_exact(&mut size).is_err() { break; }
        let mut body = vec![0u8; u32::from_be_bytes(size) as usize];
        if channel.read_exact(&mut body).is_err() { break; }
        let request = Parser { s: &body, i: 0 }.value();
        let started = cpu_s();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if request.at("op").text() == "load" { return "\"v\":true".to_string(); }
            let mut given: Vec<&Json> = request.at("args").items().iter().collect();
            if let Json::Object(fields) = request.at("kwargs") { given.extend(fields.iter().map(|(_, v)| v)); }
            solution::touchstone_call(&given)
        }));
        let answer = match result {
            Ok(text) => text,
            Err(panic) => {
                let said = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default();
                let mut out = "\"e\":{\"type\":\"panic\",\"bases\":[],\"text\":".to_string();
                quote(&mut out, &said.chars().take(1000).collect::<String>());
                out + "}"
            }
        };
        let reply = format!("{{{},\"n\":{},\"cpu\":{:.6}}}", answer, request.at("n").text(), cpu_s() - started);
        let mut whole = (reply.len() as u32).to_be_bytes().to_vec();
        whole.extend_from_slice(reply.as_bytes());
        if channel.write_all(&whole).is_err() { break; }
    }
}

fn main() {
    // A deep stack: honest recursion in a debug-free build still needs more than the default of a thread.
    std::thread::Builder::new().stack_size(256 << 20).spawn(serve).unwrap().join().ok();
}

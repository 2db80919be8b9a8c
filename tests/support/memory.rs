//! Searches the memory of another process for secrets.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::fleet::wait_until;

/// A part of a secret of at least so many bytes is a copy. Fewer are found by chance.
const FRAGMENT: usize = 12;
/// The first bytes of a fragment, by which it is looked up.
const HEAD: usize = 8;

/// The secrets to search for, in each spelling.
#[derive(Default)]
pub struct Secrets {
    spellings: Vec<(String, Vec<u8>)>,
}

impl Secrets {
    /// Adds a string, also in the encoding of forms and in base64.
    pub fn add(&mut self, kind: &str, secret: &str) {
        assert!(secret.len() >= FRAGMENT, "{kind} is too short to be told from other bytes");
        self.add_bytes(kind, secret.as_bytes());
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        self.add_spelling(&format!("{kind} in a form"), form.replace('+', "%20").into_bytes());
        self.add_spelling(&format!("{kind} in a form"), form.into_bytes());
    }

    /// Adds bytes, also in base64, which is another string at each of three alignments.
    pub fn add_bytes(&mut self, kind: &str, secret: &[u8]) {
        self.add_spelling(kind, secret.to_vec());
        for offset in 0..3 {
            let bytes = [&[0; 2][..offset], secret].concat();
            // The characters that depend on nothing else.
            let whole = (8 * offset).div_ceil(6)..8 * bytes.len() / 6;
            for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                self.add_spelling(&format!("{kind} in base64"), encoded.as_bytes()[whole.clone()].to_vec());
            }
        }
    }

    /// Adds a number of a private key, also as little-endian limbs, as cryptographic libraries keep it.
    pub fn add_number(&mut self, kind: &str, number: &[u8]) {
        self.add_bytes(kind, number);
        self.add_spelling(kind, number.iter().rev().copied().collect());
    }

    fn add_spelling(&mut self, kind: &str, bytes: Vec<u8>) {
        if !self.spellings.iter().any(|(_, known)| *known == bytes) {
            self.spellings.push((kind.to_owned(), bytes));
        }
    }

    /// Returns the kinds, of which each spelling is one.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.spellings.iter().map(|(kind, _)| kind.as_str())
    }
}

/// The result of one search.
#[derive(Default)]
pub struct Search {
    pub mappings: usize,
    pub bytes: usize,
    pub copies: Vec<Copy>,
}

/// A secret in memory, or a part of it.
pub struct Copy {
    pub kind: String,
    mapping: String,
}

/// Waits until a process has no socket, and its threads rest.
pub fn wait_until_idle(process: u32) {
    wait_until("the process has no socket", || {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
        !descriptors
            .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
            .any(|target| target.to_string_lossy().starts_with("socket:"))
    });
    wait_until_threads_rest(process);
}

/// Waits until a process has no thread but its first and those that the library keeps, and each of them sleeps.
pub fn wait_until_threads_rest(process: u32) {
    const KEPT: [&str; 3] = ["tango-token", "tango-callbacks", "tango-log"];
    wait_until("the threads rest", || {
        let mut threads = fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
        threads.all(|thread| {
            let Ok(status) = fs::read_to_string(thread.path().join("stat")) else { return false };
            let (name, state) = status.split_once('(').unwrap().1.rsplit_once(") ").unwrap();
            let is_kept = KEPT.contains(&name) || thread.file_name().to_str() == Some(&process.to_string());
            is_kept && state.starts_with('S')
        })
    });
}

/// Searches everything that a process can write. The process has to be idle, and a child of this one.
pub fn search(process: u32, secrets: &Secrets) -> Search {
    let index = Index::new(secrets);
    let memory = File::open(format!("/proc/{process}/mem")).expect("a process may read the memory of its children");
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut search = Search::default();
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (range, access) = (fields.next().unwrap(), fields.next().unwrap());
        let name = fields.nth(3).unwrap_or("[anonymous]");
        // What cannot be written is as the file that it comes from.
        if !access.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        memory.read_exact_at(&mut bytes, start).unwrap_or_else(|error| panic!("{line}: {error}"));
        search.mappings += 1;
        search.bytes += bytes.len();
        let name = name.rsplit('/').next().unwrap();
        let found = index.find(&bytes).into_iter();
        search.copies.extend(found.map(|kind| Copy { kind: kind.to_owned(), mapping: name.to_owned() }));
    }
    search
}

/// Each position of each spelling, by the bytes that follow it.
struct Index<'a> {
    secrets: &'a Secrets,
    positions: HashMap<[u8; HEAD], Vec<(usize, usize)>>,
    /// Whether a position can have these two bytes first: most memory has not.
    beginnings: Vec<bool>,
}

impl<'a> Index<'a> {
    fn new(secrets: &'a Secrets) -> Self {
        let mut index = Self { secrets, positions: HashMap::new(), beginnings: vec![false; 1 << 16] };
        for (number, (_, spelling)) in secrets.spellings.iter().enumerate() {
            for (position, window) in spelling.windows(FRAGMENT).enumerate() {
                let head: [u8; HEAD] = window[..HEAD].try_into().unwrap();
                index.positions.entry(head).or_default().push((number, position));
                index.beginnings[usize::from(u16::from_le_bytes([head[0], head[1]]))] = true;
            }
        }
        index
    }

    /// Returns the kind of each copy: at each place that of the longest secret or part of one.
    fn find(&self, bytes: &[u8]) -> Vec<&'a str> {
        let (mut found, mut offset) = (Vec::new(), 0);
        while offset + FRAGMENT <= bytes.len() {
            let beginning = u16::from_le_bytes([bytes[offset], bytes[offset + 1]]);
            let copy = if self.beginnings[usize::from(beginning)] { self.longest(&bytes[offset..]) } else { None };
            found.extend(copy.map(|(number, _)| self.secrets.spellings[number].0.as_str()));
            offset += copy.map_or(1, |(_, length)| length);
        }
        found
    }

    /// Returns the longest spelling or part of one at the beginning of these bytes, and its length.
    fn longest(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let positions = self.positions.get(&bytes[..HEAD])?;
        let lengths = positions.iter().map(|&(number, position)| {
            let expected = &self.secrets.spellings[number].1[position..];
            (number, bytes.iter().zip(expected).take_while(|(one, other)| one == other).count())
        });
        lengths.filter(|(_, length)| *length >= FRAGMENT).max_by_key(|(_, length)| *length)
    }
}

/// Returns how many copies of each kind there are in each mapping, for a person.
pub fn summary(copies: &[Copy]) -> String {
    let mut counts = BTreeMap::<_, usize>::new();
    for copy in copies {
        *counts.entry((&copy.kind, &copy.mapping)).or_default() += 1;
    }
    let lines = counts.into_iter().map(|((kind, mapping), count)| format!("    {count} x {kind} in {mapping}\n"));
    lines.collect()
}

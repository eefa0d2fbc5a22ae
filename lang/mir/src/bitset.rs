//! Dense bit sets over locals, and matrices of them (one row per block), for the dataflow analyses.

use crate::body::Local;

const WORD_BITS: usize = 64;

/// A set of locals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BitSet {
    words: Vec<u64>,
}

impl BitSet {
    /// The empty set over `len` locals.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(WORD_BITS)] }
    }

    /// The set of all `len` locals.
    #[must_use]
    pub fn full(len: usize) -> Self {
        let mut set = Self::new(len);
        for local in 0..len {
            set.insert(Local(local as u32));
        }
        set
    }

    /// Whether it holds `local`.
    #[must_use]
    pub fn contains(&self, local: Local) -> bool {
        self.words[local.index() / WORD_BITS] >> (local.index() % WORD_BITS) & 1 == 1
    }

    /// Adds `local`.
    pub fn insert(&mut self, local: Local) {
        self.words[local.index() / WORD_BITS] |= 1 << (local.index() % WORD_BITS);
    }

    /// Removes `local`.
    pub fn remove(&mut self, local: Local) {
        self.words[local.index() / WORD_BITS] &= !(1 << (local.index() % WORD_BITS));
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Becomes a copy of a row or of another set's words.
    pub fn copy_from(&mut self, words: &[u64]) {
        self.words.copy_from_slice(words);
    }

    /// Adds every element of `words`; whether that changed anything.
    pub fn union(&mut self, words: &[u64]) -> bool {
        combine(&mut self.words, words, |a, b| a | b)
    }

    /// Keeps what `words` holds too; whether that changed anything.
    pub fn intersect(&mut self, words: &[u64]) -> bool {
        combine(&mut self.words, words, |a, b| a & b)
    }

    /// Removes every element of `words`.
    pub fn subtract(&mut self, words: &[u64]) {
        combine(&mut self.words, words, |a, b| a & !b);
    }

    /// The representation.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Elements in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Local> + '_ {
        iter(&self.words)
    }
}

/// Rows of bit sets of one length.
#[derive(Clone, Debug)]
pub struct BitMatrix {
    row_words: usize,
    words: Vec<u64>,
}

impl BitMatrix {
    /// Empty rows.
    #[must_use]
    pub fn new(rows: usize, columns: usize) -> Self {
        let row_words = columns.div_ceil(WORD_BITS);
        Self { row_words, words: vec![0; rows * row_words] }
    }

    /// A row's representation.
    #[must_use]
    pub fn row(&self, row: usize) -> &[u64] {
        &self.words[row * self.row_words..(row + 1) * self.row_words]
    }

    /// Whether a row holds a local.
    #[must_use]
    pub fn contains(&self, row: usize, local: Local) -> bool {
        self.row(row)[local.index() / WORD_BITS] >> (local.index() % WORD_BITS) & 1 == 1
    }

    /// Replaces a row; whether that changed it.
    pub fn set_row(&mut self, row: usize, set: &BitSet) -> bool {
        let words = &mut self.words[row * self.row_words..(row + 1) * self.row_words];
        let changed = words != set.words();
        words.copy_from_slice(set.words());
        changed
    }

    /// Keeps in a row what the set holds too; whether that changed it.
    pub fn intersect_row(&mut self, row: usize, set: &BitSet) -> bool {
        let words = &mut self.words[row * self.row_words..(row + 1) * self.row_words];
        combine(words, set.words(), |a, b| a & b)
    }
}

fn combine(target: &mut [u64], words: &[u64], op: impl Fn(u64, u64) -> u64) -> bool {
    let mut changed = false;
    for (target, word) in target.iter_mut().zip(words) {
        let new = op(*target, *word);
        changed |= new != *target;
        *target = new;
    }
    changed
}

fn iter(words: &[u64]) -> impl Iterator<Item = Local> + '_ {
    words.iter().enumerate().flat_map(|(index, &word)| {
        let mut rest = word;
        std::iter::from_fn(move || {
            (rest != 0).then(|| {
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                Local((index * WORD_BITS) as u32 + bit)
            })
        })
    })
}

//! Places in the source that came out of a state file instead of the program's image.
//!
//! Tasks, channels, scopes and panics point to a `Site`. The image's own are constants; after a restore the process needs equal ones, which this
//! table makes, once each, and never frees (there are at most as many as the program has sites).

use std::collections::BTreeMap;

use orion_abi::{Site, StaticStr};

/// Interned sites.
#[derive(Default)]
pub struct SiteTable {
    sites: BTreeMap<(String, String, u32, u32), &'static Site>,
}

impl SiteTable {
    /// The one site with this content.
    pub fn intern(&mut self, function: &str, file: &str, line: u32, column: u32) -> *const Site {
        let key = (function.to_owned(), file.to_owned(), line, column);
        *self.sites.entry(key).or_insert_with(|| {
            let leak = |text: &str| StaticStr::new(Box::leak(text.to_owned().into_boxed_str()));
            Box::leak(Box::new(Site { function: leak(function), file: leak(file), line, column }))
        })
    }
}

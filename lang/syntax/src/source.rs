//! Source files and the map from byte offsets to lines and columns.
//!
//! Lines and columns count from 1; a column counts Unicode scalar values, as editors do. A
//! `\r\n` is one line end. The text never changes after loading.

use crate::index::IndexVec;
use crate::span::{FileId, Span};
use std::sync::Arc;

/// A position for people: both count from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct LineColumn {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// One source file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its number in the [`SourceMap`].
    pub id: FileId,
    /// Its path as messages show it.
    pub path: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    line_starts: Arc<[u32]>,
}

impl SourceFile {
    /// A file; `id` is normally given by [`SourceMap::add`].
    #[must_use]
    pub fn new(id: FileId, path: &str, text: &str) -> Self {
        // Offsets beyond 4 GiB are refused by the parser's size limit before anybody looks.
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let line_starts = std::iter::once(0).chain(ends.map(|(i, _)| i as u32 + 1)).collect();
        Self { id, path: path.into(), text: text.into(), line_starts }
    }

    /// Line and column of an offset; offsets after the end count as the end.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let mut offset = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_starts.partition_point(|&start| start as usize <= offset) - 1;
        let start = self.line_starts[line] as usize;
        let column = self.text[start..offset].chars().count();
        LineColumn { line: line as u32 + 1, column: column as u32 + 1 }
    }

    /// How many lines there are; an empty file has one.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// The bytes of a line (counted from 1), without its end; empty beyond the last.
    #[must_use]
    pub fn line_range(&self, line: u32) -> std::ops::Range<usize> {
        let index = (line.max(1) - 1) as usize;
        let Some(&start) = self.line_starts.get(index) else {
            return self.text.len()..self.text.len();
        };
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |&next| next as usize);
        let line = &self.text[start as usize..end];
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        start as usize..start as usize + line.len()
    }

    /// The span of the whole file.
    #[must_use]
    pub fn span(&self) -> Span {
        Span::new(self.id, 0, self.text.len() as u32)
    }
}

/// All files of a compilation.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: IndexVec<FileId, SourceFile>,
}

impl SourceMap {
    /// Without files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file and returns its number.
    pub fn add(&mut self, path: &str, text: &str) -> FileId {
        let id = self.files.next_index();
        self.files.push(SourceFile::new(id, path, text))
    }

    /// The file, unless it is [`FileId::BUILTIN`] or of another map.
    #[must_use]
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id)
    }

    /// The file.
    ///
    /// # Panics
    /// When `id` is of another map.
    #[must_use]
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id]
    }

    /// All files in the order they were added.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// The text of a span; empty for built-ins and for spans that do not fit their file.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).and_then(|file| file.text.get(span.range())).unwrap_or("")
    }

    /// `path:line:column` of a span's start, `<builtin>` where there is no file.
    #[must_use]
    pub fn location(&self, span: Span) -> String {
        let Some(file) = self.get(span.file) else { return "<builtin>".to_owned() };
        let LineColumn { line, column } = file.line_column(span.start);
        format!("{}:{line}:{column}", file.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns() {
        let mut map = SourceMap::new();
        let id = map.add("a.or", "ab\r\näö!\n\nx");
        let file = map.file(id);
        let at = |offset| {
            let LineColumn { line, column } = file.line_column(offset);
            (line, column)
        };
        assert_eq!([at(0), at(1), at(4), at(6), at(8)], [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]);
        assert_eq!([at(10), at(11), at(99)], [(3, 1), (4, 1), (4, 2)]);
        assert_eq!(&file.text[file.line_range(1)], "ab");
        assert_eq!(&file.text[file.line_range(2)], "äö!");
        assert_eq!(map.location(Span::new(id, 6, 8)), "a.or:2:2");
        assert_eq!(map.location(Span::BUILTIN), "<builtin>");
    }
}

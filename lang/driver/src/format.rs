//! `orionc fmt`: files, folders and standard input, put into the one layout.
//!
//! Input: paths, or text. Output: a [`Formatted`] for each file. Invariants: a file that has syntax
//! errors, or is as it should be already, is not touched; one that is rewritten keeps its
//! permissions and is never seen half written.

use crate::{Outcome, Report, Session, compile, load, output, testing, unwritable};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_fmt::Failure;
use orion_syntax::{FileId, Span};
use std::path::{Path, PathBuf};

/// What formatting gave.
#[derive(Debug)]
pub struct Formatted {
    /// Errors, if there are any; the text, where it was read from standard input.
    pub report: Report,
    /// Whether the file was not as it should be.
    pub changed: bool,
}

/// The files that `paths` name: files as they are, and all `.or` files below folders, sorted.
#[must_use]
pub fn source_files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut found = Vec::new();
            testing::collect(path, &mut found);
            found.sort();
            // `a.or` and not `./a.or`.
            files.extend(found.iter().map(|f| f.strip_prefix(".").unwrap_or(f).to_path_buf()));
        } else {
            files.push(path.clone());
        }
    }
    files
}

/// Formats the file at `path`, and writes it where `write` says so.
#[must_use]
pub fn format(path: &Path, write: bool) -> Formatted {
    let mut changed = false;
    let report = compile(path, |session, path| {
        let file = session.read(path)?;
        let text = session.format(file)?;
        changed = text != *session.sources.file(file).text;
        if changed
            && write
            && let Err(error) = output::replace_bytes(text.as_bytes(), path)
        {
            return session.fail(unwritable(path, &error));
        }
        Some(Outcome::Done)
    });
    Formatted { report, changed }
}

/// Formats the text read from standard input.
#[must_use]
pub fn format_text(bytes: &[u8]) -> Formatted {
    let name = Path::new("<stdin>");
    let mut changed = false;
    let report = compile(name, |session, name| {
        let file =
            load::decode_source(name, bytes, &mut session.sources, &mut session.diagnostics)?;
        let text = session.format(file)?;
        changed = text != *session.sources.file(file).text;
        Some(Outcome::Text(text))
    });
    Formatted { report, changed }
}

impl Session {
    fn read(&mut self, path: &Path) -> Option<FileId> {
        load::read_source(path, Span::BUILTIN, &mut self.sources, &mut self.diagnostics)
    }

    fn format(&mut self, file: FileId) -> Option<String> {
        let file = self.sources.file(file);
        match orion_fmt::format(file) {
            Ok(text) => Some(text),
            Err(Failure::Syntax(found)) => {
                self.diagnostics.extend(found);
                None
            }
            Err(Failure::Internal(why)) => {
                self.diagnostics.push(formatter_bug(&file.path, &why));
                None
            }
        }
    }
}

/// The formatter found its own result wanting.
fn formatter_bug(path: &str, why: &str) -> Diagnostic {
    let message = format!("`{path}` cannot be formatted: {why}");
    Diagnostic::new(ErrorCode::E1008, Span::BUILTIN, message)
        .note("the file is left as it is; this is a bug of the formatter")
}

#[cfg(test)]
mod tests {
    use super::formatter_bug;

    #[test]
    fn a_bug_of_the_formatter_is_an_error_with_a_code() {
        let found = [formatter_bug("a.or", "a comment is lost")];
        let text = orion_diagnostics::human::render(&found, &Default::default(), false);
        let wanted = "error[E1008]: `a.or` cannot be formatted: a comment is lost\n  = note: the file is left as it is; this is a bug of the formatter\n\n";
        assert_eq!(text, wanted);
    }
}

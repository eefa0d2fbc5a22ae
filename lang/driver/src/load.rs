//! Loading: the main file and every module that it imports, directly or not.
//!
//! Input: the path of the main file. Output: parsed modules, in the order in which they were first
//! imported (the main module first), and diagnostics. `import a.b` is `a/b.or` beside the main
//! file, whoever imports it; `import std.m` is a module of the standard library, which the compiler
//! carries. A module is loaded once. Invariant: whatever the files hold, loading ends with
//! diagnostics and never with a panic.
//!
//! This is the only place of the compiler that reads source files.

use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_syntax::{FileId, SourceMap, Span};
use orion_typeck::SourceModule;
use std::fs;
use std::io;
use std::path::Path;

/// The largest source file. It is the parser's limit: the size is looked at before the file is
/// read, so that a huge one costs nothing.
const FILE_BYTES_MAX: u64 = orion_parser::FILE_BYTES_MAX as u64;

/// The module that every other one sees without an import.
const PRELUDE: &str = "std.prelude";

/// Loads the program whose main file is at `path`: none when that cannot be read.
pub fn load_program(
    path: &Path,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<SourceModule> {
    let Some(file) = read_source(path, Span::BUILTIN, sources, diagnostics) else {
        return Vec::new();
    };
    let folder = path.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
    let mut modules = vec![parse("main".to_owned(), file, sources, diagnostics)];
    let mut wanted = vec![(PRELUDE.to_owned(), Span::BUILTIN)];
    let mut next = 0;
    while next < modules.len() {
        wanted.extend(orion_typeck::imports(&modules[next].ast));
        for (name, span) in wanted.drain(..) {
            if modules.iter().skip(1).any(|module| module.path == name) {
                continue;
            }
            let file = if let Some(library) = name.strip_prefix("std.") {
                library_source(library, span, sources, diagnostics)
            } else {
                let path = folder.join(format!("{}.or", name.replace('.', "/")));
                module_source(&name, &path, span, sources, diagnostics)
            };
            if let Some(file) = file {
                modules.push(parse(name, file, sources, diagnostics));
            }
        }
        next += 1;
    }
    modules
}

fn parse(
    path: String,
    file: FileId,
    sources: &SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> SourceModule {
    let (ast, found) = orion_parser::parse_file(sources.file(file));
    diagnostics.extend(found);
    let is_std = path.starts_with("std.");
    SourceModule { path, is_std, ast }
}

fn library_source(
    name: &str,
    span: Span,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FileId> {
    let Some(text) = crate::library::source(name) else {
        diagnostics.push(
            Diagnostic::new(ErrorCode::E1007, span, format!("there is no module `std.{name}`"))
                .label("not in the standard library"),
        );
        return None;
    };
    Some(sources.add(&format!("std/{name}.or"), text))
}

fn module_source(
    name: &str,
    path: &Path,
    span: Span,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FileId> {
    if !path.exists() {
        diagnostics.push(
            Diagnostic::new(ErrorCode::E1007, span, format!("there is no module `{name}`"))
                .label(format!("`{}` does not exist", path.display()))
                .help("modules are found from the folder of the main file"),
        );
        return None;
    }
    read_source(path, span, sources, diagnostics)
}

/// Reads a source file into the source map. `span` is the import's, or [`Span::BUILTIN`].
pub fn read_source(
    path: &Path,
    span: Span,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FileId> {
    match read_bytes(path) {
        Ok(bytes) => decode_source(path, &bytes, sources, diagnostics),
        Err(diagnostic) => {
            diagnostics.push(Diagnostic { primary: relabel(&diagnostic, span), ..*diagnostic });
            None
        }
    }
}

/// Puts the bytes of a source file into the source map.
pub fn decode_source(
    path: &Path,
    bytes: &[u8],
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FileId> {
    let shown = path.display().to_string();
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(sources.add(&shown, text)),
        Err(error) => {
            // The text is shown as far as it can be, so that the place can be underlined.
            let text = String::from_utf8_lossy(bytes).into_owned();
            let file = sources.add(&shown, &text);
            let at = u32::try_from(error.valid_up_to()).unwrap_or(u32::MAX);
            let span = Span::new(file, at, at + 3);
            diagnostics.push(
                Diagnostic::new(ErrorCode::E1003, span, format!("`{shown}` is not UTF-8"))
                    .label("this byte is not part of a character")
                    .help("convert the file to UTF-8"),
            );
            None
        }
    }
}

fn relabel(diagnostic: &Diagnostic, span: Span) -> orion_diagnostics::Label {
    orion_diagnostics::Label { span, text: diagnostic.primary.text.clone() }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Box<Diagnostic>> {
    let shown = path.display();
    let unreadable = |error: io::Error| {
        let why = describe(&error);
        let message = format!("cannot read `{shown}`: {why}");
        Box::new(Diagnostic::new(ErrorCode::E1001, Span::BUILTIN, message))
    };
    let found = fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        let what = if found.is_dir() { "a folder" } else { "a device or a pipe" };
        let message = format!("`{shown}` is {what}, not a source file");
        return Err(Box::new(
            Diagnostic::new(ErrorCode::E1002, Span::BUILTIN, message)
                .help("give the path of the main file, which ends in `.or`"),
        ));
    }
    if found.len() > FILE_BYTES_MAX {
        let (megabytes, megabytes_max) = (found.len() >> 20, FILE_BYTES_MAX >> 20);
        let message =
            format!("`{shown}` has {megabytes} MiB: a source file may have {megabytes_max}");
        return Err(Box::new(Diagnostic::new(ErrorCode::E0804, Span::BUILTIN, message)));
    }
    fs::read(path).map_err(unreadable)
}

/// What the operating system said, without the error's number.
pub(crate) fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_owned()
        }
    }
}

//! Laying out: a document to text of a given width.
//!
//! A stack of parts to print, each with its indentation and whether the group it belongs to is
//! broken. A group is printed on one line when the text up to the next possible line end fits
//! (Oppen, Prettyprinting, 1980: linear time, looking ahead by at most a line's width).
//!
//! Comments at the ends of consecutive lines that stood in one column in the source are put into
//! one column again. No line ends in blanks, but for those inside of strings and comments.

use crate::doc::{Doc, Kind, columns};

/// Columns a line should not exceed.
pub const WIDTH_COLUMNS: usize = 100;
/// Blanks of a level.
pub const INDENT_COLUMNS: usize = 4;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Flat,
    Broken,
    /// Flat, with all groups inside.
    Unbroken,
}

impl Mode {
    fn is_flat(self) -> bool {
        self != Self::Broken
    }
}

type Part<'d, 'a> = (usize, Mode, &'d Doc<'a>);

/// Lays a document out.
#[must_use]
pub fn render(doc: &Doc<'_>) -> String {
    let mut renderer = Renderer {
        out: String::new(),
        column: 0,
        indent: Some(0),
        kept: 0,
        line_indent: 0,
        line: 0,
        suffixes: Vec::new(),
        line_comments: Vec::new(),
    };
    renderer.run(doc);
    renderer.flush_suffixes();
    renderer.aligned()
}

/// A comment at the end of a line.
struct LineComment {
    /// The number of its line.
    line: usize,
    /// Its offset in the output.
    offset: usize,
    /// Its column in the output.
    column: usize,
    /// Its column in the source.
    source_column: usize,
}

struct Renderer<'d> {
    out: String,
    column: usize,
    /// The indentation of a line on which nothing stands yet.
    indent: Option<usize>,
    /// Blanks before this offset belong to strings and comments.
    kept: usize,
    /// The indentation of the line.
    line_indent: usize,
    line: usize,
    suffixes: Vec<(&'d str, usize)>,
    line_comments: Vec<LineComment>,
}

impl<'d> Renderer<'d> {
    fn run<'a>(&mut self, doc: &'d Doc<'a>) {
        let mut stack: Vec<Part<'d, 'a>> = vec![(0, Mode::Broken, doc)];
        while let Some((indent, mode, doc)) = stack.pop() {
            match doc.kind() {
                Kind::Text(text) => self.text(text),
                Kind::Verbatim(text) => self.verbatim(text),
                Kind::Suffix(text, column) => self.suffixes.push((text, *column)),
                Kind::Line if mode.is_flat() => self.text(" "),
                Kind::Soft if mode.is_flat() => {}
                Kind::Line | Kind::Soft | Kind::Hard => self.new_line(indent),
                Kind::Blank => {
                    self.new_line(indent);
                    self.new_line(indent);
                }
                Kind::Fresh => {
                    if self.indent.is_none() {
                        self.new_line(indent);
                    }
                    // What follows stands where the line would have begun.
                    self.indent = Some(indent);
                }
                Kind::Fill(width) => {
                    if mode.is_flat() || self.column + 1 + width <= WIDTH_COLUMNS {
                        self.text(" ");
                    } else {
                        self.new_line(indent);
                    }
                }
                Kind::IfBroken(broken, flat) => {
                    stack.push((indent, mode, if mode == Mode::Broken { broken } else { flat }));
                }
                Kind::Indent(content) => stack.push((indent + INDENT_COLUMNS, mode, content)),
                Kind::Unbroken(content) => stack.push((indent, Mode::Unbroken, content)),
                Kind::Group { content, .. }
                | Kind::Choice { content, .. }
                | Kind::Below(content)
                    if mode == Mode::Unbroken =>
                {
                    if let Kind::Below(_) = doc.kind() {
                        self.text(" ");
                    }
                    stack.push((indent, mode, content));
                }
                Kind::Below(content) => {
                    let below = indent + INDENT_COLUMNS;
                    let fits_below = below + content.width() <= WIDTH_COLUMNS;
                    if content.is_multi() || self.fits(doc, &stack) || !fits_below {
                        self.text(" ");
                        stack.push((indent, mode, content));
                    } else {
                        self.new_line(below);
                        stack.push((below, Mode::Flat, content));
                    }
                }
                Kind::Concat(parts) => {
                    stack.extend(parts.iter().rev().map(|part| (indent, mode, part)));
                }
                Kind::Group { content, forced } => {
                    let flat = !forced && self.fits(content, &stack);
                    let mode = if flat { Mode::Flat } else { Mode::Broken };
                    stack.push((indent, mode, content));
                }
                Kind::Choice { content, hug, spread, forced } => {
                    if !forced && !spread && self.fits(content, &stack) {
                        stack.push((indent, Mode::Flat, content));
                    } else if let (false, Some(hug)) = (*forced, hug)
                        && self.fits(hug, &stack)
                    {
                        stack.push((indent, Mode::Flat, hug));
                    } else {
                        stack.push((indent, Mode::Broken, content));
                    }
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(indent) = self.indent.take() {
            self.line_indent = indent;
            self.out.extend(std::iter::repeat_n(' ', indent));
            self.column = indent;
        }
        self.out.push_str(text);
        self.column += columns(text);
    }

    fn verbatim(&mut self, text: &str) {
        self.text(text);
        self.kept = self.out.len();
        if let Some(at) = text.rfind('\n') {
            self.line += text.matches('\n').count();
            self.column = columns(&text[at + 1..]);
        }
    }

    fn new_line(&mut self, indent: usize) {
        self.flush_suffixes();
        let end = self.out.trim_end_matches(' ').len().max(self.kept);
        self.out.truncate(end);
        self.out.push('\n');
        self.line += 1;
        self.column = indent;
        self.indent = Some(indent);
    }

    fn flush_suffixes(&mut self) {
        for (i, (text, source_column)) in std::mem::take(&mut self.suffixes).into_iter().enumerate()
        {
            if i > 0 {
                // Nothing can stand behind a comment that goes to the line's end.
                self.new_line(self.line_indent);
            }
            if self.indent.is_none() {
                let end = self.out.trim_end_matches(' ').len().max(self.kept);
                self.column -= self.out.len() - end;
                self.out.truncate(end);
                self.text(" ");
            }
            let (line, offset, column) = (self.line, self.out.len(), self.column);
            self.verbatim(text);
            self.line_comments.push(LineComment { line, offset, column, source_column });
        }
    }

    /// Whether `doc` fits on the line, with what follows it up to the next possible line end.
    fn fits<'a>(&self, doc: &Doc<'a>, stack: &[Part<'_, 'a>]) -> bool {
        let Some(mut left) = WIDTH_COLUMNS.checked_sub(self.column) else { return false };
        if !doc.is_multi() && doc.width() > left {
            return false;
        }
        let mut rest = stack.iter().rev();
        let mut open = vec![(Mode::Flat, doc)];
        // Groups inside of `doc` are to be on one line; those behind it may be broken.
        let mut behind = false;
        loop {
            let next = open.pop().or_else(|| {
                behind = true;
                rest.next().map(|&(_, mode, doc)| (mode, doc))
            });
            let Some((mode, doc)) = next else { return true };
            let inner = if behind { mode } else { Mode::Flat };
            match doc.kind() {
                Kind::Text(_) => match left.checked_sub(doc.width()) {
                    Some(less) => left = less,
                    None => return false,
                },
                Kind::Verbatim(text) => match left.checked_sub(doc.width()) {
                    Some(_) if text.contains('\n') => return true,
                    Some(less) => left = less,
                    None => return false,
                },
                Kind::Suffix(..) => {}
                Kind::Line | Kind::Fill(_) if mode.is_flat() => match left.checked_sub(1) {
                    Some(less) => left = less,
                    None => return false,
                },
                Kind::Soft if mode.is_flat() => {}
                Kind::Line
                | Kind::Soft
                | Kind::Fill(_)
                | Kind::Hard
                | Kind::Blank
                | Kind::Fresh => return true,
                Kind::IfBroken(broken, flat) => {
                    open.push((mode, if mode == Mode::Broken { broken } else { flat }));
                }
                Kind::Indent(content) => open.push((mode, content)),
                Kind::Unbroken(content) => open.push((Mode::Unbroken, content)),
                Kind::Group { content, .. } | Kind::Choice { content, .. }
                    if mode == Mode::Unbroken =>
                {
                    open.push((mode, content));
                }
                Kind::Below(content) => match left.checked_sub(1) {
                    Some(less) => {
                        left = less;
                        open.push((mode, content));
                    }
                    None => return false,
                },
                Kind::Concat(parts) => open.extend(parts.iter().rev().map(|part| (mode, part))),
                Kind::Group { content, forced } => {
                    open.push((if *forced { Mode::Broken } else { inner }, content));
                }
                Kind::Choice { content, hug, spread, forced } => match hug {
                    Some(hug) if *spread && !forced => open.push((Mode::Flat, hug)),
                    _ if *forced || *spread => open.push((Mode::Broken, content)),
                    _ => open.push((inner, content)),
                },
            }
        }
    }

    /// The text, its comments at line ends in common columns.
    fn aligned(mut self) -> String {
        let comments = std::mem::take(&mut self.line_comments);
        let mut text = String::with_capacity(self.out.len());
        let mut from = 0;
        let mut run = 0;
        while run < comments.len() {
            let mut end = run + 1;
            while comments.get(end).is_some_and(|comment| {
                comment.line == comments[end - 1].line + 1
                    && comment.source_column == comments[run].source_column
            }) {
                end += 1;
            }
            let column = comments[run..end].iter().map(|comment| comment.column).max();
            for comment in &comments[run..end] {
                text.push_str(&self.out[from..comment.offset]);
                from = comment.offset;
                let blanks = column.unwrap_or(0) - comment.column;
                text.extend(std::iter::repeat_n(' ', blanks));
            }
            run = end;
        }
        text.push_str(&self.out[from..]);
        text
    }
}

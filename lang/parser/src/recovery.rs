//! Drives the generated parser over the declarations of a file, and goes on after errors.
//!
//! Each declaration is parsed by itself. When the parser stops at a token, the error is reported
//! and the statement, arm, field or member around that token — the stretch between separators of
//! the innermost braces — is replaced by one [`Tok::Error`]; then the declaration is parsed
//! again. Where that does not help, the stretch around those braces goes next. So every round
//! shortens the declaration and finds the next independent error, and an error in a statement
//! costs that statement only. Brackets are balanced here (see [`crate::layout`]), so a stretch is
//! always well formed.

use crate::context::Context;
use crate::grammar::ItemParser;
use crate::message::{Failure, describe};
use crate::token::{Tok, Token};
use lalrpop_util::ParseError;
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_syntax::ast::{Docs, Item, ItemKind};
use orion_syntax::{SourceFile, Span};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Errors of one declaration after which the rest of it is skipped: rounds take linear time.
const ERRORS_PER_ITEM_MAX: usize = 30;

/// Errors of one file after which the rest of it is skipped.
const ERRORS_PER_FILE_MAX: usize = 100;

/// Tokens of one file that may be parsed again after errors: some seconds' work.
const REPEATED_TOKENS_MAX: usize = 4_000_000;

/// What came of parsing a file's declarations.
#[derive(Debug, Default)]
pub struct Items {
    /// The declarations.
    pub items: Vec<Item>,
    /// Errors.
    pub diagnostics: Vec<Diagnostic>,
    /// Offsets of the tokens whose doc comments were used.
    pub used_docs: BTreeSet<u32>,
}

/// Parses all declarations among `tokens`. Errors in `damaged_lines`, where characters are
/// missing, are consequences.
#[must_use]
pub fn parse_items(
    file: &SourceFile,
    tokens: &[Token],
    docs: &BTreeMap<u32, Docs>,
    damaged_lines: &BTreeSet<u32>,
) -> Items {
    let mut driver = Driver {
        file,
        docs,
        damaged_lines,
        parser: ItemParser::new(),
        out: Items::default(),
        budget: REPEATED_TOKENS_MAX,
    };
    let mut start = 0;
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate() {
        match token.tok {
            tok if opens(tok) => depth += 1,
            tok if closes(tok) => depth = depth.saturating_sub(1),
            Tok::Newline | Tok::Semi if depth == 0 => {
                driver.items(&tokens[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    driver.items(&tokens[start..]);
    driver.out
}

fn opens(tok: Tok) -> bool {
    matches!(
        tok,
        Tok::ParenOpen
            | Tok::BracketOpen
            | Tok::BraceOpen
            | Tok::StructBrace
            | Tok::StrHead(_)
            | Tok::SpawnStrHead(_)
    )
}

fn closes(tok: Tok) -> bool {
    matches!(tok, Tok::ParenClose | Tok::BracketClose | Tok::BraceClose | Tok::StrTail(_))
}

struct Driver<'a> {
    file: &'a SourceFile,
    docs: &'a BTreeMap<u32, Docs>,
    damaged_lines: &'a BTreeSet<u32>,
    parser: ItemParser,
    out: Items,
    /// Tokens that may still be parsed again.
    budget: usize,
}

/// Another declaration among the tokens of one.
struct NextItem {
    index: usize,
    /// It begins a line, and what stands before it is still to be parsed.
    is_new_line: bool,
}

impl Driver<'_> {
    /// Parses one declaration, or several that lack the separator between them.
    fn items(&mut self, tokens: &[Token]) {
        let mut rest = tokens;
        while let Some(next) = self.item(rest) {
            // What stands before the next one is its own declaration, with its own errors.
            if next.is_new_line {
                self.item(&rest[..next.index]);
            }
            rest = &rest[next.index..];
        }
    }

    /// Parses one declaration; gives the place where another begins among its tokens.
    fn item(&mut self, tokens: &[Token]) -> Option<NextItem> {
        if tokens.is_empty() || self.out.diagnostics.len() >= ERRORS_PER_FILE_MAX {
            return None;
        }
        if !tokens[0].tok.begins_item() && tokens[0].tok != Tok::Error {
            let failure = Failure { tokens, index: 0, expected: &[], in_braces: false };
            self.report(tokens, 0, None, describe(self.file, &failure));
            self.push_error(tokens);
            return None;
        }
        let mut tokens = Cow::Borrowed(tokens);
        for _ in 0..ERRORS_PER_ITEM_MAX {
            let (index, expected) = self.attempt(&tokens)?;
            let in_braces = enclosing_brace(&tokens, index).is_some();
            let next_item = index > 0
                && !in_braces
                && tokens.get(index).is_some_and(|token| token.tok.begins_item());
            if next_item && self.begins_line(tokens[index]) {
                // The declaration before it ended too early, which parsing it alone will tell.
                return Some(NextItem { index, is_new_line: true });
            }
            let failure = Failure { tokens: &tokens, index, expected: &expected, in_braces };
            let diagnostic = describe(self.file, &failure);
            // A struct literal in a head: its `{` was taken for the body's, so that the whole
            // statement is of no use.
            let misread = diagnostic.code == ErrorCode::E0023;
            let around = if misread { enclosing_brace(&tokens, index) } else { Some(index) };
            let stretch = around.and_then(|index| enclosing_stretch(&tokens, index));
            self.report(&tokens, index, stretch, diagnostic);
            if next_item {
                self.item(&tokens[..index]);
                return Some(NextItem { index, is_new_line: false });
            }
            let Some((from, to)) = stretch else { break };
            let exhausted = tokens.len() > self.budget;
            self.budget = self.budget.saturating_sub(tokens.len());
            if exhausted {
                break;
            }
            let end = tokens[to - 1].end;
            let error = Token { end, ..Token::new(Tok::Error, tokens[from].start, end) };
            tokens.to_mut().splice(from..to, [error]);
        }
        self.push_error(&tokens);
        None
    }

    /// Parses; on failure gives the index of the token and what was expected.
    fn attempt(&mut self, tokens: &[Token]) -> Option<(usize, Vec<String>)> {
        let mut cx = Context::new(self.file.id, tokens, self.docs);
        let stream = tokens.iter().enumerate().map(|(i, token)| (i, token.tok, i + 1));
        let result = self.parser.parse(&mut cx, stream);
        let Context { used_docs, diagnostics, .. } = cx;
        match result {
            Ok(item) => {
                self.out.items.push(item);
                self.out.diagnostics.extend(diagnostics);
                self.out.used_docs.extend(used_docs);
                None
            }
            Err(
                ParseError::UnrecognizedToken { token: (index, _, _), expected }
                | ParseError::UnrecognizedEof { location: index, expected },
            ) => Some((index, expected)),
            Err(ParseError::ExtraToken { token: (index, _, _) }) => Some((index, Vec::new())),
            Err(ParseError::InvalidToken { location: index }) => Some((index, Vec::new())),
            Err(ParseError::User { error: () }) => Some((tokens.len(), Vec::new())),
        }
    }

    fn begins_line(&self, token: Token) -> bool {
        let before = &self.file.text[..token.start as usize];
        before.trim_end_matches([' ', '\t']).ends_with('\n')
    }

    fn report(
        &mut self,
        tokens: &[Token],
        index: usize,
        stretch: Option<(usize, usize)>,
        diagnostic: Diagnostic,
    ) {
        // Next to text cut out, or where a bracket was put in, it is a consequence.
        let near = &tokens[index.saturating_sub(1)..tokens.len().min(index + 1)];
        let stretch = stretch.map_or(near, |(from, to)| &tokens[from..to]);
        let known = near.iter().any(|token| token.tok == Tok::Error)
            || stretch.iter().chain(near).any(|token| token.synthetic)
            || in_unclosed_list(tokens, index);
        let line = self.file.line_column(diagnostic.primary.span.start).line;
        if !known && !self.damaged_lines.contains(&line) {
            self.out.diagnostics.push(diagnostic);
        }
    }

    fn push_error(&mut self, tokens: &[Token]) {
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
        let span = Span::new(self.file.id, first.start, last.end.max(first.start));
        let docs = Docs::default();
        self.out.items.push(Item { docs, public: None, kind: ItemKind::Error, span });
    }
}

/// Whether the place stands directly inside of a `(` or `[` that was reported to lack its partner.
fn in_unclosed_list(tokens: &[Token], index: usize) -> bool {
    let mut depth = 0_usize;
    for token in tokens[..index.min(tokens.len())].iter().rev() {
        match token.tok {
            tok if closes(tok) => depth += 1,
            tok if opens(tok) && depth > 0 => depth -= 1,
            Tok::ParenOpen | Tok::BracketOpen => break,
            tok if opens(tok) => return false,
            _ => {}
        }
    }
    let mut depth = 0_usize;
    for token in &tokens[index.min(tokens.len())..] {
        match token.tok {
            tok if opens(tok) => depth += 1,
            tok if closes(tok) && depth == 0 => return token.synthetic,
            tok if closes(tok) => depth -= 1,
            _ => {}
        }
    }
    false
}

/// The stretch of tokens to replace after an error at `index`: between the separators of the
/// innermost braces where it is not empty and not replaced already; `None` at the top level.
fn enclosing_stretch(tokens: &[Token], index: usize) -> Option<(usize, usize)> {
    let mut index = index.min(tokens.len());
    loop {
        let open = enclosing_brace(tokens, index)?;
        let (from, to) = stretch_within(tokens, open, index);
        if from < to && !(to - from == 1 && tokens[from].tok == Tok::Error) {
            return Some((from, to));
        }
        index = open;
    }
}

/// The opening brace that most closely encloses the place before `index`.
fn enclosing_brace(tokens: &[Token], index: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for i in (0..index).rev() {
        let tok = tokens[i].tok;
        if closes(tok) {
            depth += 1;
        } else if opens(tok) {
            if depth > 0 {
                depth -= 1;
            } else if matches!(tok, Tok::BraceOpen | Tok::StructBrace) {
                return Some(i);
            }
        }
    }
    None
}

fn stretch_within(tokens: &[Token], open: usize, index: usize) -> (usize, usize) {
    let commas = tokens[open].list;
    let (mut from, mut depth) = (open + 1, 0_usize);
    for (i, token) in tokens.iter().enumerate().skip(open + 1) {
        match token.tok {
            tok if opens(tok) => depth += 1,
            tok if closes(tok) => {
                if depth == 0 {
                    return (from, i);
                }
                depth -= 1;
            }
            Tok::Newline | Tok::Semi | Tok::Comma if depth == 0 => {
                if token.tok == Tok::Comma && !commas {
                    continue;
                }
                // An error at the separator itself belongs to what stands before it.
                if i >= index && from < i {
                    return (from, i);
                }
                from = i + 1;
            }
            _ => {}
        }
    }
    (from, tokens.len())
}

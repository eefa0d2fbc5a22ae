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
use orion_diagnostics::Diagnostic;
use orion_syntax::ast::{Docs, Item, ItemKind};
use orion_syntax::{SourceFile, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Errors of one declaration after which the rest of it is skipped: rounds take linear time.
const ERRORS_PER_ITEM_MAX: usize = 30;

/// Errors of one file after which the rest of it is skipped.
const ERRORS_PER_FILE_MAX: usize = 100;

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

/// Parses all declarations among `tokens`.
#[must_use]
pub fn parse_items(file: &SourceFile, tokens: &[Token], docs: &BTreeMap<u32, Docs>) -> Items {
    let mut driver = Driver { file, docs, parser: ItemParser::new(), out: Items::default() };
    let mut start = 0;
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate() {
        match token.tok {
            tok if opens(tok) => depth += 1,
            tok if closes(tok) => depth = depth.saturating_sub(1),
            Tok::Newline | Tok::Semi if depth == 0 => {
                driver.item(&tokens[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    driver.item(&tokens[start..]);
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
    parser: ItemParser,
    out: Items,
}

impl Driver<'_> {
    /// Parses one declaration, or several that lack the separator between them.
    fn item(&mut self, tokens: &[Token]) {
        if tokens.is_empty() || self.out.diagnostics.len() >= ERRORS_PER_FILE_MAX {
            return;
        }
        if !tokens[0].tok.begins_item() && tokens[0].tok != Tok::Error {
            let failure = Failure { tokens, index: 0, expected: &[], in_braces: false };
            self.report(tokens, 0, describe(self.file, &failure));
            self.push_error(tokens);
            return;
        }
        let mut tokens = tokens.to_vec();
        for _ in 0..ERRORS_PER_ITEM_MAX {
            let Some((index, expected)) = self.attempt(&tokens) else { return };
            let stretch = enclosing_stretch(&tokens, index);
            let in_braces = stretch.is_some();
            let failure = Failure { tokens: &tokens, index, expected: &expected, in_braces };
            let diagnostic = describe(self.file, &failure);
            self.report(&tokens, index, diagnostic);
            if !in_braces && index > 0 && tokens.get(index).is_some_and(|t| t.tok.begins_item()) {
                // The next declaration on the same line; its own errors are its own.
                self.item(&tokens[..index]);
                self.item(&tokens[index..]);
                return;
            }
            let Some((from, to)) = stretch else { break };
            let end = tokens[to - 1].end;
            let error = Token { end, ..Token::new(Tok::Error, tokens[from].start, end) };
            tokens.splice(from..to, [error]);
        }
        self.push_error(&tokens);
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

    fn report(&mut self, tokens: &[Token], index: usize, diagnostic: Diagnostic) {
        // Next to a bracket that was put in, or to text cut out, it is a consequence.
        let near = &tokens[index.saturating_sub(1)..tokens.len().min(index + 1)];
        let known = near.iter().any(|token| token.synthetic || token.tok == Tok::Error);
        if !known {
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

//! Strings that are not closed: which one is to blame, and how the lexer goes on.
//!
//! Input: a file that ends inside of a string. An unclosed string swallows everything up to the
//! next quote, where the rest of the file turns inside out: code is read as strings and strings as
//! code. So the culprit is among the strings that run over a line end, but these may also be
//! meant: texts of several lines. The lexer goes back to each of the first few suspects, closes
//! it at the end of its line, lexes the rest again, and blames the one that leaves the most
//! plausible file: the fewest strings over a line end, above all over one where a declaration
//! begins; the first of equals.
//!
//! Invariant: bounded rounds, each linear in the file's size.

use super::{Checkpoint, Lexed, Lexer};
use crate::token::{Tok, Token, keyword};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_syntax::Symbol;
use orion_syntax::ast::Docs;

/// Unclosed strings after which the lexer gives up, so that its time stays linear.
const UNCLOSED_STRINGS_MAX: usize = 10;

/// Suspects that are tried: a file with more texts of several lines before the error is rare.
const SUSPECTS_MAX: usize = 6;

impl Lexer<'_> {
    /// Lexes the whole text, closing strings that are open at its end.
    pub(super) fn lex_and_close_strings(&mut self) {
        self.lex_to_end();
        for _ in 0..UNCLOSED_STRINGS_MAX {
            // Inside of a string (or its interpolation) at the end of the file?
            let Some(outermost) = self.outermost else { return };
            let suspects = std::mem::take(&mut self.over_line);
            match suspects[..] {
                [] => self.close_and_go_on(outermost),
                [only] => self.close_and_go_on(only),
                [first, ..] => self.blame_best(&suspects, first),
            }
        }
    }

    /// The outermost open string runs over a line end.
    pub(super) fn note_over_line(&mut self, brace: Option<usize>) {
        let Some(outermost) = self.outermost else { return };
        if self.over_line_count > outermost.over_line_count {
            return;
        }
        self.over_line_count += 1;
        if self.over_line.len() < SUSPECTS_MAX {
            let line_end = self.text[outermost.quote..].find('\n').map(|i| outermost.quote + i);
            let brace = brace.filter(|&b| line_end.is_some_and(|end| b < end));
            self.over_line.push(Checkpoint { brace, ..outermost });
        }
    }

    /// Tries each suspect and keeps the best.
    fn blame_best(&mut self, suspects: &[Checkpoint], first: Checkpoint) {
        let before = std::mem::take(&mut self.out);
        let mut best: Option<(usize, Lexed, Option<Checkpoint>, Vec<Checkpoint>)> = None;
        for &suspect in suspects {
            self.out = Lexed {
                tokens: before.tokens[..suspect.token_count].to_vec(),
                docs: before.docs[..suspect.docs_count].to_vec(),
                comments: before.comments.clone(),
                diagnostics: before.diagnostics[..suspect.diagnostic_count].to_vec(),
                damaged: before.damaged.clone(),
            };
            self.close_and_go_on(suspect);
            let strange = self.out.tokens[first.token_count..].iter();
            let strange = strange.filter(|token| self.holds_a_declaration(token)).count();
            let score = self.over_line_count + strange;
            if best.as_ref().is_none_or(|(least, ..)| score < *least) {
                let over_line = std::mem::take(&mut self.over_line);
                best = Some((score, std::mem::take(&mut self.out), self.outermost, over_line));
            }
        }
        if let Some((_, out, outermost, over_line)) = best {
            (self.out, self.outermost, self.over_line) = (out, outermost, over_line);
        }
        self.at = self.text.len();
    }

    /// Whether a piece of a string has a line that begins like a declaration.
    fn holds_a_declaration(&self, token: &Token) -> bool {
        let string =
            matches!(token.tok, Tok::Str(_) | Tok::StrHead(_) | Tok::StrMid(_) | Tok::StrTail(_));
        let text = &self.text[token.start as usize..token.end as usize];
        let mut lines = text.split('\n').skip(1);
        string
            && lines.any(|line| {
                let word = line.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or("");
                keyword(word).is_some_and(Tok::begins_item)
            })
    }

    /// Goes back to an unclosed string, reports it, closes it at the end of its line, before the
    /// brackets and separators that stand there, and lexes what follows.
    fn close_and_go_on(&mut self, suspect: Checkpoint) {
        let Checkpoint { quote, token_count, diagnostic_count, docs_count, brace, .. } = suspect;
        self.out.tokens.truncate(token_count);
        self.out.diagnostics.truncate(diagnostic_count);
        self.out.docs.truncate(docs_count);
        self.out.comments.retain(|comment| (comment.start as usize) < quote);
        self.pending_docs = Docs::default();
        self.interpolations.clear();
        self.outermost = None;
        self.over_line.clear();
        self.over_line_count = suspect.over_line_count;
        let line = self.text[quote + 1..].split('\n').next().unwrap_or("");
        let line_end = quote + 1 + line.len();
        let closers = |c: char| matches!(c, ')' | ']' | '}' | ',' | ';') || c.is_whitespace();
        let end = quote + 1 + line.trim_end_matches(closers).len();
        self.out.damaged.push((quote as u32, line_end as u32));
        let d = match brace {
            Some(brace) => Diagnostic::new(
                ErrorCode::E0008,
                self.span(brace, brace + 1),
                "this interpolation is not closed",
            )
            .label("its `}` is missing")
            .help("a brace in a string is written `\\{`"),
            None => Diagnostic::new(
                ErrorCode::E0002,
                self.span(quote, end),
                "this string is not closed",
            )
            .label("its `\"` is missing"),
        };
        self.report(d);
        let text = Symbol::intern(&self.text[quote + 1..end]);
        self.push(Tok::Str(text), quote, end);
        self.at = end;
        self.lex_to_end();
    }
}

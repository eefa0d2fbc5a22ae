//! The source's tokens and comments, taken one after the other while the tree is walked.
//!
//! The tree says which tokens belong together; their text, and the comments and empty lines between
//! them, come from here. So nothing that was written can be lost or change its order, whatever the
//! tree leaves out. Separators that the layout decides about (`,` `;`) are skipped, and their
//! comments kept.
//!
//! Invariant: the builders take tokens in source order; where one is not the token they meant,
//! [`Cursor::lost`] says so and the result is not used.

use crate::doc::{Doc, columns};
use orion_parser::lexer::Lexed;
use orion_parser::token::Token;
use orion_syntax::Span;

/// A place in the tokens of a file.
pub struct Cursor<'a> {
    text: &'a str,
    tokens: &'a [Token],
    comments: &'a [Span],
    next: usize,
    next_comment: usize,
    /// Offset after what was taken last.
    end: usize,
    /// For each token: how many of those up to it begin on another line than the one before ends.
    line_counts: Vec<u32>,
    /// The offset at which another token stood than was meant.
    pub lost: Option<usize>,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a file.
    #[must_use]
    pub fn new(text: &'a str, lexed: &'a Lexed) -> Self {
        let mut count = 0;
        let mut end = 0;
        let line_counts = lexed.tokens.iter().map(|token| {
            count += u32::from(text[end..token.start as usize].contains('\n'));
            end = token.end as usize;
            count
        });
        let line_counts = line_counts.collect();
        let (tokens, comments) = (&lexed.tokens[..], &lexed.comments[..]);
        // A byte order mark is no text.
        let end = text.len() - text.trim_start_matches('\u{FEFF}').len();
        Self { text, tokens, comments, next: 0, next_comment: 0, end, line_counts, lost: None }
    }

    fn token_text(&self, token: Token) -> &'a str {
        &self.text[token.start as usize..token.end as usize]
    }

    /// Offset of the next token; the text's length at the end.
    fn next_start(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |token| token.start as usize)
    }

    /// The text of the next token; empty at the end.
    #[must_use]
    pub fn peek(&self) -> &'a str {
        self.tokens.get(self.next).map_or("", |&token| self.token_text(token))
    }

    /// The next comment, where it stands before the next token.
    fn peek_comment(&self) -> Option<(usize, &'a str)> {
        let comment = self.comments.get(self.next_comment)?;
        let start = comment.start as usize;
        (start < self.next_start()).then(|| (start, &self.text[comment.range()]))
    }

    /// The blanks between what was taken last and what comes next, comment or token.
    fn gap(&self) -> &'a str {
        let start = self.peek_comment().map_or(self.next_start(), |(start, _)| start);
        &self.text[self.end..start.max(self.end)]
    }

    /// Whether an empty line comes next.
    #[must_use]
    pub fn at_blank_line(&self) -> bool {
        self.gap().matches('\n').count() > 1
    }

    /// A line end, with an empty line where one comes next.
    #[must_use]
    pub fn line_end(&self) -> Doc<'a> {
        if self.at_blank_line() { Doc::blank() } else { Doc::hard() }
    }

    /// Whether a line ends between the next token and the one before the offset `end`.
    #[must_use]
    pub fn spreads_until(&self, end: u32) -> bool {
        let last = self.tokens.partition_point(|token| token.end <= end);
        let counts =
            self.line_counts.get(self.next).zip(self.line_counts.get(last.wrapping_sub(1)));
        counts.is_some_and(|(first, last)| first != last)
    }

    /// Whether there are comments before the offset `end`, but for those before the next token.
    #[must_use]
    pub fn comments_until(&self, end: u32) -> bool {
        let start = self.next_start();
        let mut comments = self.comments[self.next_comment..].iter();
        let inside = comments.find(|comment| comment.start as usize > start);
        inside.is_some_and(|comment| comment.start < end)
    }

    /// Whether a line ends before the next token.
    #[must_use]
    pub fn begins_line(&self) -> bool {
        let after = |i: usize| self.line_counts.get(i).copied();
        match self.next.checked_sub(1) {
            Some(previous) => after(previous) != after(self.next),
            None => true,
        }
    }

    /// Whether a line ends behind the next token.
    #[must_use]
    pub fn ends_line(&self) -> bool {
        let after = |i: usize| self.line_counts.get(i);
        after(self.next).zip(after(self.next + 1)).is_some_and(|(this, next)| this != next)
    }

    /// Takes the comments before the next token, so that they stand outside of its groups.
    pub fn lead(&mut self) -> Doc<'a> {
        Doc::concat(self.leading())
    }

    /// Takes the next token, with the comments before it and behind it.
    pub fn take(&mut self) -> Doc<'a> {
        let mut parts = self.leading();
        let Some(&token) = self.tokens.get(self.next) else {
            self.lost = self.lost.or(Some(self.text.len()));
            return Doc::concat(parts);
        };
        parts.push(Doc::verbatim(self.token_text(token)));
        self.advance(token);
        parts.extend(self.trailing());
        Doc::concat(parts)
    }

    /// Takes the next token, which should be this one.
    pub fn word(&mut self, expected: &str) -> Doc<'a> {
        if self.peek() != expected {
            self.lost = self.lost.or(Some(self.next_start()));
        }
        self.take()
    }

    /// Takes all tokens up to an offset as they stand, with what is between them.
    pub fn verbatim_until(&mut self, end: u32) -> Doc<'a> {
        let mut parts = self.leading();
        let start = self.next_start();
        while let Some(&token) = self.tokens.get(self.next)
            && token.end <= end
        {
            self.advance(token);
        }
        while self.comments.get(self.next_comment).is_some_and(|comment| comment.start < end) {
            self.next_comment += 1;
        }
        parts.push(Doc::verbatim(&self.text[start.min(self.end)..self.end]));
        parts.extend(self.trailing());
        Doc::concat(parts)
    }

    /// Takes all tokens up to an offset, without blanks between them.
    pub fn take_until(&mut self, end: u32) -> Doc<'a> {
        let mut parts = Vec::new();
        while self.tokens.get(self.next).is_some_and(|token| token.end <= end) {
            parts.push(self.take());
        }
        Doc::concat(parts)
    }

    /// Skips the next token where it is this one; gives its comments.
    pub fn skip(&mut self, expected: &str) -> Option<Doc<'a>> {
        let token = *self.tokens.get(self.next).filter(|_| self.peek() == expected)?;
        let mut parts = Vec::new();
        let mut own_line = false;
        while let Some((start, text)) = self.peek_comment() {
            own_line |= self.gap().contains('\n') || is_doc_comment(text);
            self.take_comment(start, text);
            if own_line {
                parts.extend([Doc::fresh(), Doc::verbatim(text)]);
            } else {
                parts.extend(self.behind(start, text));
            }
        }
        self.advance(token);
        let trailing = self.trailing();
        if own_line && !trailing.is_empty() {
            parts.push(Doc::hard());
        }
        parts.extend(trailing);
        Some(Doc::concat(parts))
    }

    /// The comments on lines of their own before the next token, each as it should be printed
    /// where a line begins, without the line end behind it, and whether an empty line is before it.
    pub fn dangling(&mut self) -> Vec<(Doc<'a>, bool)> {
        let mut found = Vec::new();
        while let Some((start, text)) = self.peek_comment() {
            let blank = self.at_blank_line();
            self.take_comment(start, text);
            found.push((Doc::verbatim(text), blank));
        }
        found
    }

    fn advance(&mut self, token: Token) {
        self.next += 1;
        self.end = token.end as usize;
    }

    fn take_comment(&mut self, start: usize, text: &str) {
        self.next_comment += 1;
        self.end = start + text.len();
    }

    /// Comments before the next token.
    fn leading(&mut self) -> Vec<Doc<'a>> {
        let mut parts = Vec::new();
        while let Some((start, text)) = self.peek_comment() {
            let own_line = self.end == 0 || self.gap().contains('\n') || is_line_comment(text);
            self.take_comment(start, text);
            if own_line {
                parts.push(Doc::fresh());
            }
            parts.push(Doc::verbatim(text));
            let goes_on = !is_line_comment(text) && !self.gap().contains('\n');
            parts.push(if goes_on { Doc::text(" ") } else { self.line_end() });
        }
        parts
    }

    /// Comments behind the token taken last, on its line.
    fn trailing(&mut self) -> Vec<Doc<'a>> {
        let mut parts = Vec::new();
        while let Some((start, text)) = self.peek_comment() {
            // A doc comment belongs to what follows it.
            if self.gap().contains('\n') || is_doc_comment(text) {
                break;
            }
            let last = start + text.len() >= self.text.len()
                || self.text[start + text.len()..self.next_start()].contains('\n');
            let closes = matches!(self.peek(), "," | ";" | ")" | "]" | "}");
            let opens = self.next.checked_sub(1).is_some_and(|previous| {
                matches!(self.token_text(self.tokens[previous]), "(" | "[" | "{")
            });
            if !is_line_comment(text) && !last && (!closes || opens) {
                break;
            }
            self.take_comment(start, text);
            parts.extend(self.behind(start, text));
        }
        parts
    }

    /// A comment behind something on its line.
    fn behind(&self, start: usize, text: &'a str) -> Vec<Doc<'a>> {
        if is_line_comment(text) {
            let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
            vec![Doc::suffix(text, columns(&self.text[line_start..start]))]
        } else {
            vec![Doc::text(" "), Doc::verbatim(text)]
        }
    }
}

fn is_line_comment(text: &str) -> bool {
    text.starts_with("//")
}

fn is_doc_comment(text: &str) -> bool {
    text.starts_with("///") && !text.starts_with("////")
}

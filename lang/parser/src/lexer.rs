//! The lexer: source text to tokens, doc comments and lexical errors.
//!
//! A logos automaton recognises single tokens; this driver adds what is not regular: nested
//! block comments, strings with interpolated expressions (which hold strings again), and
//! `t.0.1`. An interpolated string becomes `StrHead expr… (StrMid expr…)* StrTail`.
//!
//! Invariants: tokens do not overlap and are in source order; every byte that belongs to no
//! token is blank, comment, or covered by an error. Never fails: after an error a token takes
//! the place of what was meant.
//!
//! A string that is never closed swallows everything up to the next quote and turns the rest of
//! the file inside out; [`unclosed`] finds the one to blame.

mod unclosed;

use crate::number::parse_number;
use crate::token::{Tok, Token, keyword};
use logos::Logos;
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_syntax::ast::{DocLine, Docs};
use orion_syntax::{SourceFile, Span, Symbol};

/// Names longer than this are refused: they come from damaged files and would fill messages.
pub const NAME_BYTES_MAX: usize = 255;

/// Lexical errors after which the lexer stops reporting: the file is no program.
const ERRORS_MAX: usize = 100;

/// What the lexer made of a file.
#[derive(Debug, Default)]
pub struct Lexed {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// Doc comments, each with the offset of the token it stands before (the text's length at
    /// the end); in source order.
    pub docs: Vec<(u32, Docs)>,
    /// All comments, doc comments too, in source order; for the formatter. Those that end with
    /// the line are without its end.
    pub comments: Vec<Span>,
    /// Errors.
    pub diagnostics: Vec<Diagnostic>,
    /// Lines (as byte ranges) with an unclosed string: brackets missing there are no news.
    pub damaged: Vec<(u32, u32)>,
}

#[derive(Logos, Clone, Copy, Debug, PartialEq)]
#[logos(skip r"[ \t\r\n\x0C]+")]
enum Raw {
    #[regex(r"//[^\n]*", allow_greedy = true)]
    LineComment,
    #[token("/*")]
    BlockComment,
    #[regex(r"[a-z_][a-zA-Z0-9_]*")]
    Lower,
    #[regex(r"[A-Z][a-zA-Z0-9_]*")]
    Upper,
    #[regex(r"@[a-zA-Z_][a-zA-Z0-9_]*")]
    At,
    #[regex(r"[0-9][0-9A-Za-z_]*")]
    #[regex(r"[0-9][0-9_]*\.[0-9][0-9A-Za-z_]*")]
    #[regex(r"[0-9][0-9_]*(\.[0-9][0-9_]*)?[eE][+-][0-9][0-9A-Za-z_]*")]
    Number,
    #[token("\"")]
    Quote,
    #[token("r\"")]
    RQuote,
    #[token("'")]
    Tick,
    #[token("(", |_| Tok::ParenOpen)]
    #[token(")", |_| Tok::ParenClose)]
    #[token("[", |_| Tok::BracketOpen)]
    #[token("]", |_| Tok::BracketClose)]
    #[token("{", |_| Tok::BraceOpen)]
    #[token("}", |_| Tok::BraceClose)]
    #[token(",", |_| Tok::Comma)]
    #[token(";", |_| Tok::Semi)]
    #[token(":", |_| Tok::Colon)]
    #[token("::", |_| Tok::ColonColon)]
    #[token(":=", |_| Tok::ColonEq)]
    #[token(".", |_| Tok::Dot)]
    #[token("..", |_| Tok::DotDot)]
    #[token("..=", |_| Tok::DotDotEq)]
    #[token("?", |_| Tok::Question)]
    #[token("=>", |_| Tok::FatArrow)]
    #[token("<-", |_| Tok::Arrow)]
    #[token("+", |_| Tok::Plus)]
    #[token("-", |_| Tok::Minus)]
    #[token("*", |_| Tok::Star)]
    #[token("/", |_| Tok::Slash)]
    #[token("%", |_| Tok::Percent)]
    #[token("+%", |_| Tok::PlusWrap)]
    #[token("-%", |_| Tok::MinusWrap)]
    #[token("*%", |_| Tok::StarWrap)]
    #[token("&", |_| Tok::Amp)]
    #[token("|", |_| Tok::Pipe)]
    #[token("^", |_| Tok::Caret)]
    #[token("<<", |_| Tok::Shl)]
    #[token(">>", |_| Tok::Shr)]
    #[token("&&", |_| Tok::AmpAmp)]
    #[token("||", |_| Tok::PipePipe)]
    #[token("!", |_| Tok::Bang)]
    #[token("~", |_| Tok::Tilde)]
    #[token("==", |_| Tok::EqEq)]
    #[token("!=", |_| Tok::NotEq)]
    #[token("<", |_| Tok::Less)]
    #[token("<=", |_| Tok::LessEq)]
    #[token(">", |_| Tok::Greater)]
    #[token(">=", |_| Tok::GreaterEq)]
    #[token("=", |_| Tok::Eq)]
    #[token("+=", |_| Tok::PlusEq)]
    #[token("-=", |_| Tok::MinusEq)]
    #[token("*=", |_| Tok::StarEq)]
    #[token("/=", |_| Tok::SlashEq)]
    #[token("%=", |_| Tok::PercentEq)]
    #[token("&=", |_| Tok::AmpEq)]
    #[token("|=", |_| Tok::PipeEq)]
    #[token("^=", |_| Tok::CaretEq)]
    #[token("<<=", |_| Tok::ShlEq)]
    #[token(">>=", |_| Tok::ShrEq)]
    #[token("+%=", |_| Tok::PlusWrapEq)]
    #[token("-%=", |_| Tok::MinusWrapEq)]
    #[token("*%=", |_| Tok::StarWrapEq)]
    #[token("as%", |_| Tok::AsWrap)]
    Fixed(Tok),
}

/// Lexes a file.
#[must_use]
pub fn lex(file: &SourceFile) -> Lexed {
    let mut lexer = Lexer {
        file,
        text: &file.text,
        at: if file.text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 },
        out: Lexed::default(),
        pending_docs: Docs::default(),
        interpolations: Vec::new(),
        outermost: None,
        over_line: Vec::new(),
        over_line_count: 0,
    };
    lexer.lex_and_close_strings();
    lexer.flush_docs(file.text.len());
    lexer.out.diagnostics.truncate(ERRORS_MAX);
    lexer.out
}

/// A string that is open: its interpolation is being lexed.
#[derive(Clone, Copy)]
struct Interpolation {
    /// Offset of its `{`.
    brace: usize,
    /// Braces open inside.
    depth: usize,
}

/// The lexer's state before the outermost string that is open.
#[derive(Clone, Copy)]
struct Checkpoint {
    quote: usize,
    token_count: usize,
    diagnostic_count: usize,
    docs_count: usize,
    over_line_count: usize,
    /// The brace of the interpolation that ran over the line's end, if one did.
    brace: Option<usize>,
}

struct Lexer<'a> {
    file: &'a SourceFile,
    text: &'a str,
    at: usize,
    out: Lexed,
    pending_docs: Docs,
    interpolations: Vec<Interpolation>,
    outermost: Option<Checkpoint>,
    /// The first strings that ran over a line end: [`unclosed`]'s suspects.
    over_line: Vec<Checkpoint>,
    /// How many did.
    over_line_count: usize,
}

impl Lexer<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file.id, start as u32, end as u32)
    }

    fn error(&mut self, code: ErrorCode, start: usize, end: usize, message: impl Into<String>) {
        self.report(Diagnostic::new(code, self.span(start, end), message));
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        // Twice the limit, since going back drops some.
        if self.out.diagnostics.len() < 2 * ERRORS_MAX {
            self.out.diagnostics.push(diagnostic);
        }
    }

    fn push(&mut self, tok: Tok, start: usize, end: usize) {
        self.flush_docs(start);
        self.out.tokens.push(Token::new(tok, start as u32, end as u32));
    }

    fn flush_docs(&mut self, before: usize) {
        if !self.pending_docs.lines.is_empty() {
            let docs = std::mem::take(&mut self.pending_docs);
            self.out.docs.push((before as u32, docs));
        }
    }

    /// Lexes until the end of the text or until it ends inside a string.
    fn lex_to_end(&mut self) {
        while self.at < self.text.len() {
            let mut automaton = Raw::lexer(&self.text[self.at..]);
            let Some(raw) = automaton.next() else { break };
            let range = automaton.span();
            let (start, end) = (self.at + range.start, self.at + range.end);
            if let Some(open) = self.interpolations.last() {
                let brace = open.brace;
                if self.text[self.at..start].contains('\n') {
                    self.note_over_line(Some(brace));
                }
            }
            self.at = end;
            match raw {
                Ok(raw) => self.token(raw, start, end),
                Err(()) => self.unexpected_character(start),
            }
        }
        self.at = self.text.len();
    }

    fn token(&mut self, raw: Raw, start: usize, end: usize) {
        let text = &self.text[start..end];
        match raw {
            Raw::LineComment => self.line_comment(start, end),
            Raw::BlockComment => self.block_comment(start),
            Raw::Lower if text == "_" => self.push(Tok::Underscore, start, end),
            Raw::Lower => {
                let tok = keyword(text).unwrap_or_else(|| Tok::Lower(self.name(start, end)));
                self.push(tok, start, end);
            }
            Raw::Upper => {
                let name = self.name(start, end);
                self.push(Tok::Upper(name), start, end);
            }
            Raw::At => {
                let name = self.name(start + 1, end);
                self.push(Tok::At(name), start, end);
            }
            Raw::Number => self.number(start, end),
            Raw::Quote => {
                if self.interpolations.is_empty() {
                    self.outermost = Some(self.checkpoint(start));
                }
                self.string_part(start, end, true);
            }
            Raw::RQuote => self.raw_string(start, end),
            Raw::Tick => self.character(start),
            Raw::Fixed(Tok::BraceClose)
                if self.interpolations.last().is_some_and(|open| open.depth == 0) =>
            {
                self.interpolations.pop();
                self.string_part(start, end, false);
            }
            Raw::Fixed(tok) => {
                if let Some(open) = self.interpolations.last_mut() {
                    match tok {
                        Tok::BraceOpen => open.depth += 1,
                        Tok::BraceClose => open.depth -= 1,
                        _ => {}
                    }
                }
                self.push(tok, start, end);
            }
        }
    }

    fn unexpected_character(&mut self, start: usize) {
        // The automaton may stop inside a character or after several: take exactly one.
        let Some(c) = self.text[start..].chars().next() else { return };
        self.at = start + c.len_utf8();
        let previous = self.out.diagnostics.last();
        if previous
            .is_some_and(|d| d.code == ErrorCode::E0001 && d.primary.span.end as usize == start)
        {
            // One error for a run of them.
            if let Some(d) = self.out.diagnostics.last_mut() {
                d.primary.span.end = self.at as u32;
            }
            return;
        }
        let shown = if c.is_control() { format!("{c:?}") } else { format!("`{c}`") };
        let message = format!("unexpected character {shown}");
        let again = previous.is_some_and(|d| {
            d.message == message && !self.text[d.primary.span.end as usize..start].contains('\n')
        });
        if again {
            // A closing partner, most likely.
            return;
        }
        let mut d = Diagnostic::new(ErrorCode::E0001, self.span(start, self.at), message)
            .label("no token begins so");
        d.help = match c {
            '“' | '”' | '„' => Some("strings are written with `\"`".into()),
            '‘' | '’' | '`' => {
                Some("characters are written with `'`, strings with `\"`".into())
            }
            '@' => Some("an intrinsic's name follows the `@` at once: `@join`".into()),
            '#' => Some("comments begin with `//`".into()),
            '\\' => Some("a statement may go on in the next line inside of parentheses".into()),
            _ if c.is_alphabetic() => {
                Some("names are made of ASCII letters, digits and `_`".into())
            }
            _ => None,
        };
        self.report(d);
    }

    fn name(&mut self, start: usize, end: usize) -> Symbol {
        if end - start <= NAME_BYTES_MAX {
            return Symbol::intern(&self.text[start..end]);
        }
        let message = format!("this name is {} bytes long", end - start);
        let d = Diagnostic::new(ErrorCode::E0803, self.span(start, end), message)
            .note(format!("a name may have {NAME_BYTES_MAX} bytes"));
        self.report(d);
        // Names are ASCII, so any byte is a boundary.
        Symbol::intern(&self.text[start..start + NAME_BYTES_MAX])
    }

    fn line_comment(&mut self, start: usize, end: usize) {
        let text = &self.text[start..end];
        self.out.comments.push(self.span(start, start + text.trim_end().len()));
        if let Some(doc) = text.strip_prefix("///").filter(|rest| !rest.starts_with('/')) {
            let doc = doc.strip_prefix(' ').unwrap_or(doc).trim_end();
            let end = start + text.trim_end().len();
            let line = DocLine { text: Symbol::intern(doc), span: self.span(start, end) };
            self.pending_docs.lines.push(line);
        }
    }

    fn block_comment(&mut self, start: usize) {
        let bytes = self.text.as_bytes();
        let mut openings = vec![start];
        let mut i = start + 2;
        while let Some(&innermost) = openings.last() {
            match (bytes.get(i), bytes.get(i + 1)) {
                (None, _) => {
                    // Blame the outermost: most likely the only one that was meant to end.
                    let d = Diagnostic::new(
                        ErrorCode::E0003,
                        self.span(start, start + 2),
                        "this block comment is not closed",
                    )
                    .label("opened here");
                    let d = if innermost == start {
                        d.help("close it with `*/`")
                    } else {
                        d.secondary(self.span(innermost, innermost + 2), "this one nested in it")
                            .help("block comments nest: each `/*` needs a `*/`")
                    };
                    self.report(d);
                    break;
                }
                (Some(b'/'), Some(b'*')) => {
                    openings.push(i);
                    i += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    openings.pop();
                    i += 2;
                }
                _ => i += 1,
            }
        }
        self.at = i.min(self.text.len());
        self.out.comments.push(self.span(start, self.at));
    }

    fn number(&mut self, start: usize, end: usize) {
        let mut start = start;
        let text = &self.text[start..end];
        let after_dot =
            self.out.tokens.last().is_some_and(|t| t.tok == Tok::Dot && t.end as usize == start);
        if after_dot && let Some(dot) = text.find('.') {
            // `t.0.1`: two field accesses, not a float.
            self.number(start, start + dot);
            self.push(Tok::Dot, start + dot, start + dot + 1);
            start += dot + 1;
        }
        let tok = match parse_number(&self.text[start..end], false) {
            Ok(tok) => tok,
            Err((code, message, help)) => {
                let mut d = Diagnostic::new(code, self.span(start, end), message);
                d.help = help;
                self.report(d);
                Tok::Int { value: 0, suffix: None }
            }
        };
        self.push(tok, start, end);
    }

    fn checkpoint(&self, quote: usize) -> Checkpoint {
        Checkpoint {
            quote,
            token_count: self.out.tokens.len(),
            diagnostic_count: self.out.diagnostics.len(),
            docs_count: self.out.docs.len(),
            over_line_count: self.over_line_count,
            brace: None,
        }
    }

    /// Lexes the text of a string from `text_start` to the quote or brace that ends the part.
    fn string_part(&mut self, start: usize, text_start: usize, first: bool) {
        let bytes = self.text.as_bytes();
        let mut value = String::new();
        let mut i = text_start;
        loop {
            let plain = bytes[i..].iter().position(|b| matches!(b, b'"' | b'\\' | b'{' | b'\n'));
            let Some(length) = plain else {
                self.at = self.text.len();
                return;
            };
            value.push_str(&self.text[i..i + length]);
            i += length;
            match bytes[i] {
                b'\n' => {
                    let brace = self.interpolations.last().map(|open| open.brace);
                    self.note_over_line(brace);
                    value.push('\n');
                    i += 1;
                }
                b'\\' => i = self.escape(i, Some('{'), &mut value),
                b'"' => {
                    let text = Symbol::intern(&value);
                    self.at = i + 1;
                    let tok = if first { Tok::Str(text) } else { Tok::StrTail(text) };
                    self.push(tok, start, self.at);
                    if self.interpolations.is_empty() {
                        self.outermost = None;
                    }
                    return;
                }
                _ => {
                    let text = Symbol::intern(&value);
                    self.at = i + 1;
                    let tok = if first { Tok::StrHead(text) } else { Tok::StrMid(text) };
                    self.push(tok, start, self.at);
                    self.interpolations.push(Interpolation { brace: i, depth: 0 });
                    return;
                }
            }
        }
    }

    /// Decodes the escape at `start`, appends it, and returns the offset after it.
    fn escape(&mut self, start: usize, also: Option<char>, value: &mut String) -> usize {
        let rest = &self.text[start + 1..];
        let Some(c) = rest.chars().next() else { return self.text.len() };
        let end = start + 1 + c.len_utf8();
        match c {
            'n' => value.push('\n'),
            't' => value.push('\t'),
            'r' => value.push('\r'),
            '0' => value.push('\0'),
            '\\' | '"' | '\'' => value.push(c),
            '}' if also.is_some() => value.push('}'),
            _ if also == Some(c) => value.push(c),
            'u' => return self.unicode_escape(start, value),
            '\n' => {
                // Left to the caller, which counts lines.
                self.error(ErrorCode::E0004, start, start + 1, "a `\\` at the end of the line");
                return start + 1;
            }
            _ => {
                let d = Diagnostic::new(
                    ErrorCode::E0004,
                    self.span(start, end),
                    format!("unknown escape `\\{}`", c.escape_default()),
                )
                .help(
                    "a backslash itself is written `\\\\`; a raw string `r\"...\"` has no escapes",
                );
                self.report(d);
                value.push(c);
            }
        }
        end
    }

    fn unicode_escape(&mut self, start: usize, value: &mut String) -> usize {
        let rest = &self.text[start + 2..];
        let digits = rest.strip_prefix('{').and_then(|rest| {
            let length = rest.find(|c: char| !c.is_ascii_hexdigit())?;
            rest[length..].starts_with('}').then(|| &rest[..length])
        });
        let Some(digits) = digits else {
            let end = start + 2 + usize::from(rest.starts_with('{'));
            let d =
                Diagnostic::new(ErrorCode::E0004, self.span(start, end), "incomplete `\\u` escape")
                    .help(
                        "write the character's number in hexadecimal within braces: `\\u{1F600}`",
                    );
            self.report(d);
            return end;
        };
        let end = start + 2 + digits.len() + 2;
        match u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) {
            Some(c) => value.push(c),
            None => {
                let message = format!("`{digits}` is no Unicode scalar value");
                let message = if digits.len() > 8 {
                    "this is no Unicode scalar value".to_owned()
                } else {
                    message
                };
                self.error(ErrorCode::E0004, start, end, message);
            }
        }
        end
    }

    fn raw_string(&mut self, start: usize, text_start: usize) {
        let rest = &self.text[text_start..];
        if let Some(length) = rest.find('"') {
            self.at = text_start + length + 1;
            let text = Symbol::intern(&rest[..length]);
            self.push(Tok::Str(text), start, self.at);
            return;
        }
        // Nothing after it can be a string: it is the one that is not closed.
        self.error(ErrorCode::E0002, start, text_start, "this raw string is not closed");
        let line_end = rest.find('\n').map_or(self.text.len(), |length| text_start + length);
        self.out.damaged.push((start as u32, line_end as u32));
        self.at = line_end;
        let text = Symbol::intern(&self.text[text_start..line_end]);
        self.push(Tok::Str(text), start, line_end);
    }

    fn character(&mut self, start: usize) {
        let mut value = String::new();
        let rest = &self.text[start + 1..];
        let known_errors = self.out.diagnostics.len();
        let end = match rest.chars().next() {
            Some('\\') => self.escape(start + 1, None, &mut value),
            Some(c) if c != '\'' && c != '\n' => {
                value.push(c);
                start + 1 + c.len_utf8()
            }
            _ => start + 1,
        };
        let closed = self.text[end..].starts_with('\'');
        if closed && let Some(c) = value.chars().next() {
            self.at = end + 1;
            self.push(Tok::Char(c), start, self.at);
            return;
        }
        // Where does it end? At a closing quote close by in this line, else after one character.
        let line = self.text[start + 1..].lines().next().unwrap_or("");
        let close = line.find('\'').filter(|&length| length <= 40);
        let end = close.map_or(end, |length| start + 1 + length + 1);
        if self.out.diagnostics.len() == known_errors {
            let (message, help) = match close {
                Some(0) => {
                    ("a character literal without a character", "strings may be empty: `\"\"`")
                }
                Some(_) => {
                    ("a character literal holds one character", "strings have double quotes")
                }
                None => ("this character literal is not closed", "close it with `'`"),
            };
            let d = Diagnostic::new(ErrorCode::E0005, self.span(start, end), message).help(help);
            self.report(d);
        }
        self.at = end;
        self.push(Tok::Char('?'), start, end);
    }
}

#[cfg(test)]
mod tests;

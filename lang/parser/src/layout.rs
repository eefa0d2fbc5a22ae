//! The pass between lexer and grammar: everything that depends on what stands around a token.
//!
//! Input: the lexer's tokens. Output: the grammar's, and errors about brackets. It
//! - matches brackets; a missing one is reported at its partner and put in ([`Token::synthetic`]),
//!   a superfluous one is reported and left out, so the grammar always sees balanced brackets;
//! - turns line ends into [`Tok::Newline`] by the rule of section 1: the innermost bracket
//!   decides, the last token must be able to end a statement, and the next line must not go on;
//! - tells the `{` of a struct literal ([`Tok::StructBrace`]) from that of a block: it follows an
//!   upper-case name, but not in the head of `if while for match fn class instance`;
//! - makes `default` a keyword at the head of a select arm, and joins `-` and a number that
//!   follows at once where no operand stands before it;
//! - enforces the limits on nesting, so that the tree can be walked by recursion.
//!
//! One pass, linear time, a stack of open brackets.

use crate::lexer::Lexed;
use crate::number::parse_number;
use crate::token::{Tok, Token};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_syntax::{SourceFile, Span};

/// Brackets may be nested this deep.
pub const NESTING_MAX: usize = 256;

/// Operators, calls, fields, `else if`s, … may stand one inside the other this deep, brackets
/// included: a bound on the depth of the tree.
pub const DEPTH_MAX: usize = 2000;

/// Errors about brackets after which no more are reported.
const ERRORS_MAX: usize = 100;

/// What the pass made of the tokens.
#[derive(Debug, Default)]
pub struct Layout {
    /// The tokens for the grammar, brackets balanced.
    pub tokens: Vec<Token>,
    /// Errors.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether a limit was exceeded: the tokens stop before the declaration that does.
    pub cut_off: bool,
}

/// Arranges a file's tokens.
#[must_use]
pub fn arrange(file: &SourceFile, lexed: &Lexed) -> Layout {
    let mut pass = Pass {
        file,
        damaged: &lexed.damaged,
        input: &lexed.tokens,
        out: Layout::default(),
        open: vec![Level::new(Bracket::Top, 0)],
        depth: 0,
        item_start: 0,
        misindented: None,
    };
    pass.run();
    pass.out
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Bracket {
    Top,
    Paren,
    Square,
    Brace,
    /// The braces of an interpolation: newlines end nothing.
    Interpolation,
}

/// What the next `{` of a level will open.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Head {
    Block,
    Match,
    Select,
    Extern,
    /// `class`, `instance`.
    Members,
}

#[derive(Debug)]
struct Level {
    bracket: Bracket,
    /// Index of the opening token in the output.
    opening: usize,
    /// Keywords of this level whose `{` is still to come.
    heads: Vec<Head>,
    /// What the level itself belongs to.
    owner: Head,
    /// Operators since the last separator.
    operator_count: usize,
    /// Within `type T = …`, where `|` does not nest.
    in_type: bool,
}

impl Level {
    fn new(bracket: Bracket, opening: usize) -> Self {
        let owner = Head::Block;
        Self { bracket, opening, heads: Vec::new(), owner, operator_count: 0, in_type: false }
    }

    fn ends_statements(&self) -> bool {
        matches!(self.bracket, Bracket::Top | Bracket::Brace)
    }
}

struct Pass<'a> {
    file: &'a SourceFile,
    damaged: &'a [(u32, u32)],
    input: &'a [Token],
    out: Layout,
    open: Vec<Level>,
    /// Sum of the levels' operator counts.
    depth: usize,
    /// Index in the output of the current declaration's first token.
    item_start: usize,
    /// The first closing brace that stands left of its opening line, with its opening one.
    misindented: Option<(Span, Span)>,
}

impl Pass<'_> {
    fn run(&mut self) {
        let mut i = 0;
        while i < self.input.len() {
            let token = self.input[i];
            let next = self.input.get(i + 1).map(|t| t.tok);
            let over_line = self.over_line(token);
            if over_line {
                self.repair_before(token, next);
                self.newline(token, next);
            }
            let consumed = self.token(i, token, next, over_line);
            if self.open.len() - 1 > NESTING_MAX || self.depth + self.open.len() > DEPTH_MAX {
                self.cut_off(token);
                return;
            }
            i += consumed;
        }
        if self.open.len() > 1 {
            let end = self.previous().map_or(0, |t| t.end);
            self.close_down_to(1, Token::new(Tok::Error, end, end), "the file ends here");
        }
    }

    fn span(&self, token: Token) -> Span {
        Span::new(self.file.id, token.start, token.end)
    }

    fn level(&mut self) -> &mut Level {
        self.open.last_mut().expect("the top level is never closed")
    }

    fn level_bracket(&self) -> Bracket {
        self.open.last().map_or(Bracket::Top, |level| level.bracket)
    }

    fn previous(&self) -> Option<Token> {
        self.out.tokens.last().copied()
    }

    fn over_line(&self, token: Token) -> bool {
        self.previous().is_some_and(|previous| {
            self.file.text[previous.end as usize..token.start as usize].contains('\n')
        })
    }

    fn push(&mut self, token: Token) {
        self.out.tokens.push(token);
    }

    /// What follows a separator stands in no head and nests in nothing before it.
    fn separate(&mut self) {
        let level = self.level();
        let count = std::mem::take(&mut level.operator_count);
        level.heads.clear();
        level.in_type = false;
        self.depth -= count;
        if self.open.len() == 1 {
            self.item_start = self.out.tokens.len();
        }
    }

    /// Puts in a newline where one ends a statement before `token`.
    fn newline(&mut self, token: Token, next: Option<Tok>) {
        let Some(previous) = self.previous() else { return };
        if !self.level().ends_statements() || !previous.tok.can_end_statement() {
            return;
        }
        let goes_on = match token.tok {
            Tok::Pipe | Tok::PipePipe | Tok::AmpAmp | Tok::Else => true,
            Tok::Dot => matches!(next, Some(Tok::Lower(_) | Tok::Upper(_))),
            _ => false,
        };
        if goes_on {
            return;
        }
        if token.tok != Tok::BraceClose {
            self.push(Token::new(Tok::Newline, previous.end, previous.end));
        }
        self.separate();
    }

    /// Before a line that begins with `token`: closes brackets that it shows to be missing.
    fn repair_before(&mut self, token: Token, next: Option<Tok>) {
        let in_extern = self.level().owner == Head::Extern;
        let column_one = token.start == 0
            || self.file.text.as_bytes().get(token.start as usize - 1) == Some(&b'\n');
        let item = match token.tok {
            Tok::Fn => matches!(next, Some(Tok::Lower(_))) && !in_extern,
            Tok::Test => matches!(next, Some(Tok::Str(_))),
            Tok::Pub => !in_extern,
            other => other.begins_item(),
        };
        if item && column_one && self.open.len() > 1 {
            self.close_down_to(1, token, "a declaration begins here");
        } else if token.tok.begins_statement_only() {
            let keep = self
                .open
                .iter()
                .rposition(|level| !matches!(level.bracket, Bracket::Paren | Bracket::Square));
            let keep = keep.map_or(1, |i| i + 1);
            if keep < self.open.len() && self.open[keep - 1].bracket != Bracket::Interpolation {
                self.close_down_to(keep, token, "a statement begins here");
            }
        }
    }

    /// Handles one token; returns how many of the input it took.
    fn token(&mut self, i: usize, token: Token, next: Option<Tok>, over_line: bool) -> usize {
        self.count_operator(token.tok);
        match token.tok {
            Tok::ParenOpen | Tok::BracketOpen => {
                self.push(token);
                let bracket =
                    if token.tok == Tok::ParenOpen { Bracket::Paren } else { Bracket::Square };
                self.open.push(Level::new(bracket, self.out.tokens.len() - 1));
            }
            Tok::BraceOpen => self.open_brace(token),
            Tok::StrHead(text) => {
                let tok = if self.names_a_task() { Tok::SpawnStrHead(text) } else { token.tok };
                self.push(Token { tok, ..token });
                self.open.push(Level::new(Bracket::Interpolation, self.out.tokens.len() - 1));
            }
            Tok::StrMid(_) | Tok::StrTail(_) => self.end_interpolation(token),
            Tok::ParenClose => self.close(token, Bracket::Paren, over_line),
            Tok::BracketClose => self.close(token, Bracket::Square, over_line),
            Tok::BraceClose => self.close(token, Bracket::Brace, over_line),
            Tok::Str(text) if self.names_a_task() => {
                self.push(Token { tok: Tok::SpawnStr(text), ..token });
            }
            Tok::Comma | Tok::Semi => {
                self.push(token);
                self.separate();
            }
            Tok::FatArrow | Tok::Eq => {
                self.push(token);
                self.level().heads.clear();
            }
            Tok::Lower(name) if name == "default" && self.at_select_arm(next) => {
                self.push(Token { tok: Tok::Default, ..token });
            }
            Tok::Minus if self.is_sign(i) => {
                let number = self.input[i + 1];
                let text = &self.file.text[number.start as usize..number.end as usize];
                // The lexer has reported numbers that do not parse.
                let tok = parse_number(text, true).unwrap_or(number.tok);
                self.push(Token::new(tok, token.start, number.end));
                return 2;
            }
            tok => {
                self.expect_brace_after(tok, next);
                self.push(token);
            }
        }
        1
    }

    fn expect_brace_after(&mut self, tok: Tok, next: Option<Tok>) {
        let head = match tok {
            Tok::If | Tok::While | Tok::In | Tok::Fn | Tok::Async | Tok::Gen | Tok::Defer => {
                Head::Block
            }
            Tok::Else if next == Some(Tok::BraceOpen) => Head::Block,
            Tok::Spawn if matches!(next, Some(Tok::BraceOpen | Tok::Str(_) | Tok::StrHead(_))) => {
                Head::Block
            }
            Tok::Match => Head::Match,
            Tok::Select => Head::Select,
            Tok::Class | Tok::Instance => Head::Members,
            Tok::Extern => Head::Extern,
            Tok::Type => {
                self.level().in_type = true;
                return;
            }
            _ => return,
        };
        self.level().heads.push(head);
    }

    fn count_operator(&mut self, tok: Tok) {
        if tok == Tok::Pipe && self.level().in_type {
            let count = std::mem::take(&mut self.level().operator_count);
            self.depth -= count;
        }
        let flat = matches!(
            tok,
            Tok::Lower(_)
                | Tok::Upper(_)
                | Tok::At(_)
                | Tok::Int { .. }
                | Tok::Float { .. }
                | Tok::Char(_)
                | Tok::Str(_)
                | Tok::Duration(_)
                | Tok::StrMid(_)
                | Tok::StrTail(_)
                | Tok::True
                | Tok::False
                | Tok::ParenClose
                | Tok::BracketClose
                | Tok::BraceClose
                | Tok::Comma
                | Tok::Semi
                | Tok::Newline
        );
        if !flat {
            self.level().operator_count += 1;
            self.depth += 1;
        }
    }

    fn open_brace(&mut self, token: Token) {
        let after_upper = matches!(self.previous(), Some(Token { tok: Tok::Upper(_), .. }));
        let after_eq = matches!(self.previous(), Some(Token { tok: Tok::Eq, .. }));
        let in_type = self.level().in_type && after_eq;
        let is_struct = after_upper && self.level().heads.is_empty();
        let owner = if is_struct { None } else { self.level().heads.pop() };
        let owner = owner.unwrap_or(Head::Block);
        let tok = if is_struct { Tok::StructBrace } else { Tok::BraceOpen };
        let list = is_struct || in_type || !matches!(owner, Head::Block | Head::Extern);
        self.push(Token { tok, list, ..token });
        let level = Level::new(Bracket::Brace, self.out.tokens.len() - 1);
        self.open.push(Level { owner, ..level });
    }

    /// Whether a string here stands after `spawn` or `spawn in s`.
    fn names_a_task(&self) -> bool {
        use Tok::{In, Lower, Spawn};
        let count = self.out.tokens.len();
        let before =
            |distance: usize| count.checked_sub(distance).map(|index| self.out.tokens[index].tok);
        before(1) == Some(Spawn)
            || matches!((before(3), before(2), before(1)), (Some(Spawn), Some(In), Some(Lower(_))))
    }

    fn at_select_arm(&mut self, next: Option<Tok>) -> bool {
        let at_head = matches!(
            self.previous().map(|t| t.tok),
            Some(Tok::BraceOpen | Tok::Comma | Tok::Newline | Tok::Semi)
        );
        let followed = matches!(next, Some(Tok::FatArrow | Tok::If));
        at_head && followed && self.level().owner == Head::Select
    }

    /// Whether the `-` at `i` belongs to the number after it.
    fn is_sign(&self, i: usize) -> bool {
        let Some(number) = self.input.get(i + 1) else { return false };
        matches!(number.tok, Tok::Int { .. } | Tok::Float { .. } | Tok::Duration(_))
            && number.start == self.input[i].end
            && !self.previous().is_some_and(|t| t.tok.ends_operand())
    }

    fn close(&mut self, token: Token, bracket: Bracket, over_line: bool) {
        let floor = self.open.iter().rposition(|level| level.bracket == Bracket::Interpolation);
        let floor = floor.map_or(1, |i| i + 1);
        let found = self.open[floor..].iter().rposition(|level| level.bracket == bracket);
        let Some(found) = found.map(|i| i + floor) else {
            let text = &self.file.text[token.start as usize..token.end as usize];
            let opening = self.out.tokens.get(self.open.last().map_or(0, |level| level.opening));
            let (top, opening) = (self.level_bracket(), opening.copied());
            if bracket != Bracket::Brace
                && let (Bracket::Paren | Bracket::Square, Some(opening)) = (top, opening)
            {
                let (open, tok) = match top {
                    Bracket::Paren => ("(", Tok::ParenClose),
                    _ => ("[", Tok::BracketClose),
                };
                let message = format!("`{text}` does not close `{open}`");
                let d = Diagnostic::new(ErrorCode::E0012, self.span(token), message)
                    .label("a bracket of another kind")
                    .secondary(self.span(opening), "this one is open");
                self.report_unless_damaged(token.start, d);
                self.push(Token { tok, synthetic: true, ..token });
                self.pop_level();
                return;
            }
            let message = format!("`{text}` closes nothing");
            let d = Diagnostic::new(ErrorCode::E0012, self.span(token), message)
                .label("no bracket that it could close is open here")
                .help("remove it");
            self.report_unless_damaged(token.start, d);
            return;
        };
        if found + 1 < self.open.len() {
            self.close_down_to(found + 1, token, "the bracket around it is closed here");
        }
        if bracket == Bracket::Brace && over_line {
            self.note_indentation(token);
        }
        self.push(token);
        self.pop_level();
    }

    fn pop_level(&mut self) {
        if let Some(level) = self.open.pop() {
            self.depth -= level.operator_count;
        }
    }

    fn end_interpolation(&mut self, token: Token) {
        let found = self.open.iter().rposition(|level| level.bracket == Bracket::Interpolation);
        // The lexer opens an interpolation before it makes one of these tokens.
        let Some(found) = found else { return };
        if found + 1 < self.open.len() {
            self.close_down_to(found + 1, token, "the interpolation ends here");
        }
        self.push(token);
        if matches!(token.tok, Tok::StrTail(_)) {
            self.pop_level();
        } else {
            let count = std::mem::take(&mut self.level().operator_count);
            self.depth -= count;
        }
    }

    /// Column of the first character of the line of `offset` that is not blank.
    fn indentation(&self, offset: u32) -> usize {
        let before = &self.file.text[..offset as usize];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = &self.file.text[line_start..];
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }

    fn note_indentation(&mut self, closing: Token) {
        let opening = self.out.tokens[self.open.last().map_or(0, |level| level.opening)];
        let (opens, closes) = (self.indentation(opening.start), self.indentation(closing.start));
        if closes < opens && self.misindented.is_none() {
            self.misindented = Some((self.span(opening), self.span(closing)));
        }
    }

    /// Closes all but the `keep` outermost levels before `token`, reporting the innermost as
    /// not closed.
    fn close_down_to(&mut self, keep: usize, token: Token, noticed: &str) {
        let innermost = self.open.last().map_or(0, |level| level.opening);
        let opening = self.out.tokens[innermost];
        let is_brace = matches!(opening.tok, Tok::BraceOpen | Tok::StructBrace);
        let mut span = self.span(opening);
        let mut because = None;
        if is_brace && let Some((brace, closing)) = self.misindented.take() {
            // An inner brace took the `}` that was meant for an outer one.
            (span, because) = (brace, Some(closing));
        }
        let text = self.file.text.get(span.range()).unwrap_or("{");
        let d = Diagnostic::new(ErrorCode::E0011, span, format!("this `{text}` is not closed"))
            .label("opened here")
            .secondary(Span::new(self.file.id, token.start, token.end), noticed);
        let d = match because {
            Some(closing) => d.secondary(closing, "by its indentation, this closes another `{`"),
            None => d,
        };
        self.report_unless_damaged(opening.start, d);
        while self.open.len() > keep {
            let opening = self.out.tokens[self.open.last().map_or(0, |level| level.opening)].tok;
            let tok = match opening {
                Tok::ParenOpen => Tok::ParenClose,
                Tok::BracketOpen => Tok::BracketClose,
                Tok::BraceOpen | Tok::StructBrace => Tok::BraceClose,
                _ => Tok::StrTail("".into()),
            };
            let end = self.previous().map_or(token.start, |t| t.end);
            self.push(Token { synthetic: true, ..Token::new(tok, end, end) });
            self.pop_level();
        }
    }

    fn report_unless_damaged(&mut self, offset: u32, diagnostic: Diagnostic) {
        if self.out.diagnostics.len() >= ERRORS_MAX {
            return;
        }
        if !self.damaged.iter().any(|&(start, end)| {
            (start..=end).contains(&offset)
                || self.file.line_column(start).line == self.file.line_column(offset).line
        }) {
            self.out.diagnostics.push(diagnostic);
        }
    }

    fn cut_off(&mut self, token: Token) {
        let nested = self.open.len() - 1 > NESTING_MAX;
        let (code, message, help) = if nested {
            let message = format!("more than {NESTING_MAX} brackets nested");
            (ErrorCode::E0801, message, "move inner parts to functions of their own")
        } else {
            let message = format!("more than {DEPTH_MAX} operators and calls in one expression");
            (ErrorCode::E0802, message, "split the expression by `let`")
        };
        let d = Diagnostic::new(code, self.span(token), message)
            .label("the limit is reached here")
            .note("the rest of the file was not read")
            .help(help);
        self.out.diagnostics.push(d);
        self.out.tokens.truncate(self.item_start);
        self.out.cut_off = true;
    }
}

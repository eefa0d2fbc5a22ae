//! Words for syntax errors: from the place where the parser stopped and what it could have taken
//! there to one diagnostic that names the cause where it can be guessed.

use crate::token::{Tok, Token};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_syntax::{SourceFile, Span};

/// Where and why the parser stopped.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The declaration's tokens.
    pub tokens: &'a [Token],
    /// The one that does not fit; the length where the declaration ended too early.
    pub index: usize,
    /// The terminals that would fit, as the grammar writes them.
    pub expected: &'a [String],
    /// Whether it is inside of braces, and not in the head of the declaration.
    pub in_braces: bool,
}

impl Failure<'_> {
    fn tok(&self) -> Option<Tok> {
        self.tokens.get(self.index).map(|token| token.tok)
    }

    fn before(&self, distance: usize) -> Option<Tok> {
        let index = self.index.checked_sub(distance)?;
        self.tokens.get(index).map(|token| token.tok)
    }

    fn expects(&self, terminal: &str) -> bool {
        self.expected.iter().any(|text| text.trim_matches('"') == terminal)
    }

    /// First token of the statement or element.
    fn statement_start(&self) -> Option<Tok> {
        let after = |i: usize| self.tokens.get(i + 1).map(|token| token.tok);
        let mut depth = 0_usize;
        for i in (0..self.index).rev() {
            match self.tokens[i].tok {
                Tok::ParenClose | Tok::BracketClose | Tok::BraceClose => depth += 1,
                Tok::Newline | Tok::Semi if depth == 0 => return after(i),
                Tok::ParenOpen | Tok::BracketOpen | Tok::BraceOpen | Tok::StructBrace => {
                    if depth == 0 {
                        return after(i);
                    }
                    depth -= 1;
                }
                _ => {}
            }
        }
        self.tokens.first().map(|token| token.tok)
    }

    /// Whether the next declaration follows on the same line.
    fn at_next_item(&self) -> bool {
        self.index > 0 && !self.in_braces && self.tok().is_some_and(Tok::begins_item)
    }

    fn span(&self, file: &SourceFile) -> Span {
        match (self.tokens.get(self.index), self.tokens.last()) {
            (Some(token), _) if token.tok == Tok::Newline => {
                // The end of the line: point behind the last token.
                Span::new(file.id, token.start, token.start)
            }
            (Some(token), _) => Span::new(file.id, token.start, token.end),
            (None, Some(last)) => Span::new(file.id, last.end, last.end),
            (None, None) => Span::new(file.id, 0, 0),
        }
    }
}

/// The diagnostic for a failure.
#[must_use]
pub fn describe(file: &SourceFile, failure: &Failure<'_>) -> Diagnostic {
    let span = failure.span(file);
    special(failure, span, file).unwrap_or_else(|| general(failure, span))
}

fn special(failure: &Failure<'_>, span: Span, file: &SourceFile) -> Option<Diagnostic> {
    let tok = failure.tok();
    if failure.expected.is_empty() && failure.index == 0 {
        return Some(not_a_declaration(tok?, span));
    }
    if failure.at_next_item() {
        return Some(not_separated(failure, span, "declarations", file));
    }
    declaration_inside(failure, span)
        .or_else(|| wrong_string(failure, span))
        .or_else(|| wrong_name(failure, span))
        .or_else(|| without_value(failure, span))
        .or_else(|| struct_in_head(failure, file))
        .or_else(|| wrong_operator(failure, span))
        .or_else(|| missing_separator(failure, span, file))
}

fn not_a_declaration(tok: Tok, span: Span) -> Diagnostic {
    let d = Diagnostic::new(
        ErrorCode::E0016,
        span,
        format!("a declaration cannot begin with {}", tok.describe()),
    )
    .label("a declaration should stand here");
    match tok {
        Tok::Let | Tok::Var => d.help("a module has constants (`const LIMIT: i64 = 1`), no variables"),
        Tok::Lower(name) if ["func", "def", "fun", "function"].contains(&name.as_str()) => {
            d.help("functions are declared by `fn name() { … }`")
        }
        Tok::Lower(name) if ["struct", "enum"].contains(&name.as_str()) => {
            d.help("types are declared by `type Name = { … }` or `type Name = | A | B`")
        }
        Tok::Lower(name) if ["use", "package", "module", "mod", "include"].contains(&name.as_str()) => {
            d.help("modules are imported by `import std.sync`")
        }
        Tok::Lower(name) if ["trait", "interface", "impl"].contains(&name.as_str()) => {
            d.help("classes are declared by `class Area[T] { … }`, instances by `instance Area[Disc] { … }`")
        }
        _ => d.help(
            "at the top level stand `import const type fn class instance extern test`; statements \
             stand in functions, and the program begins in `fn main()`",
        ),
    }
}

fn declaration_inside(failure: &Failure<'_>, span: Span) -> Option<Diagnostic> {
    let tok = failure.tok()?;
    if !failure.in_braces {
        return None;
    }
    let named_fn = matches!(tok, Tok::Lower(_)) && failure.before(1) == Some(Tok::Fn);
    let at_statement = failure.expects("let") && tok.begins_item();
    if !named_fn && !at_statement {
        return None;
    }
    let what = if named_fn { "a function" } else { "this" };
    let message = format!("{what} cannot be declared inside of a body");
    let d = Diagnostic::new(ErrorCode::E0017, span, message);
    Some(match tok {
        Tok::Lower(name) => d
            .label("lambdas have no name")
            .help(format!("declare it at the top level, or write `let {name} = fn(…) … {{ … }}`")),
        _ => d.label("declarations stand at the top level").help("move it out of the body"),
    })
}

fn wrong_string(failure: &Failure<'_>, span: Span) -> Option<Diagnostic> {
    let empty = matches!(failure.tok()?, Tok::StrMid(_) | Tok::StrTail(_))
        && matches!(
            failure.before(1),
            Some(Tok::StrHead(_) | Tok::StrMid(_) | Tok::SpawnStrHead(_))
        );
    if empty {
        let d = Diagnostic::new(
            ErrorCode::E0008,
            span.start_point(),
            "an interpolation without an expression",
        );
        return Some(
            d.label("nothing stands before this").help("a brace in a string is written `\\{`"),
        );
    }
    let plain = matches!(failure.tok()?, Tok::StrHead(_)) && failure.expects("STR");
    (plain && !failure.expects("STR_HEAD")).then(|| {
        Diagnostic::new(ErrorCode::E0008, span, "nothing can be interpolated in this string")
            .label("its text must be known to the compiler")
            .help("a brace in a string is written `\\{`")
    })
}

fn wrong_name(failure: &Failure<'_>, span: Span) -> Option<Diagnostic> {
    let tok = failure.tok()?;
    let (lower, upper) = (failure.expects("LOWER"), failure.expects("UPPER"));
    match tok {
        Tok::Upper(name) if lower && !upper => {
            let mut fixed = name.as_str().to_owned();
            fixed[..1].make_ascii_lowercase();
            let message = format!("`{name}` should begin with a lower-case letter");
            let d = Diagnostic::new(ErrorCode::E0020, span, message)
                .label("the name of a variable, function or field");
            Some(d.help(format!("write `{fixed}`")).fix(span, fixed))
        }
        Tok::Lower(name) if upper && !lower => {
            let mut fixed = name.as_str().to_owned();
            if failure.before(1) == Some(Tok::Const) {
                fixed.make_ascii_uppercase();
            }
            fixed[..1].make_ascii_uppercase();
            let message = format!("`{name}` should begin with an upper-case letter");
            let d = Diagnostic::new(ErrorCode::E0020, span, message)
                .label("the name of a type, variant, class or constant");
            if fixed.as_bytes()[0].is_ascii_uppercase() {
                Some(d.help(format!("write `{fixed}`")).fix(span, fixed))
            } else {
                Some(d)
            }
        }
        _ if tok.is_keyword() && lower && !failure.expects("let") => {
            let names_only = !failure.expects("match");
            let bound = matches!(
                failure.before(1),
                Some(Tok::Let | Tok::Var | Tok::Fn | Tok::For | Tok::Dot | Tok::Mut | Tok::Comma)
            );
            (names_only && (bound || failure.expected.len() <= 3)).then(|| {
                let message = format!("{} cannot be used as a name", tok.describe());
                Diagnostic::new(ErrorCode::E0024, span, message)
                    .label("a name should stand here")
                    .help("choose another name")
            })
        }
        _ => None,
    }
}

fn without_value(failure: &Failure<'_>, span: Span) -> Option<Diagnostic> {
    let keyword = failure.statement_start()?;
    let ended = matches!(failure.tok(), None | Some(Tok::Newline | Tok::Semi | Tok::BraceClose));
    if !matches!(keyword, Tok::Let | Tok::Var) || !ended || !failure.expects("=") {
        return None;
    }
    Some(
        Diagnostic::new(ErrorCode::E0022, span, "a variable needs a value")
            .label("`= value` is missing")
            .help("there are no uninitialised variables"),
    )
}

/// `if p == Point { x: 1 } {`: the brace was taken for the body's.
fn struct_in_head(failure: &Failure<'_>, file: &SourceFile) -> Option<Diagnostic> {
    let mut depth = 0_usize;
    let open = (0..failure.index).rev().find(|&i| {
        match failure.tokens[i].tok {
            Tok::ParenClose | Tok::BracketClose | Tok::BraceClose => depth += 1,
            Tok::BraceOpen if depth == 0 => return true,
            Tok::ParenOpen | Tok::BracketOpen | Tok::BraceOpen | Tok::StructBrace => {
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
        false
    })?;
    let upper = *failure.tokens.get(open.checked_sub(1)?)?;
    let Tok::Upper(name) = upper.tok else { return None };
    let field = matches!(
        failure.tokens.get(open + 1..open + 3),
        Some([Token { tok: Tok::Lower(_), .. }, Token { tok: Tok::Colon | Tok::Comma, .. }])
    );
    // Only where the error is at the first field.
    if !field || failure.index > open + 4 {
        return None;
    }
    let brace = failure.tokens[open];
    let message = "a struct literal needs parentheses here";
    Some(
        Diagnostic::new(ErrorCode::E0023, Span::new(file.id, upper.start, brace.end), message)
            .label("this `{` begins the body of `if`, `while`, `for` or `match`")
            .help(format!("write `({name} {{ … }})`")),
    )
}

fn wrong_operator(failure: &Failure<'_>, span: Span) -> Option<Diagnostic> {
    let unexpected = |help: &str| {
        let message = format!("unexpected {}", failure.tok()?.describe());
        let label = expectation(failure).unwrap_or_default();
        Some(Diagnostic::new(ErrorCode::E0010, span, message).label(label).help(help))
    };
    let tok = failure.tok()?;
    if tok == Tok::ColonEq {
        return Some(
            Diagnostic::new(ErrorCode::E0025, span, "`:=` cannot stand here")
                .label("it declares one or two names at the beginning of a statement or arm")
                .help("write `let name = …`, or `value, ok := <-channel`"),
        );
    }
    // The parser may have finished an operand before it noticed, and then expects no operators.
    let after_operand = failure.before(1).is_some_and(Tok::ends_operand);
    let in_expression = after_operand && (failure.expects("{") || failure.expects(")"));
    let first = failure.tokens.first().map(|token| token.tok);
    let in_fn_head =
        !failure.in_braces && matches!(first, Some(Tok::Fn | Tok::Pub)) && failure.expects(":");
    match (failure.before(1)?, tok) {
        (_, Tok::Eq) if in_expression || failure.expects("==") => {
            unexpected("equality is written `==`")
        }
        (_, Tok::Arrow) if in_expression || failure.expects("<") => {
            unexpected("`<-` is one token: write `a < -b` for a comparison")
        }
        (_, Tok::Colon | Tok::Minus) if failure.expects("=>") => {
            unexpected("an arm is written `pattern => value`")
        }
        (Tok::Question, _) => unexpected("there is no `a ? b : c`: write `if a { b } else { c }`"),
        (Tok::Defer, _) => unexpected("write `defer { … }`"),
        (Tok::Else, _) => unexpected("both branches are blocks: `else { … }`"),
        (Tok::Pub, _) => unexpected("after `pub` stands a declaration: `pub fn`, `pub type`, …"),
        (_, Tok::Pipe | Tok::PipePipe) if failure.expects("match") => {
            unexpected("lambdas are written `fn(x) { … }`")
        }
        (Tok::Plus, Tok::Plus | Tok::Newline | Tok::Semi | Tok::BraceClose)
            if failure.before(2) == Some(Tok::Plus) || tok == Tok::Plus =>
        {
            unexpected("there is no `++`: write `x += 1`")
        }
        (Tok::Minus, Tok::Newline | Tok::Semi | Tok::BraceClose)
            if failure.before(2) == Some(Tok::Minus) =>
        {
            unexpected("there is no `--`: write `x -= 1`")
        }
        (Tok::ParenClose, Tok::Minus) if failure.expects("{") => {
            unexpected("the result type follows the parameters at once: `fn f() i64 { … }`")
        }
        (_, Tok::Lower(_) | Tok::Upper(_) | Tok::BracketOpen) if in_fn_head => {
            unexpected("a parameter is written `name: Type`")
        }
        (_, Tok::Eq) if failure.expects(":=") => {
            unexpected("assign to one place at a time; tuples are taken apart by `let (a, b) = e`")
        }
        _ => None,
    }
}

fn missing_separator(failure: &Failure<'_>, span: Span, file: &SourceFile) -> Option<Diagnostic> {
    let tok = failure.tok()?;
    if !failure.before(1).is_some_and(Tok::can_end_statement) || !begins_something(tok) {
        return None;
    }
    // Where an expression may go on, anything that begins one could be the next one.
    if failure.expects("NEWLINE") && failure.expects(";") {
        return Some(not_separated(failure, span, "statements", file));
    }
    if failure.expects(",") {
        let previous = failure.tokens[failure.index - 1];
        let place = Span::new(file.id, previous.end, previous.end);
        let message = format!("missing `,` before {}", tok.describe());
        let newline = if failure.expects("NEWLINE") { " or a new line" } else { "" };
        return Some(
            Diagnostic::new(ErrorCode::E0010, span, message)
                .label(format!("expected `,`{newline} before this"))
                .help("separate the elements by `,`")
                .fix(place, ","),
        );
    }
    None
}

fn begins_something(tok: Tok) -> bool {
    tok.is_keyword() && !matches!(tok, Tok::As | Tok::In | Tok::Else | Tok::Yields)
        || matches!(
            tok,
            Tok::Lower(_)
                | Tok::Upper(_)
                | Tok::At(_)
                | Tok::Int { .. }
                | Tok::Float { .. }
                | Tok::Char(_)
                | Tok::Str(_)
                | Tok::StrHead(_)
                | Tok::Duration(_)
                | Tok::Underscore
                | Tok::BraceOpen
        )
}

fn not_separated(failure: &Failure<'_>, span: Span, what: &str, file: &SourceFile) -> Diagnostic {
    let end = failure.tokens[failure.index - 1].end;
    let message = format!("nothing separates two {what}");
    Diagnostic::new(ErrorCode::E0021, span, message)
        .label("the next one begins here")
        .help("separate them by `;` or a new line")
        .fix(Span::new(file.id, end, end), ";")
}

fn general(failure: &Failure<'_>, span: Span) -> Diagnostic {
    let message = match failure.tok() {
        Some(tok) => format!("unexpected {}", tok.describe()),
        None => "the declaration ends too early".to_owned(),
    };
    let d = Diagnostic::new(ErrorCode::E0010, span, message);
    match expectation(failure) {
        Some(text) => d.label(text),
        None => d,
    }
}

/// `expected …`: kinds of things where many would fit, else the tokens.
fn expectation(failure: &Failure<'_>) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let expects = |terminal| failure.expects(terminal);
    let expression = expects("match") && expects("(");
    let pattern = !expression && expects("_") && expects("(") && expects("[");
    let type_ = !expression && !pattern && expects("LOWER") && expects("UPPER") && expects("[");
    let operator = expects("+") && expects("*") && !expression;
    if expression {
        parts.push(if expects("let") { "a statement" } else { "an expression" });
    } else if pattern {
        parts.push("a pattern");
    } else if type_ {
        parts.push("a type");
    } else {
        match (expects("LOWER"), expects("UPPER")) {
            (true, true) => parts.push("a name"),
            (true, false) => parts.push("a lower-case name"),
            (false, true) => parts.push("an upper-case name"),
            (false, false) => {}
        }
    }
    if expects("STR") && !expression && !pattern {
        parts.push("a string");
    }
    if expects("STR_MID") {
        parts.push("the `}` of the interpolation");
    }
    if operator {
        parts.push("an operator");
    }
    let groups = expression || pattern || type_;
    let fixed = [
        (")", "`)`"),
        ("]", "`]`"),
        ("}", "`}`"),
        (",", "`,`"),
        ("=>", "`=>`"),
        ("{", "`{`"),
        (":", "`:`"),
        (":=", "`:=`"),
        ("=", "`=`"),
        ("in", "`in`"),
        ("(", "`(`"),
        ("[", "`[`"),
        ("fn", "`fn`"),
        ("|", "`|`"),
        (".", "`.`"),
        ("as", "`as`"),
        ("::", "`::`"),
    ];
    for (terminal, text) in fixed {
        let of_group = match terminal {
            "(" | "[" | "fn" => groups || operator,
            "{" => expression,
            "|" | "." | "as" | "::" | ":=" => operator,
            ":" => operator && !expects("]"),
            "=" => operator,
            _ => false,
        };
        if expects(terminal) && !of_group {
            parts.push(text);
        }
    }
    if expects("NEWLINE") && !expression {
        parts.push("a new line");
    }
    let (last, first) = parts.split_last()?;
    if first.is_empty() {
        return Some(format!("expected {last}"));
    }
    Some(format!("expected {} or {last}", first.join(", ")))
}

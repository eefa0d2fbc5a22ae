//! Diagnostics as data: what is wrong, where, why, and what to do; one renderer per format.
//!
//! A stage makes [`Diagnostic`]s and returns them; nobody prints before the driver does, with
//! [`human::render`] or [`json::render`]. Every diagnostic has an [`ErrorCode`] with a page.
//!
//! ```
//! use orion_diagnostics::{Diagnostic, ErrorCode, human};
//! use orion_syntax::{SourceMap, Span};
//!
//! let mut map = SourceMap::new();
//! let file = map.add("a.or", "let x = )");
//! let d = Diagnostic::new(ErrorCode::E0012, Span::new(file, 8, 9), "`)` closes nothing")
//!     .label("no `(` is open here")
//!     .help("remove it");
//! assert!(human::render(&[d], &map, false).contains("--> a.or:1:9"));
//! ```

mod code;
pub mod human;
pub mod json;

pub use code::ErrorCode;

use orion_syntax::Span;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Severity {
    /// The program has no meaning.
    Error,
    /// The program has one, but surely not the one meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A piece of source with a remark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// The remark; may be empty.
    pub text: String,
}

/// A change of the source that would mend the error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    /// What is replaced; empty for an insertion.
    pub span: Span,
    /// By what.
    pub replacement: String,
}

/// One error or warning.
///
/// The message and the primary label state the fact, secondary labels the reason, `help` what
/// to do. Worded by construct ("cannot send `str` on a channel of `i64`"), without a full stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Its code.
    pub code: ErrorCode,
    /// Error or warning; given by the code.
    pub severity: Severity,
    /// One line: the cause.
    pub message: String,
    /// Where it is.
    pub primary: Label,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// Further sentences.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// The same as a change of the source, where that is certain.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A diagnostic at `span`; codes with `W` make warnings. Diagnostics without a source
    /// (files, tools) take [`Span::BUILTIN`].
    #[must_use]
    pub fn new(code: ErrorCode, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// Sets the text at the primary span.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds another place with a remark.
    #[must_use]
    pub fn secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds a sentence.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Gives the change that mends it.
    #[must_use]
    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }

    /// Whether it is an error and not a warning.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts by place, then code, and removes repetitions, so that the order in which stages ran
/// does not show.
pub fn sort_and_dedup(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        (a.primary.span, a.code, &a.message).cmp(&(b.primary.span, b.code, &b.message))
    });
    diagnostics.dedup();
}

/// Whether there is an error among them.
#[must_use]
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

//! Documents: text with places where lines may be broken (after Wadler, A prettier printer, with
//! the groups, fills and conditional groups of later printers).
//!
//! Input: the builders of this crate. Output: what [`crate::render`] lays out. A document is
//! shared, never copied, so the same part can stand in two layouts of which one is chosen.
//!
//! Invariants: each node knows, from its parts, its width on one line, whether a line is broken
//! in it in any case ([`Doc::is_multi`]), and whether that breaks the groups around it as well
//! ([`Doc::breaks`]). A bracketed construct keeps its broken lines to itself: `f(fn() { … })` may
//! have a body of several lines and still begin and end on the line of `f`.

use std::rc::Rc;

/// A piece of layout.
#[derive(Clone, Debug)]
pub struct Doc<'a>(Rc<Node<'a>>);

#[derive(Debug)]
struct Node<'a> {
    kind: Kind<'a>,
    breaks: bool,
    multi: bool,
    width: usize,
}

/// The forms of documents.
#[derive(Debug)]
pub enum Kind<'a> {
    /// Text without a line end.
    Text(&'a str),
    /// Text that may hold line ends, printed as it is.
    Verbatim(&'a str),
    /// A comment that goes to the end of the line it falls on, with its column in the source.
    Suffix(&'a str, usize),
    /// A blank, or a line end where the group is broken.
    Line,
    /// Nothing, or a line end where the group is broken.
    Soft,
    /// A line end.
    Hard,
    /// A line end and an empty line.
    Blank,
    /// A line end unless nothing stands on the line yet.
    Fresh,
    /// In a broken group a blank where so many columns are left after it, else a line end.
    Fill(usize),
    /// The first where the group is broken, else the second.
    IfBroken(Doc<'a>, Doc<'a>),
    /// One level further to the right.
    Indent(Doc<'a>),
    /// After a blank; on the next line, one level further to the right, where it fits there as a
    /// whole and not here.
    Below(Doc<'a>),
    /// On one line, however long.
    Unbroken(Doc<'a>),
    /// One after the other.
    Concat(Vec<Doc<'a>>),
    /// On one line where it fits and is not forced apart.
    Group {
        /// What it holds.
        content: Doc<'a>,
        /// Whether its lines are broken in any case.
        forced: bool,
    },
    /// On one line where it fits; else hugging its last part where the rest fits before it; else
    /// broken.
    Choice {
        /// The first and third layout.
        content: Doc<'a>,
        /// The second.
        hug: Option<Doc<'a>>,
        /// Whether one line is out of the question.
        spread: bool,
        /// Whether only the third will do.
        forced: bool,
    },
}

/// The number of columns of a text: its characters.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().count()
}

impl<'a> Doc<'a> {
    fn new(kind: Kind<'a>, breaks: bool, multi: bool, width: usize) -> Self {
        Self(Rc::new(Node { kind, breaks, multi, width }))
    }

    /// Nothing.
    #[must_use]
    pub fn nil() -> Self {
        Self::text("")
    }

    /// Text without a line end.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        Self::new(Kind::Text(text), false, false, columns(text))
    }

    /// Text that may hold line ends.
    #[must_use]
    pub fn verbatim(text: &'a str) -> Self {
        let width = columns(text.split('\n').next().unwrap_or(""));
        Self::new(Kind::Verbatim(text), false, false, width)
    }

    /// A comment for the end of the line.
    #[must_use]
    pub fn suffix(text: &'a str, column: usize) -> Self {
        Self::new(Kind::Suffix(text, column), true, true, 0)
    }

    /// [`Kind::Line`]
    #[must_use]
    pub fn line() -> Self {
        Self::new(Kind::Line, false, false, 1)
    }

    /// [`Kind::Soft`]
    #[must_use]
    pub fn soft() -> Self {
        Self::new(Kind::Soft, false, false, 0)
    }

    /// [`Kind::Hard`]
    #[must_use]
    pub fn hard() -> Self {
        Self::new(Kind::Hard, true, true, 0)
    }

    /// [`Kind::Blank`]
    #[must_use]
    pub fn blank() -> Self {
        Self::new(Kind::Blank, true, true, 0)
    }

    /// [`Kind::Fresh`]
    #[must_use]
    pub fn fresh() -> Self {
        Self::new(Kind::Fresh, true, true, 0)
    }

    /// [`Kind::Fill`]
    #[must_use]
    pub fn fill(width: usize) -> Self {
        Self::new(Kind::Fill(width), false, false, 1)
    }

    /// [`Kind::IfBroken`]
    #[must_use]
    pub fn if_broken(broken: Self, flat: Self) -> Self {
        let width = flat.0.width;
        Self::new(Kind::IfBroken(broken, flat), false, false, width)
    }

    /// One level further to the right.
    #[must_use]
    pub fn indent(content: Self) -> Self {
        let (breaks, multi, width) = (content.0.breaks, content.0.multi, content.0.width);
        Self::new(Kind::Indent(content), breaks, multi, width)
    }

    /// On one line, however long.
    #[must_use]
    pub fn unbroken(content: Self) -> Self {
        let width = content.0.width;
        Self::new(Kind::Unbroken(content), false, false, width)
    }

    /// [`Kind::Below`]
    #[must_use]
    pub fn below(content: Self) -> Self {
        let (breaks, multi, width) = (content.0.breaks, content.0.multi, content.0.width);
        Self::new(Kind::Below(content), breaks, multi, width + 1)
    }

    /// One after the other.
    #[must_use]
    pub fn concat(parts: Vec<Self>) -> Self {
        let mut parts: Vec<Self> = parts.into_iter().filter(|part| !part.is_nil()).collect();
        match parts.len() {
            0 => return Self::nil(),
            1 => return parts.swap_remove(0),
            _ => {}
        }
        let breaks = parts.iter().any(|part| part.0.breaks);
        let multi = parts.iter().any(|part| part.0.multi);
        let width = parts.iter().map(|part| part.0.width).sum();
        Self::new(Kind::Concat(parts), breaks, multi, width)
    }

    /// A group that goes apart with its parts, and takes those around it along.
    #[must_use]
    pub fn group(content: Self) -> Self {
        let (breaks, multi, width) = (content.0.breaks, content.0.multi, content.0.width);
        let forced = content.breaks_inside();
        Self::new(Kind::Group { content, forced }, breaks, multi, width)
    }

    /// A bracketed group that keeps its broken lines to itself.
    #[must_use]
    pub fn bracket(content: Self, forced: bool) -> Self {
        let breaks = content.ends_with_suffix();
        let (multi, width) = (forced || content.0.multi, content.0.width);
        Self::new(Kind::Group { content, forced }, breaks, multi, width)
    }

    /// A bracketed list with a second layout, [`Kind::Choice`].
    #[must_use]
    pub fn choice(content: Self, hug: Option<Self>, spread: bool, forced: bool) -> Self {
        let breaks = content.ends_with_suffix();
        let (multi, width) = (spread || forced || content.0.multi, content.0.width);
        Self::new(Kind::Choice { content, hug, spread, forced }, breaks, multi, width)
    }

    /// The same with its last bracketed part on several lines, where it ends with one.
    #[must_use]
    pub fn break_last(&self) -> Option<Self> {
        match &self.0.kind {
            Kind::Concat(parts) => {
                let mut parts = parts.clone();
                let last = parts.pop()?.break_last()?;
                parts.push(last);
                Some(Self::concat(parts))
            }
            Kind::Group { content, .. } => Some(Self::bracket(content.clone(), true)),
            Kind::Choice { content, hug, forced, .. } => {
                let kind = Kind::Choice {
                    content: content.clone(),
                    hug: hug.clone(),
                    spread: true,
                    forced: *forced,
                };
                Some(Self::new(kind, self.0.breaks, true, self.0.width))
            }
            _ => None,
        }
    }

    /// Whether it breaks the groups around it by more than a comment at its end.
    #[must_use]
    pub fn breaks_inside(&self) -> bool {
        match &self.0.kind {
            Kind::Suffix(..) => false,
            Kind::Concat(parts) => parts.split_last().is_some_and(|(last, parts)| {
                parts.iter().any(Self::breaks) || last.breaks_inside()
            }),
            Kind::Indent(content) => content.breaks_inside(),
            Kind::Group { forced, .. } => *forced && self.0.breaks,
            Kind::Choice { .. } => false,
            _ => self.0.breaks,
        }
    }

    fn ends_with_suffix(&self) -> bool {
        match &self.0.kind {
            Kind::Suffix(..) => true,
            Kind::Concat(parts) => parts.last().is_some_and(Self::ends_with_suffix),
            Kind::Group { .. } | Kind::Choice { .. } => self.0.breaks,
            _ => false,
        }
    }

    /// Which document it is.
    #[must_use]
    pub fn kind(&self) -> &Kind<'a> {
        &self.0.kind
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self.0.kind, Kind::Text(""))
    }

    /// Whether it breaks the groups around it.
    #[must_use]
    pub fn breaks(&self) -> bool {
        self.0.breaks
    }

    /// Whether a line is broken in it in any case.
    #[must_use]
    pub fn is_multi(&self) -> bool {
        self.0.multi
    }

    /// Its columns on one line.
    #[must_use]
    pub fn width(&self) -> usize {
        self.0.width
    }
}

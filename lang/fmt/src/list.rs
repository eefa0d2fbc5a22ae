//! Bracketed lists of elements with separators between them.

use crate::Builder;
use crate::doc::Doc;

/// What stands between brackets and elements on one line.
#[derive(Clone, Copy, PartialEq)]
pub enum Edge {
    /// `(a, b)`
    Tight,
    /// `{ a, b }`
    Blank,
}

/// How the elements are separated.
#[derive(Clone, Copy, PartialEq)]
pub enum Separator {
    /// By commas, one behind the last where the list is broken.
    Comma,
    /// By commas on one line, by line ends else.
    CommaOrLine,
}

/// How a list is laid out.
#[derive(Clone, Copy)]
pub struct Style {
    /// At its brackets.
    pub edge: Edge,
    /// Between its elements.
    pub separator: Separator,
    /// Whether it stays on several lines where it is so in the source.
    pub spread: bool,
}

impl Style {
    /// Arguments, parameters, elements of tuples.
    pub const TIGHT: Self = Self { edge: Edge::Tight, separator: Separator::Comma, spread: false };
    /// Elements of lists and maps: on several lines if the author put them there.
    pub const ELEMENTS: Self =
        Self { edge: Edge::Tight, separator: Separator::Comma, spread: true };
    /// Fields of structs.
    pub const FIELDS: Self = Self { edge: Edge::Blank, separator: Separator::Comma, spread: true };
    /// Arms and members.
    pub const ARMS: Self =
        Self { edge: Edge::Blank, separator: Separator::CommaOrLine, spread: true };
}

/// The parts of a list: its brackets and elements, each with what stands behind it.
pub struct List<'a> {
    open: Doc<'a>,
    /// The element, its comments behind the comma, and what comes before the next one.
    elements: Vec<(Doc<'a>, Doc<'a>, Doc<'a>)>,
    dangling: Vec<(Doc<'a>, bool)>,
    close: Doc<'a>,
    /// Whether its elements stay on lines of their own.
    spread: bool,
    style: Style,
}

impl<'a> Builder<'a> {
    /// A list with `count` elements, whose brackets are the next token and the one that ends at
    /// the offset `end`.
    pub fn list(
        &mut self,
        style: Style,
        count: usize,
        end: u32,
        element: impl FnMut(&mut Self, usize) -> Doc<'a>,
    ) -> Doc<'a> {
        self.list_parts(style, count, end, element).doc(None)
    }

    /// The parts of such a list.
    pub fn list_parts(
        &mut self,
        style: Style,
        count: usize,
        end: u32,
        mut element: impl FnMut(&mut Self, usize) -> Doc<'a>,
    ) -> List<'a> {
        let spread = style.spread
            && match style.separator {
                Separator::Comma => self.cursor.ends_line(),
                Separator::CommaOrLine => self.cursor.spreads_until(end),
            };
        let open = self.cursor.take();
        let mut elements = Vec::with_capacity(count);
        for i in 0..count {
            let lead = self.cursor.lead();
            let doc = Doc::concat(vec![lead, element(self, i)]);
            let behind = self.cursor.skip(",").unwrap_or_else(Doc::nil);
            elements.push((doc, behind, self.cursor.line_end()));
        }
        let dangling = self.cursor.dangling();
        let close = self.cursor.take();
        List { open, elements, dangling, close, spread, style }
    }
}

impl<'a> List<'a> {
    /// The list; `hug` says whether its last element may begin on the line of the opening bracket
    /// and end on that of the closing one.
    #[must_use]
    pub fn doc(self, hug: Option<()>) -> Doc<'a> {
        let Self { open, elements, dangling, close, spread, style } = self;
        let edge = || if style.edge == Edge::Tight { Doc::soft() } else { Doc::line() };
        if elements.is_empty() && dangling.is_empty() {
            let apart = if open.breaks() { Doc::hard() } else { Doc::nil() };
            let forced = open.breaks();
            return Doc::bracket(Doc::concat(vec![open, apart, close]), forced);
        }
        let count = elements.len();
        let multi_before = elements[..count.saturating_sub(1)].iter().any(|e| e.0.is_multi());
        let commented = open.breaks()
            || !dangling.is_empty()
            || elements.iter().any(|(doc, behind, _)| doc.breaks() || behind.breaks());
        let multi_last = elements.last().is_some_and(|e| e.0.is_multi());
        let forced = spread || commented || multi_before || multi_last && hug.is_none();
        let hugged = hug.filter(|()| !forced).and_then(|()| {
            let (last, behind, _) = elements.last()?;
            let mut parts = vec![open.clone()];
            for (doc, behind, _) in &elements[..count - 1] {
                parts.extend([doc.clone(), Doc::text(","), behind.clone(), Doc::text(" ")]);
            }
            parts.extend([last.break_last()?, behind.clone(), close.clone()]);
            Some(Doc::concat(parts))
        });
        let mut inner = vec![edge()];
        for (i, (doc, behind, next)) in elements.into_iter().enumerate() {
            let last = i + 1 == count;
            let comma = Doc::text(",");
            let comma = match (style.separator, last) {
                (Separator::Comma, false) => comma,
                (Separator::Comma, true) => Doc::if_broken(comma, Doc::nil()),
                (Separator::CommaOrLine, false) => Doc::if_broken(Doc::nil(), comma),
                (Separator::CommaOrLine, true) => Doc::nil(),
            };
            inner.extend([doc, comma, behind]);
            if !last {
                inner.push(if spread { next } else { Doc::line() });
            }
        }
        for (i, (comment, blank)) in dangling.into_iter().enumerate() {
            if i > 0 || count > 0 {
                inner.push(if blank { Doc::blank() } else { Doc::hard() });
            }
            inner.push(comment);
        }
        let content = Doc::concat(vec![open, Doc::indent(Doc::concat(inner)), edge(), close]);
        Doc::choice(content, hugged, multi_last, forced)
    }

    /// The list with as many elements on a line as fit; the rows of a list that is spread stay.
    #[must_use]
    pub fn filled(self, begins_line: &[bool]) -> Doc<'a> {
        let commented = self.elements.iter().any(|e| e.0.is_multi() || !e.1.is_nil());
        if commented || self.open.breaks() || !self.dangling.is_empty() {
            return self.doc(None);
        }
        let Self { open, elements, close, spread, .. } = self;
        let count = elements.len();
        let widths: Vec<usize> = elements.iter().map(|e| e.0.width() + 1).collect();
        let mut inner = vec![Doc::soft()];
        for (i, (doc, behind, next)) in elements.into_iter().enumerate() {
            let last = i + 1 == count;
            let comma = Doc::text(",");
            inner.push(doc);
            inner.push(if last { Doc::if_broken(comma, Doc::nil()) } else { comma });
            inner.push(behind);
            if !last {
                let row = spread && begins_line[i + 1];
                inner.push(if row { next } else { Doc::fill(widths[i + 1]) });
            }
        }
        let content = Doc::concat(vec![open, Doc::indent(Doc::concat(inner)), Doc::soft(), close]);
        Doc::choice(content, None, false, spread)
    }

    /// The list as it is on one line, however long: its only element cannot be broken.
    #[must_use]
    pub fn unbroken(self) -> Doc<'a> {
        let plain =
            |(doc, behind, _): &(Doc<'a>, Doc<'a>, Doc<'a>)| !doc.breaks() && behind.is_nil();
        if !self.dangling.is_empty() || self.open.breaks() || !self.elements.iter().all(plain) {
            return self.doc(None);
        }
        let elements = self.elements.into_iter().map(|(doc, ..)| doc);
        Doc::concat([vec![self.open], elements.collect(), vec![self.close]].concat())
    }

    /// The columns of the widest element.
    #[must_use]
    pub fn width_max(&self) -> usize {
        self.elements.iter().map(|e| e.0.width()).max().unwrap_or(0)
    }
}

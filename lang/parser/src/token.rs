//! Tokens: the terminals of the grammar.
//!
//! The lexer makes most of them; [`crate::layout`] makes those that depend on what stands
//! around: newlines that end statements, braces of struct literals, `default`, names of tasks,
//! negative literals. A token is `Copy`: its texts are interned.

use orion_syntax::Symbol;
use orion_syntax::ast::{FloatSuffix, IntSuffix};

macro_rules! tokens {
    (
        fixed { $($fixed:ident $text:literal)+ }
        keywords { $($keyword:ident $word:literal)+ }
    ) => {
        /// A token's kind and value.
        #[derive(Clone, Copy, PartialEq, Debug)]
        #[expect(missing_docs, reason = "`describe` gives the spelling of those without values")]
        pub enum Tok {
            /// A name that begins with a lower-case letter or `_`.
            Lower(Symbol),
            /// A name that begins with an upper-case letter.
            Upper(Symbol),
            /// `@name`, without the sign.
            At(Symbol),
            /// An integer, its sign included.
            Int { value: i128, suffix: Option<IntSuffix> },
            /// A float, its sign included.
            Float { value: f64, text: Symbol, suffix: Option<FloatSuffix> },
            /// A character.
            Char(char),
            /// A string without interpolation.
            Str(Symbol),
            /// The text of a string up to its first `{`.
            StrHead(Symbol),
            /// The text between a `}` and the next `{`.
            StrMid(Symbol),
            /// The text after the last `}`.
            StrTail(Symbol),
            /// A duration in nanoseconds.
            Duration(i64),
            /// A string that names a task: [`Tok::Str`] after `spawn`.
            SpawnStr(Symbol),
            /// [`Tok::StrHead`] after `spawn`.
            SpawnStrHead(Symbol),
            /// The `{` of a struct literal or pattern.
            StructBrace,
            /// The word `default` at the head of a select arm.
            Default,
            /// A line end that ends a statement.
            Newline,
            /// Stands for text with an error that was reported.
            Error,
            $($fixed,)+
            $($keyword,)+
        }

        /// The keyword with this spelling.
        #[must_use]
        pub fn keyword(word: &str) -> Option<Tok> {
            match word {
                $($word => Some(Tok::$keyword),)+
                _ => None,
            }
        }

        impl Tok {
            /// The spelling of tokens that have only one.
            fn spelling(self) -> Option<&'static str> {
                match self {
                    $(Tok::$fixed => Some($text),)+
                    $(Tok::$keyword => Some($word),)+
                    Tok::StructBrace => Some("{"),
                    Tok::Default => Some("default"),
                    _ => None,
                }
            }

            /// Whether it is a keyword.
            #[must_use]
            pub fn is_keyword(self) -> bool {
                matches!(self, $(Tok::$keyword)|+)
            }
        }
    };
}

tokens! {
    fixed {
        ParenOpen "(" ParenClose ")" BracketOpen "[" BracketClose "]" BraceOpen "{" BraceClose "}"
        Comma "," Semi ";" Colon ":" ColonColon "::" Dot "." DotDot ".." DotDotEq "..="
        Question "?" FatArrow "=>" Arrow "<-" ColonEq ":=" Underscore "_"
        Plus "+" Minus "-" Star "*" Slash "/" Percent "%"
        PlusWrap "+%" MinusWrap "-%" StarWrap "*%"
        Amp "&" Pipe "|" Caret "^" Shl "<<" Shr ">>" AmpAmp "&&" PipePipe "||" Bang "!" Tilde "~"
        EqEq "==" NotEq "!=" Less "<" LessEq "<=" Greater ">" GreaterEq ">="
        Eq "=" PlusEq "+=" MinusEq "-=" StarEq "*=" SlashEq "/=" PercentEq "%="
        AmpEq "&=" PipeEq "|=" CaretEq "^=" ShlEq "<<=" ShrEq ">>="
        PlusWrapEq "+%=" MinusWrapEq "-%=" StarWrapEq "*%=" AsWrap "as%"
    }
    keywords {
        After "after" As "as" Async "async" Break "break" Class "class" Const "const"
        Continue "continue" Defer "defer" Else "else" Extern "extern" False "false" Fn "fn"
        For "for" Gen "gen" If "if" Import "import" In "in" Instance "instance" Let "let"
        Match "match" Mut "mut" Pub "pub" Return "return" Select "select" Spawn "spawn"
        Test "test" True "true" Type "type" Var "var" While "while" Yields "yields"
    }
}

impl Tok {
    /// Whether a newline after it may end a statement (section 1 of the reference).
    #[must_use]
    pub fn can_end_statement(self) -> bool {
        self.ends_operand() || matches!(self, Self::Return | Self::Break | Self::Continue)
    }

    /// Whether an operand may end with it: a `-` after it subtracts.
    #[must_use]
    pub fn ends_operand(self) -> bool {
        matches!(
            self,
            Self::Lower(_)
                | Self::Upper(_)
                | Self::At(_)
                | Self::Int { .. }
                | Self::Float { .. }
                | Self::Char(_)
                | Self::Str(_)
                | Self::SpawnStr(_)
                | Self::StrTail(_)
                | Self::Duration(_)
                | Self::True
                | Self::False
                | Self::Underscore
                | Self::ParenClose
                | Self::BracketClose
                | Self::BraceClose
                | Self::Question
                | Self::Error
        )
    }

    /// Whether a declaration begins with it.
    #[must_use]
    pub fn begins_item(self) -> bool {
        matches!(
            self,
            Self::Import
                | Self::Const
                | Self::Type
                | Self::Fn
                | Self::Class
                | Self::Instance
                | Self::Extern
                | Self::Test
                | Self::Pub
        )
    }

    /// Whether it begins a statement and can stand nowhere inside of an expression.
    #[must_use]
    pub fn begins_statement_only(self) -> bool {
        matches!(
            self,
            Self::Let
                | Self::Var
                | Self::While
                | Self::For
                | Self::Return
                | Self::Defer
                | Self::Break
                | Self::Continue
        )
    }

    /// How messages name it: ``keyword `fn` ``, ``name `x` ``, `number`.
    #[must_use]
    pub fn describe(self) -> String {
        if let Some(text) = self.spelling() {
            return if self.is_keyword() {
                format!("keyword `{text}`")
            } else {
                format!("`{text}`")
            };
        }
        match self {
            Self::Lower(name) | Self::Upper(name) => {
                let text = name.as_str();
                if text.len() > 60 { "name".into() } else { format!("name `{text}`") }
            }
            Self::At(name) => format!("`@{name}`"),
            Self::Int { .. } | Self::Float { .. } => "number".into(),
            Self::Char(_) => "character".into(),
            Self::Str(_) | Self::StrHead(_) | Self::SpawnStr(_) | Self::SpawnStrHead(_) => {
                "string".into()
            }
            Self::StrMid(_) | Self::StrTail(_) => "`}` of an interpolation".into(),
            Self::Duration(_) => "duration".into(),
            Self::Newline => "end of line".into(),
            _ => "text".into(),
        }
    }
}

/// A token where it stands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Token {
    /// Kind and value.
    pub tok: Tok,
    /// Offset of its first byte.
    pub start: u32,
    /// Offset after its last byte.
    pub end: u32,
    /// Whether [`crate::layout`] put it in for a bracket that was reported missing.
    pub synthetic: bool,
    /// For opening braces: whether elements separated by commas stand inside, not statements.
    pub list: bool,
}

impl Token {
    /// A token of the source.
    #[must_use]
    pub const fn new(tok: Tok, start: u32, end: u32) -> Self {
        Self { tok, start, end, synthetic: false, list: false }
    }
}

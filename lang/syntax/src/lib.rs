//! Spans, source files, interned names, typed indices, tokens and the AST of Orion.

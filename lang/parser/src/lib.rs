//! Lexer and grammar: source text to AST, with recovery.

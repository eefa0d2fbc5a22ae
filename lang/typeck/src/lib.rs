//! Name resolution, type inference, exhaustiveness and linearity: AST to HIR.

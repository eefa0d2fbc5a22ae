//! Name resolution, type inference, exhaustiveness and linearity: from trees to HIR.
//!
//! Input: the parsed modules of a program, the main module first, the prelude among them.
//! Output: an [`orion_hir::Program`] and all diagnostics; where one of them is an error the program
//! is incomplete and good for nothing but tools. The crate touches no files: whoever calls it reads
//! and parses the modules, with [`imports`] telling which ones.
//!
//! The pipeline: [`declare`] names, [`signatures`], [`infer`] bodies, then checks on HIR.

mod articles;
mod classes;
mod consts;
mod declare;
mod exhaustive;
mod globals;
mod infer;
mod instances;
mod leaks;
mod linear;
mod regular;
mod signatures;
mod suggest;
mod types;

use orion_diagnostics::Diagnostic;
use orion_hir::Program;
use orion_syntax::{Span, ast};

/// Path of the module whose public names need no import.
pub const PRELUDE_PATH: &str = "std.prelude";

/// What a `select` arm panics with when its channel is closed and drained.
pub const RECEIVE_CLOSED: &str = "receive from a closed channel";

/// A parsed module.
pub struct SourceModule {
    /// Its dotted path: `main` for the main file, else as it is imported.
    pub path: String,
    /// From the standard library.
    pub is_std: bool,
    /// Its tree.
    pub ast: ast::Module,
}

/// What checking gives.
pub struct Checked {
    /// The program; complete where there is no error among the diagnostics.
    pub program: Program,
    /// Errors and warnings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// The modules that a module imports: dotted paths with their places, in source order.
#[must_use]
pub fn imports(module: &ast::Module) -> Vec<(String, Span)> {
    module
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ast::ItemKind::Import(import) => {
                let names: Vec<&str> =
                    import.path.segments.iter().map(|name| name.as_str()).collect();
                Some((names.join("."), import.path.span))
            }
            _ => None,
        })
        .collect()
}

/// Checks a program: the main module first, the prelude among the others.
///
/// # Panics
/// When the prelude is missing or lacks what the language itself refers to.
#[must_use]
pub fn check_program(modules: &[SourceModule]) -> Checked {
    let mut globals = globals::new_globals(modules);
    globals.declare_all();
    globals.lower_signatures();
    globals.infer_all();
    globals.check_patterns();
    globals.check_linearity();
    globals.check_leaks();
    let mut diagnostics = globals.diagnostics;
    // Warnings about the standard library are for those who write it.
    let library: Vec<_> = modules
        .iter()
        .skip(1)
        .filter(|module| module.is_std)
        .map(|module| module.ast.span.file)
        .collect();
    diagnostics.retain(|found| found.is_error() || !library.contains(&found.primary.span.file));
    diagnostics.iter_mut().for_each(articles::mend);
    orion_diagnostics::sort_and_dedup(&mut diagnostics);
    Checked { program: globals.program, diagnostics }
}

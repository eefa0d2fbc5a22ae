//! The pipeline from source file to executable, top to bottom, and its emit targets.
//!
//! Input: the path of a main file and [`Options`]. Output: a [`Report`]: diagnostics, and what was
//! made. This is the only crate that touches files; all others turn data into data.
//!
//! ```text
//! load ─ parse ─ check ─ lower ─ emit ─ link
//!         ast     hir     mir    object
//! ```
//!
//! Invariants: a stage runs only when those before it reported no error; diagnostics are sorted by
//! place and hold each finding once; an output is found to be writable before any work is done.

mod cascade;
mod format;
mod library;
mod link;
mod load;
mod output;
mod runs;
mod sanitizer;
mod state;
mod testing;

pub use format::{Formatted, format, format_text, source_files};
pub use orion_parser::FILE_BYTES_MAX;
pub use runs::Seeds;
pub use state::{StateError, show_state};
pub use testing::{TestFailure, TestOptions, TestResult, test};

use link::LinkError;
use orion_codegen::{OptLevel, Output};
use orion_diagnostics::{Diagnostic, ErrorCode, has_errors, sort_and_dedup};
use orion_syntax::ast::printer;
use orion_syntax::{SourceFile, SourceMap, Span};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How to compile.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much to optimise, 0 to 3.
    pub level: u8,
    /// The name by which state files know the program, instead of the main file's.
    pub name: Option<String>,
    /// Whether to verify the MIR after every pass, and LLVM's module, also in release builds.
    pub verify: bool,
    /// In how many LLVM modules the program is compiled; 0 leaves it to the program's size.
    pub codegen_units: usize,
}

/// Where to stop, and what to give then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Emit {
    /// The syntax tree of the main module, as text.
    Ast,
    /// The MIR after all passes, as text.
    Mir,
    /// LLVM's intermediate language after optimisation, as text.
    LlvmIr,
    /// Assembly, as text.
    Assembly,
    /// An object file.
    Object,
    /// An executable.
    Executable,
}

/// What a compilation gave.
#[derive(Debug)]
pub struct Report {
    /// The files that were read; diagnostics point into them.
    pub sources: SourceMap,
    /// Errors and warnings, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a compilation.
#[derive(Debug)]
pub enum Outcome {
    /// There were errors.
    Failed,
    /// Everything asked for is written.
    Done,
    /// Text for standard output.
    Text(String),
}

/// The stack of the compiler's thread. Stages recurse over trees of bounded depth (a few thousand
/// levels, the parser's limit); the memory is only reserved until it is used.
const STACK_BYTES: usize = 1 << 30;

/// Reports the errors of the program at `path`.
#[must_use]
pub fn check(path: &Path) -> Report {
    compile(path, |session, path| {
        let mut program = session.check(path)?;
        if program.main.is_some() {
            // Some errors show only when generic code meets its types.
            let options = Options { level: 0, name: None, verify: false, codegen_units: 0 };
            session.build_mir(&mut program, &[], path, &options)?;
        }
        Some(Outcome::Done)
    })
}

/// Compiles the program at `path` as far as `emit`, to `output`. Without one, text goes to
/// [`Outcome::Text`], objects and executables to the current folder, under the program's name.
#[must_use]
pub fn build(path: &Path, emit: Emit, output: Option<&Path>, options: &Options) -> Report {
    compile(path, |session, path| session.build(path, emit, output, options))
}

/// Compiles the program at `path` and becomes it: returns only when there were errors.
#[must_use]
pub fn run(path: &Path, arguments: &[OsString], options: &Options) -> Report {
    compile(path, |session, path| session.run(path, arguments, options))
}

/// Runs `stages` in a session of its own, on a thread with a large stack.
fn compile(
    path: &Path,
    stages: impl FnOnce(&mut Session, &Path) -> Option<Outcome> + Send,
) -> Report {
    let work = || {
        let mut session = Session::default();
        let outcome = stages(&mut session, path);
        let Session { sources, mut diagnostics } = session;
        sort_and_dedup(&mut diagnostics);
        Report { sources, diagnostics, outcome: outcome.unwrap_or(Outcome::Failed) }
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.expect("a thread can be started");
        // A panic is a bug of the compiler: it goes on as what it is.
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// One compilation: the files read and what was found in them.
#[derive(Default)]
struct Session {
    sources: SourceMap,
    diagnostics: Vec<Diagnostic>,
}

impl Session {
    /// `None` when there is an error so far.
    fn go_on(&self) -> Option<()> {
        (!has_errors(&self.diagnostics)).then_some(())
    }

    fn fail(&mut self, diagnostic: Diagnostic) -> Option<Outcome> {
        self.diagnostics.push(diagnostic);
        None
    }

    /// Source to AST: every module of the program. Syntax errors do not stop it.
    fn load(&mut self, path: &Path) -> Option<Vec<orion_typeck::SourceModule>> {
        let modules = load::load_program(path, &mut self.sources, &mut self.diagnostics);
        (!modules.is_empty()).then_some(modules)
    }

    /// AST to HIR: names resolved, types inferred, patterns and linearity checked.
    fn check(&mut self, path: &Path) -> Option<orion_hir::Program> {
        let modules = self.load(path)?;
        let checked = orion_typeck::check_program(&modules);
        let found = if has_errors(&self.diagnostics) {
            cascade::independent(checked.diagnostics, &self.diagnostics, &self.sources)
        } else {
            checked.diagnostics
        };
        self.diagnostics.extend(found);
        self.go_on()?;
        Some(checked.program)
    }

    /// AST to MIR.
    fn lower(&mut self, path: &Path, options: &Options) -> Option<orion_mir::Program> {
        let mut program = self.check(path)?;
        if program.main.is_none() {
            let message = format!("`{}` has no `main`", path.display());
            let span = self.sources.files().next().map_or(Span::BUILTIN, SourceFile::span);
            let span = Span::new(span.file, 0, 0);
            self.diagnostics.push(
                Diagnostic::new(ErrorCode::E0114, span, message)
                    .label("a program begins with `fn main()`")
                    .help("a module without one can be checked and tested, not built"),
            );
            return None;
        }
        self.build_mir(&mut program, &[], path, options)
    }

    /// HIR to MIR, with all passes: what is reachable from `main`, or from the tests given.
    fn build_mir(
        &mut self,
        program: &mut orion_hir::Program,
        tests: &[orion_hir::FnId],
        path: &Path,
        options: &Options,
    ) -> Option<orion_mir::Program> {
        let name = options.name.clone().or_else(|| stem(path))?;
        let built = match tests {
            [] => orion_mir::build::build(program, &self.sources, &name),
            tests => orion_mir::build::build_from(program, tests, &self.sources, &name),
        };
        match built {
            Ok(mut mir) => {
                let verify = options.verify || cfg!(debug_assertions);
                let options = orion_mir::pipeline::Options { verify };
                if let Err(errors) = orion_mir::pipeline::finish(&mut mir, options) {
                    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                    internal_error(&errors.join("\n"));
                }
                self.diagnostics.extend(orion_mir::pointers::check(&mir, &self.sources));
                self.go_on()?;
                Some(mir)
            }
            Err(found) => {
                self.diagnostics.extend(found);
                None
            }
        }
    }

    /// MIR to what LLVM makes of it: an object, or text.
    fn generate(&mut self, path: &Path, output: Output, options: &Options) -> Option<Vec<u8>> {
        let program = self.lower(path, options)?;
        let text = orion_codegen::compile(&program, codegen_options(output, options));
        Some(text.unwrap_or_else(|error| internal_error(&error.to_string())))
    }

    /// MIR to the objects that are linked together.
    fn generate_objects(program: &orion_mir::Program, options: &Options) -> Vec<Vec<u8>> {
        let made = codegen_options(Output::Object, options);
        orion_codegen::compile_objects(program, made, options.codegen_units)
            .unwrap_or_else(|error| internal_error(&error.to_string()))
    }

    /// As far as `emit`, to `output`.
    fn build(
        &mut self,
        path: &Path,
        emit: Emit,
        output: Option<&Path>,
        options: &Options,
    ) -> Option<Outcome> {
        let output = output.map(Path::to_path_buf).or_else(|| default_output(path, emit));
        if let Some(output) = &output
            && let Err(error) = output::check_writable(output)
        {
            return self.fail(unwritable(output, &error));
        }
        let bytes = match emit {
            Emit::Ast => {
                let modules = self.load(path)?;
                self.go_on()?;
                printer::print_module(&modules[0].ast).into_bytes()
            }
            Emit::Mir => orion_mir::print::program(&self.lower(path, options)?).into_bytes(),
            Emit::LlvmIr => self.generate(path, Output::LlvmIr, options)?,
            Emit::Assembly => self.generate(path, Output::Assembly, options)?,
            Emit::Object => self.generate(path, Output::Object, options)?,
            Emit::Executable => {
                let program = self.lower(path, options)?;
                return self.link(&Self::generate_objects(&program, options), &output?);
            }
        };
        let Some(output) = output else {
            return Some(Outcome::Text(String::from_utf8_lossy(&bytes).into_owned()));
        };
        match output::place_bytes(&bytes, &output) {
            Ok(()) => Some(Outcome::Done),
            Err(error) => self.fail(unwritable(&output, &error)),
        }
    }

    /// Objects to executable.
    fn link(&mut self, objects: &[Vec<u8>], output: &Path) -> Option<Outcome> {
        match link::link_executable(objects, output) {
            Ok(()) => Some(Outcome::Done),
            Err(LinkError::Output(error)) => self.fail(unwritable(output, &error)),
            Err(error) => self.fail(link_failure(&error)),
        }
    }

    /// Compiles to a file that has no name any more when the program runs, so that nothing is left
    /// behind however it ends, and replaces this process by it, so that signals, standard streams
    /// and the exit status are the program's own.
    fn run(&mut self, path: &Path, arguments: &[OsString], options: &Options) -> Option<Outcome> {
        let objects = Self::generate_objects(&self.lower(path, options)?, options);
        let folder = match tempfile::Builder::new().prefix("orionc-").tempdir() {
            Ok(folder) => folder,
            Err(error) => return self.fail(link_failure(&LinkError::Temporary(error))),
        };
        let program = folder.path().join("program");
        self.link(&objects, &program)?;
        let opened = File::open(&program);
        drop(folder);
        let error = match opened {
            Ok(file) => {
                let sources = std::mem::take(&mut self.sources);
                let warnings = orion_diagnostics::human::render(&self.diagnostics, &sources, false);
                eprint!("{warnings}");
                self.sources = sources;
                Command::new(format!("/proc/self/fd/{}", file.as_raw_fd()))
                    .arg0(default_output(path, Emit::Executable)?)
                    .args(arguments)
                    .exec()
            }
            Err(error) => error,
        };
        self.fail(Diagnostic::new(
            ErrorCode::E1001,
            Span::BUILTIN,
            format!("cannot run the program: {error}"),
        ))
    }
}

/// Ends the compiler: a stage broke its promise to the next one. Nothing is written then.
fn internal_error(message: &str) -> ! {
    panic!("this is a bug of the compiler, not of the program: {message}");
}

/// The main file's name without its folder and extension.
fn stem(path: &Path) -> Option<String> {
    Some(path.file_stem()?.to_string_lossy().into_owned())
}

fn codegen_options(output: Output, options: &Options) -> orion_codegen::Options {
    let opt_level = match options.level {
        0 => OptLevel::O0,
        1 => OptLevel::O1,
        2 => OptLevel::O2,
        _ => OptLevel::O3,
    };
    let sanitize = sanitizer::folder().is_some();
    orion_codegen::Options { opt_level, output, verify: options.verify, sanitize }
}

/// Where an object or executable goes when the command line does not say: into the current folder,
/// under the name of the main file.
fn default_output(path: &Path, emit: Emit) -> Option<PathBuf> {
    let stem = Path::new(path.file_stem()?).to_path_buf();
    match emit {
        Emit::Object => Some(stem.with_extension("o")),
        Emit::Executable => Some(stem),
        _ => None,
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Diagnostic {
    let why = load::describe(error);
    let message = format!("cannot write `{}`: {why}", path.display());
    Diagnostic::new(ErrorCode::E1004, Span::BUILTIN, message)
}

fn link_failure(error: &LinkError) -> Diagnostic {
    let diagnostic = |code| Diagnostic::new(code, Span::BUILTIN, error.to_string());
    match error {
        LinkError::NoLinker(_) => diagnostic(ErrorCode::E1005)
            .help("install a C compiler (`apt-get install gcc`), or name one by ORION_LINKER"),
        LinkError::NoSanitizer(_) => diagnostic(ErrorCode::E1006)
            .help("`./dev tsan` of Orion's repository makes that folder"),
        LinkError::Failed(_, said) => diagnostic(ErrorCode::E1006).note(said.clone()),
        LinkError::Temporary(_) => {
            diagnostic(ErrorCode::E1004).help("TMPDIR names the folder for temporary files")
        }
        LinkError::Output(_) => diagnostic(ErrorCode::E1004),
    }
}

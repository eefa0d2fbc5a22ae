//! Compiling cases, each once per optimisation level.
//!
//! Input: the path of a case. Output: the path of an executable. Executables are kept in the target
//! directory with a hash of everything that went into them; an unchanged case is not compiled
//! again. Several test processes may ask for the same one at once: a lock file makes the first
//! compile and the others wait.

use crate::process;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler under test, and where to keep what it makes.
#[derive(Clone, Debug)]
pub struct Compiler {
    program: PathBuf,
    cache: PathBuf,
}

impl Compiler {
    /// `program` is the compiler's path, `cache` a folder of the target directory.
    #[must_use]
    pub fn new(program: &str, cache: &str) -> Self {
        Self { program: program.into(), cache: Path::new(cache).join("cases") }
    }

    /// A command that runs the compiler in the folder of the cases, without colours.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(crate::root()).env("NO_COLOR", "1").env_remove("ORION_FORCE");
        command
    }

    /// The executable of `case` (a path relative to the folder of the cases) at `-O level`.
    ///
    /// # Errors
    /// What the compiler said, when it refused the case.
    pub fn executable(&self, case: &Path, level: u8) -> Result<PathBuf, String> {
        let name = case.with_extension("").to_string_lossy().replace(['/', '.'], "-");
        let folder = self.cache.join(format!("{name}-O{level}"));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
        lock.lock().map_err(|error| error.to_string())?;

        let (program, stamp) = (folder.join("program"), folder.join("stamp"));
        let current = self.stamp(case, level)?;
        if program.exists() && fs::read_to_string(&stamp).is_ok_and(|old| old == current) {
            return Ok(program);
        }
        drop(fs::remove_file(&stamp));
        let mut command = self.command();
        command.arg("build").arg(case).arg("-o").arg(&program).arg(format!("-O{level}"));
        command.arg("--verify");
        let output = process::run(&mut command, b"")?;
        if output.status != 0 {
            return Err(format!(
                "{} does not compile at -O{level}: {}",
                case.display(),
                output.describe()
            ));
        }
        fs::write(&stamp, current).map_err(|error| error.to_string())?;
        Ok(program)
    }

    /// A hash of the sources and of the compiler.
    fn stamp(&self, case: &Path, level: u8) -> Result<String, String> {
        let mut hasher = DefaultHasher::new();
        let source = crate::root().join(case);
        level.hash(&mut hasher);
        fs::read(&source).map_err(|e| format!("{}: {e}", source.display()))?.hash(&mut hasher);
        hash_folder(&source.with_extension(""), &mut hasher);
        let compiler = fs::metadata(&self.program).map_err(|error| error.to_string())?;
        compiler.len().hash(&mut hasher);
        compiler.modified().ok().hash(&mut hasher);
        Ok(format!("{:016x}", hasher.finish()))
    }
}

/// The imported modules of the case `name.or` lie in the folder `name`.
fn hash_folder(folder: &Path, hasher: &mut DefaultHasher) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.sort();
    for path in paths {
        path.hash(hasher);
        if path.is_dir() {
            hash_folder(&path, hasher);
        } else {
            fs::read(&path).unwrap_or_default().hash(hasher);
        }
    }
}

//! The flags that every compiled program takes, and the environment it looks at.
//!
//! Input: the command line. Output: a [`Config`], or what to print and exit with. Parsed by hand: flags of the runtime come first, `--` or the first other
//! argument ends them, and the rest is the program's own, whatever it looks like.

use std::path::PathBuf;

/// Time between automatic checkpoints unless told.
const EVERY_NS: i64 = 1_000_000_000;

/// Most threads that make sense anywhere.
const THREADS_MAX: u32 = 1024;

/// `ORION_FORCE`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Force {
    /// Suspend where it is needed.
    #[default]
    None,
    /// Every suspend point suspends.
    Suspend,
    /// As above, and the world is saved, dropped and rebuilt after each suspension.
    Restore,
}

/// `ORION_TEAM`: whether a run on several threads always uses all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sharing {
    /// While that pays, see `sched::team::balance`.
    #[default]
    Measured,
    /// From the beginning to the end.
    Always,
    /// It changes every few dispatches.
    Changing,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// `--state FILE`.
    pub state: Option<PathBuf>,
    /// `--every DUR`, in ns; 0: only explicit checkpoints.
    pub every_ns: i64,
    /// `--park DUR`, in ns.
    pub park_ns: Option<i64>,
    /// `--threads N`.
    pub threads: u32,
    /// `ORION_TEAM`.
    pub sharing: Sharing,
    /// `--seed N`.
    pub seed: Option<u64>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// Whether arguments were given at all (a resumed run has its own).
    pub force: Force,
    /// `ORION_CHECK=leaks`.
    pub check_leaks: bool,
    /// `ORION_TEST`: which test of a test program to run.
    pub test: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: None,
            every_ns: EVERY_NS,
            park_ns: None,
            threads: 1,
            sharing: Sharing::Measured,
            seed: None,
            args: Vec::new(),
            force: Force::None,
            check_leaks: false,
            test: None,
        }
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Parsed {
    /// Run.
    Run(Box<Config>),
    /// Print the help text.
    Help,
    /// A usage error, as one line.
    Usage(String),
}

/// The flags, with what they take.
const FLAGS: [(&str, &str); 6] = [
    ("--state", "FILE"),
    ("--every", "DUR"),
    ("--park", "DUR"),
    ("--threads", "N"),
    ("--seed", "N"),
    ("--help", ""),
];

/// The help text of a program.
#[must_use]
pub fn help(program: &str) -> String {
    format!(
        "usage: {program} [flags] [--] [arguments of the program]\n\
         \n\
         \x20 --state FILE   resume from FILE if it exists, else start; keep FILE up to date\n\
         \x20 --every DUR    time between automatic checkpoints (1s); 0s: only explicit ones\n\
         \x20 --park DUR     when nothing will run for at least DUR, save and exit 75\n\
         \x20 --threads N    worker threads at most (1)\n\
         \x20 --seed N       seed of the scheduler's choices: same seed, same run, on one thread\n\
         \x20 --help         this text\n\
         \n\
         DUR is a number with a unit: 250ns 10us 5ms 2s 3m 1h 7d\n"
    )
}

/// Parses a command line without the program's own name.
#[must_use]
pub fn parse(words: &[String]) -> Parsed {
    let mut config = Config::default();
    let mut index = 0;
    while let Some(word) = words.get(index) {
        if word == "--" {
            index += 1;
            break;
        }
        if !word.starts_with("--") {
            break;
        }
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let Some((flag, takes)) = FLAGS.iter().find(|(flag, _)| *flag == name) else {
            let near = nearest(name);
            return Parsed::Usage(format!(
                "unknown flag `{name}`; did you mean `{near}`? (write `--` before arguments of the program)"
            ));
        };
        if takes.is_empty() {
            return Parsed::Help;
        }
        index += 1;
        let value = match attached {
            Some(value) => value,
            None => match words.get(index) {
                Some(value) => {
                    index += 1;
                    value.clone()
                }
                None => return Parsed::Usage(format!("`{flag}` needs a value: `{flag} {takes}`")),
            },
        };
        if let Err(message) = set(&mut config, flag, &value) {
            return Parsed::Usage(message);
        }
    }
    config.args = words[index..].to_vec();
    Parsed::Run(Box::new(config))
}

/// Sets one flag.
fn set(config: &mut Config, flag: &str, value: &str) -> Result<(), String> {
    let wrong = |what: &str| format!("`{flag} {value}`: {what}");
    match flag {
        "--state" => {
            if value.is_empty() {
                return Err(wrong("the file's name is empty"));
            }
            config.state = Some(PathBuf::from(value));
        }
        "--every" => config.every_ns = parse_duration(value).ok_or_else(|| wrong(DURATION))?,
        "--park" => config.park_ns = Some(parse_duration(value).ok_or_else(|| wrong(DURATION))?),
        "--threads" => {
            config.threads = value
                .parse()
                .ok()
                .filter(|threads| (1..=THREADS_MAX).contains(threads))
                .ok_or_else(|| wrong(&format!("expected a number from 1 to {THREADS_MAX}")))?;
        }
        _ => {
            config.seed =
                Some(value.parse().map_err(|_| wrong("expected a number from 0 to 2^64 - 1"))?);
        }
    }
    Ok(())
}

const DURATION: &str = "expected a duration such as `500ms` or `2s` (units ns us ms s m h d)";

/// A duration literal of the language, in ns: digits (with `_`) and a unit.
#[must_use]
pub fn parse_duration(text: &str) -> Option<i64> {
    let unit_at = text.find(|c: char| !(c.is_ascii_digit() || c == '_'))?;
    let (digits, unit) = text.split_at(unit_at);
    let factor: i64 = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    digits.replace('_', "").parse::<i64>().ok()?.checked_mul(factor)
}

/// The flag with the least edit distance.
fn nearest(word: &str) -> &'static str {
    FLAGS.iter().map(|(flag, _)| *flag).min_by_key(|flag| distance(word, flag)).unwrap_or("--help")
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(ca != cb)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn config(line: &str) -> Config {
        match parse(&words(line)) {
            Parsed::Run(config) => *config,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn flags_come_first_and_the_rest_is_the_programs() {
        let parsed = config("--state s --every 250ms --seed=7 10 --seed 8");
        assert_eq!(parsed.state, Some(PathBuf::from("s")));
        assert_eq!(parsed.every_ns, 250_000_000);
        assert_eq!(parsed.seed, Some(7));
        assert_eq!(parsed.args, words("10 --seed 8"));
        assert_eq!(config("-- --seed 8").args, words("--seed 8"));
        assert_eq!(config("-x --seed").args, words("-x --seed"));
    }

    #[test]
    fn usage_errors_name_the_nearest_flag() {
        let Parsed::Usage(text) = parse(&words("--sate x")) else { panic!("not a usage error") };
        assert!(text.contains("`--sate`") && text.contains("`--state`"), "{text}");
        for line in
            ["--state", "--every 3", "--every x", "--threads 0", "--seed -1", "--every 9999999d"]
        {
            assert!(matches!(parse(&words(line)), Parsed::Usage(_)), "{line}");
        }
        assert!(matches!(parse(&words("--help")), Parsed::Help));
    }
}

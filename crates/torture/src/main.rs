//! `cargo xtask torture [--minutes N] [--seed S] [--schedules N] [--kill-rounds N]`: looks for lost and doubled events.
//!
//! Prints what was done and met, and every finding with what runs it again. Exit codes: 0 nothing found, 1 a finding,
//! 2 could not run. Deliberately absent: everything but the command line, see the library.

mod arguments;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser as _;
use torture::{Campaign, KillRounds};

use arguments::Arguments;

/// Schedules, where neither their number nor a time is given.
const SCHEDULES: u64 = 1_000;
/// Kill rounds, where neither their number nor a time is given.
const KILL_ROUNDS: u64 = 20;
/// Findings that are worth collecting before somebody looks at them.
const FINDINGS_MAX: usize = 5;
/// How often the progress is told.
const PROGRESS_EVERY: u64 = 500;
const KILL_PROGRESS_EVERY: u64 = 20;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments
        .seed
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs()));
    let Some(binary) = arguments.binary.clone().or_else(beside_this_program) else {
        say("error: the program to kill is not beside this one: name it with --binary");
        return ExitCode::from(2);
    };
    say(&format!("seed {seed}"));
    let is_clean = [run_schedules(&arguments, seed), run_kill_rounds(&arguments, seed, binary)];
    if is_clean.iter().all(|clean| *clean) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many, and until when: what is asked for, or as many as half of the time allows.
fn bounds(asked: Option<u64>, otherwise: u64, minutes: Option<u64>) -> (u64, Option<Instant>) {
    let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 30));
    (asked.unwrap_or(if minutes.is_some() { u64::MAX } else { otherwise }), until)
}

fn run_schedules(arguments: &Arguments, seed: u64) -> bool {
    let (schedules, until) = bounds(arguments.schedules, SCHEDULES, arguments.minutes);
    let campaign = Campaign {
        seed,
        with_known: arguments.known,
        schedules,
        until,
        threads: arguments.threads,
        findings_max: FINDINGS_MAX,
    };
    let started = Instant::now();
    let (tally, failed) = campaign.run(|number| {
        if number % PROGRESS_EVERY == PROGRESS_EVERY - 1 {
            say(&format!("schedule {}, {} s", number + 1, started.elapsed().as_secs()));
        }
    });
    say(&format!("{tally}{} s", started.elapsed().as_secs()));
    for failed in &failed {
        say(&format!(
            "FOUND by seed {seed}: {finding}\nagain: cargo xtask torture --seed {seed} --schedules 1 --kill-rounds 0{known}",
            seed = failed.seed,
            known = if arguments.known { " --known" } else { "" },
            finding = failed.finding
        ));
    }
    failed.is_empty()
}

fn run_kill_rounds(arguments: &Arguments, seed: u64, binary: std::path::PathBuf) -> bool {
    let (rounds, until) = bounds(arguments.kill_rounds, KILL_ROUNDS, arguments.minutes);
    if rounds == 0 {
        return true;
    }
    let started = Instant::now();
    let (tally, outcome) = KillRounds { binary, rounds, until, seed }.run(|round| {
        if round % KILL_PROGRESS_EVERY == KILL_PROGRESS_EVERY - 1 {
            say(&format!("kill round {}, {} s", round + 1, started.elapsed().as_secs()));
        }
    });
    say(&format!("{tally}{} s", started.elapsed().as_secs()));
    if let Err(finding) = &outcome {
        say(&format!(
            "FOUND by kill rounds of seed {seed}: {finding}\n\
             again: cargo xtask torture --seed {seed} --schedules 0 --kill-rounds {rounds}"
        ));
    }
    outcome.is_ok()
}

fn beside_this_program() -> Option<std::path::PathBuf> {
    let beside = std::env::current_exe().ok()?.with_file_name("strongroom");
    beside.exists().then_some(beside)
}

fn say(what: &str) {
    // That nobody listens stops nothing: the exit code tells the result.
    let _ = writeln!(std::io::stdout(), "{what}");
}

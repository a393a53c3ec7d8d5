//! The command line.

use std::time::Duration;

use clap::{ArgGroup, Parser};
use load::{End, Load, Pace, Target};

const DURATION_DEFAULT: Duration = Duration::from_secs(10);

/// Puts load on a running server and says what it acknowledged.
#[derive(Debug, Parser)]
#[command(name = "load", group = ArgGroup::new("end"), after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The server: `http://host:port`
    #[arg(long, value_name = "URL")]
    pub(crate) url: Target,
    /// A writer's token
    #[arg(long)]
    pub(crate) token: String,
    /// Events a second; 0 is as fast as the connections go
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    pub(crate) rate: f64,
    /// Connections, each with one request under way
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) connections: u16,
    /// Events a request: one is sent as JSON, more as NDJSON
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) batch: u64,
    /// Send for so long [default: 10, unless --events says when to stop]
    #[arg(long, group = "end", value_parser = seconds)]
    pub(crate) seconds: Option<Duration>,
    /// Send so many events
    #[arg(long, group = "end", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) events: Option<u64>,
    /// What events are generated from; use each once on a ledger [default: from the clock]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

const EXIT_CODES: &str = "\
Exit codes: 0 every event was acknowledged or refused, 1 the fate of some is unknown, 2 could not run.";

impl Arguments {
    /// The load that is asked for; `clock_seed` is taken where none is given.
    pub(crate) fn load(self, clock_seed: u64) -> Load {
        let pace = if self.rate > 0.0 { Pace::Open { events_per_second: self.rate } } else { Pace::Closed };
        let end = match (self.events, self.seconds) {
            (Some(events), _) => End::Events(events),
            (None, seconds) => End::After(seconds.unwrap_or(DURATION_DEFAULT)),
        };
        Load {
            target: self.url,
            token: self.token,
            connections: self.connections.into(),
            batch: self.batch,
            pace,
            end,
            seed: self.seed.unwrap_or(clock_seed),
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1e9).contains(&rate) => Ok(rate),
        _ => Err("not a number of events from 0 to 1,000,000,000".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 604_800.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("not a number of seconds above 0 and up to a week".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(more: &[&str]) -> Result<Load, clap::Error> {
        let first = ["load", "--url", "http://127.0.0.1:1", "--token", "t"];
        Arguments::try_parse_from(first.iter().chain(more)).map(|arguments| arguments.load(99))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn nothing_said_is_a_closed_loop_of_single_events_for_ten_seconds() {
        let load = parse(&[]).unwrap();
        assert_eq!((load.pace, load.end), (Pace::Closed, End::After(DURATION_DEFAULT)));
        assert_eq!((load.connections, load.batch, load.seed), (64, 1, 99));
    }

    #[test]
    fn a_rate_makes_an_open_loop() {
        let load = parse(&["--rate", "250.5", "--events", "7", "--seed", "3"]).unwrap();
        assert_eq!((load.pace, load.end), (Pace::Open { events_per_second: 250.5 }, End::Events(7)));
        assert_eq!(load.seed, 3);
        let load = parse(&["--seconds", "0.5"]).unwrap();
        assert_eq!(load.end, End::After(Duration::from_millis(500)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let wrong: [&[&str]; 9] = [
            &["--rate", "-1"],
            &["--rate", "NaN"],
            &["--rate", "inf"],
            &["--seconds", "0"],
            &["--seconds", "1e300"],
            &["--events", "0"],
            &["--batch", "10001"],
            &["--connections", "0"],
            &["--seconds", "1", "--events", "1"],
        ];
        for more in wrong {
            assert!(parse(more).is_err(), "{more:?}");
        }
        assert!(Arguments::try_parse_from(["load", "--url", "https://a", "--token", "t"]).is_err());
    }
}

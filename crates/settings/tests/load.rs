//! What the settings accept, what they refuse, and which source wins.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use settings::{Error, Flag, Place, Settings, Sources};
use tempfile::TempDir;

/// A working directory with a data directory in it.
struct Given {
    directory: TempDir,
    sources: Sources,
}

impl Given {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("strongroom-data")).unwrap();
        let sources = Sources { working_directory: directory.path().to_owned(), ..Sources::default() };
        Self { directory, sources }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((OsString::from(name), OsString::from(value)));
        self
    }

    fn config(mut self, name: &str) -> Self {
        self.sources.config = Some(PathBuf::from(name));
        self
    }

    fn flag(mut self, flag: &'static str, key: &'static str, value: &str) -> Self {
        self.sources.flags.push(Flag { flag, key, value: value.to_owned() });
        self
    }

    #[track_caller]
    fn loads(&self) -> Settings {
        Settings::load(&self.sources).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn refuses(&self) -> Error {
        Settings::load(&self.sources).unwrap_err()
    }
}

#[track_caller]
fn refused_hot_days(value: &str) -> String {
    let place = Given::new().file("strongroom.toml", &format!("[retention]\nhot_days = {value}\n"));
    let error = place.refuses();
    assert_eq!(error.problems().len(), 1, "{error}");
    let problem = &error.problems()[0];
    assert_eq!(problem.place, Place::File { path: place.path("strongroom.toml"), line: Some(2) });
    assert_eq!(problem.key.as_deref(), Some("retention.hot_days"));
    assert_eq!(problem.value.as_deref(), Some(value));
    problem.message.clone()
}

#[test]
fn without_any_source_the_documented_defaults_hold() {
    let place = Given::new();
    let settings = place.loads();
    assert_eq!(settings.ledger.data_dir, place.path("strongroom-data"));
    assert_eq!(settings.ledger.origin, None);
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:7717");
    assert_eq!(settings.server.queue_bytes_max, 64 * 1024 * 1024);
    assert_eq!(settings.streams.tool.retain_days, event::RetainDays::Days(1_095));
    assert_eq!(settings.retention.hot_days.days(), 90);
    assert_eq!(settings.retention.entries_max, 1_000_000);
    assert_eq!(settings.retention.transaction_entries, 10_000);
    assert_eq!(settings.retention.dedup_days, 90);
    assert!(settings.retention.enabled);
    assert_eq!(settings.search.scan_entries_max, 200_000);
    let operations = &settings.operations;
    assert_eq!(
        (operations.timeout_seconds, operations.every_seconds, operations.timed_out_max),
        (14_400, 600, 1_000)
    );
    assert_eq!(event::Limits::from(&settings.limits), event::Limits::default());
    assert_eq!(settings.archive, []);
}

#[test]
fn d1_a_hot_window_out_of_bounds_is_refused_with_the_value_and_the_accepted_range() {
    for value in ["0", "-1", "-2147483648", "36501", "4294967295", "9223372036854775807"] {
        let message = refused_hot_days(value);
        assert!(message.contains(value) && message.contains("from 1 to 36,500"), "{message}");
    }
    for value in ["9223372036854775808", "90.0", "\"90\"", "true", "1979-05-27", "[90]"] {
        let place = Given::new().file("strongroom.toml", &format!("retention.hot_days = {value}"));
        let message = place.refuses().to_string();
        assert!(message.contains(value) && message.contains("from 1 to 36,500"), "{message}");
    }
    for value in ["1", "36_500"] {
        Given::new().file("strongroom.toml", &format!("retention.hot_days = {value}")).loads();
    }
}

#[test]
fn d1_operations_time_out_before_entries_leave_the_hot_window() {
    let given = |hot_days: &str, timeout: &str| {
        let text = format!("retention.hot_days = {hot_days}\noperations.timeout_seconds = {timeout}");
        Given::new().file("strongroom.toml", &text)
    };
    for (hot_days, timeout, largest) in [("1", "86_400", "86399"), ("2", "200000", "172799")] {
        let message = given(hot_days, timeout).refuses().to_string();
        let window = format!("retention.hot_days = {hot_days}): give at most {largest}");
        assert!(message.contains("operations.timeout_seconds") && message.contains(&window), "{message}");
    }
    assert_eq!(given("1", "86_399").loads().operations.timeout_seconds, 86_399);
    for (key, value) in [("timeout_seconds", "0"), ("every_seconds", "0"), ("timed_out_max", "-1")] {
        let error = Given::new().file("strongroom.toml", &format!("operations.{key} = {value}")).refuses();
        assert!(error.to_string().contains("give a whole number from 1 to"), "{error}");
    }
}

#[test]
fn a_stream_keeps_for_ever_with_minus_one_and_refuses_other_negative_days() {
    let kept = Given::new().file("strongroom.toml", "[streams.audit]\nretain_days = -1").loads();
    assert_eq!(kept.streams.audit.retain_days, event::RetainDays::Never);
    assert_eq!(kept.streams.discovery.retain_days, event::RetainDays::Days(1_095));
    let error = Given::new().variable("STRONGROOM_STREAMS__TOOL__RETAIN_DAYS", "-2").refuses();
    assert!(
        error
            .to_string()
            .contains("-2 is not accepted: give a number of days from 1 to 36,500, or -1 to keep for ever"),
        "{error}"
    );
}

#[test]
fn every_source_beats_the_ones_named_after_it() {
    let listen = |port: u16| format!("server.listen = \"127.0.0.1:{port}\"");
    let port = |place: &Given| place.loads().server.listen.port();

    let place = Given::new().file("strongroom-data/strongroom.toml", &listen(5));
    assert_eq!(port(&place), 5);
    let place = place.file("strongroom.toml", &listen(4));
    assert_eq!(port(&place), 4);
    let place = place.file("named.toml", &listen(3)).config("named.toml");
    assert_eq!(port(&place), 3);
    let place = place.variable("STRONGROOM_SERVER__LISTEN", "127.0.0.1:2");
    assert_eq!(port(&place), 2);
    let place = place.flag("--listen", "server.listen", "127.0.0.1:1");
    assert_eq!(port(&place), 1);
}

#[test]
fn sources_are_merged_key_by_key() {
    let settings = Given::new()
        .file("strongroom-data/strongroom.toml", "[retention]\nhot_days = 30\ndedup_days = 5\n")
        .file("strongroom.toml", "[retention]\nhot_days = 40\n")
        .variable("STRONGROOM_RETENTION__ENABLED", "false")
        .loads();
    assert_eq!(settings.retention.hot_days.days(), 40);
    assert_eq!(settings.retention.dedup_days, 5);
    assert!(!settings.retention.enabled);
}

#[test]
fn a_list_comes_as_a_whole_from_the_first_file_and_the_environment_changes_it_by_index() {
    let two =
        "[[archive]]\nname = \"a\"\nurl = \"file:///a\"\n[[archive]]\nname = \"b\"\nurl = \"file:///b\"\n";
    let one = "[[archive]]\nname = \"c\"\nurl = \"file:///c\"\n";
    let names = |place: &Given| -> Vec<String> {
        place.loads().archive.into_iter().map(|archive| format!("{}={}", archive.name, archive.url)).collect()
    };
    let place = Given::new().file("strongroom-data/strongroom.toml", two);
    assert_eq!(names(&place), ["a=file:///a", "b=file:///b"]);
    let place = place.file("strongroom.toml", one);
    assert_eq!(names(&place), ["c=file:///c"]);
    let place = place
        .variable("STRONGROOM_ARCHIVE__0__URL", "file:///d")
        .variable("STRONGROOM_ARCHIVE__1__NAME", "e")
        .variable("STRONGROOM_ARCHIVE__1__URL", "file:///e");
    assert_eq!(names(&place), ["c=file:///d", "e=file:///e"]);
    let emptied =
        Given::new().file("strongroom-data/strongroom.toml", two).file("strongroom.toml", "archive = []");
    assert_eq!(names(&emptied), [""; 0]);
}

#[test]
fn a_relative_archive_is_in_the_data_directory_wherever_that_is() {
    let place = Given::new()
        .file("strongroom-data/strongroom.toml", "[[archive]]\nname = \"primary\"\nurl = \"archive\"\n");
    let expected = format!("file://{}", place.path("strongroom-data/archive").display());
    assert_eq!(place.loads().archive[0].url, expected);
}

#[test]
fn the_data_directory_can_be_named_by_every_source_but_the_file_in_it() {
    let elsewhere = |place: &Given| place.loads().ledger.data_dir == place.path("elsewhere");
    assert!(elsewhere(&Given::new().flag("--data", "ledger.data_dir", "elsewhere")));
    assert!(elsewhere(&Given::new().variable("STRONGROOM_LEDGER__DATA_DIR", "elsewhere")));
    assert!(elsewhere(&Given::new().file("strongroom.toml", "ledger.data_dir = \"elsewhere\"")));

    let error =
        Given::new().file("strongroom-data/strongroom.toml", "ledger.data_dir = \"elsewhere\"").refuses();
    assert!(error.to_string().contains("cannot name the data directory"), "{error}");
}

#[test]
fn a_file_reached_in_two_ways_counts_once_and_as_the_earlier_source() {
    let place = Given::new()
        .file("strongroom.toml", "ledger.data_dir = \".\"\nserver.listen = \"127.0.0.1:1\"")
        .config("./strongroom.toml");
    assert_eq!(place.loads().server.listen.port(), 1);
}

#[test]
fn all_problems_of_all_sources_are_reported_at_once() {
    let place = Given::new()
        .file("strongroom.toml", "colour = 1\n[retention]\nhot_days = 0\nentries_max = \"many\"\n")
        .file("strongroom-data/strongroom.toml", "[store]\nbackend = \"postgres\"\n[tls]\nkey = \"x\"\n")
        .variable("STRONGROOM_RETENTION__HOTDAYS", "3")
        .variable("STRONGROOM_SEARCH__SCAN_ENTRIES_MAX", "0")
        .flag("--listen", "server.listen", "nowhere");
    let error = place.refuses();
    let here = place.path("strongroom.toml");
    let there = place.path("strongroom-data/strongroom.toml");
    let expected = [
        "STRONGROOM_RETENTION__HOTDAYS: retention.hotdays: unknown setting; did you mean retention.hot_days?".to_owned(),
        format!("{}:1: colour: unknown setting; this release has none of that name", here.display()),
        format!("{}:3: tls: unknown setting; this release has none of that name", there.display()),
        format!("{}:2: store.backend: the store \"postgres\" is not in this release: use sqlite", there.display()),
        "--listen: server.listen: `nowhere` is not accepted: give an IP address and a port, such as 127.0.0.1:7717 or [::1]:7717".to_owned(),
        format!("{}:3: retention.hot_days: 0 is not accepted: give a number of days from 1 to 36,500", here.display()),
        format!("{}:4: retention.entries_max: \"many\" is not accepted: give a whole number from 1 to 1,000,000,000", here.display()),
        "STRONGROOM_SEARCH__SCAN_ENTRIES_MAX: search.scan_entries_max: `0` is not accepted: give a whole number from 1,000 to 1,000,000,000".to_owned(),
    ];
    let found: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn only_variables_with_two_underscores_are_settings() {
    let place = Given::new()
        .variable("STRONGROOM_LOG", "debug")
        .variable("STRONGROOM_TEST_PYTHON", "python3")
        .variable("OTHER__NAME", "1");
    place.loads();
    let error = place.variable("STRONGROOM_retention__hot_days", "3").refuses();
    assert!(error.to_string().contains("upper case"), "{error}");
}

#[test]
fn sections_lists_and_quoted_dots_are_told_apart() {
    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = Given::new().file("strongroom.toml", text).refuses().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    refused("retention = 1", "is a section: write [retention]");
    refused("streams = []", "is a section: write [streams]");
    refused("[archive]\nname = \"a\"\nurl = \"b\"", "is a list: write [[archive]]");
    refused("[[retention]]\nhot_days = 1", "is a section: write [retention]");
    refused("\"retention.hot_days\" = 1", "unknown setting");
    refused("[retention.hot_days]\nx = 1", "retention.hot_days: ");
    refused("[limits]\nidentifier_bytes_max = 9", "unknown setting");
    refused("archive = [1]", "is a list: write [[archive]]");
    refused("[unheard]", "unheard: unknown setting");
    refused("a = = 1\n", "strongroom.toml:1: not TOML");
}

#[test]
fn archives_need_a_name_a_place_and_be_different() {
    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = Given::new().file("strongroom.toml", text).refuses().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    refused("[[archive]]\nname = \"a\"", "archive.0.url: missing");
    refused("[[archive]]\nurl = \"a\"", "archive.0.name: missing");
    refused("[[archive]]\nname = \"A b\"\nurl = \"a\"", "give 1 to 64 of");
    refused("[[archive]]\nname = \"a\"\nurl = \"s3://\"", "archive.0.url: SR-E001: no bucket is named");
    let twice = "[[archive]]\nname = \"a\"\nurl = \"x\"\n[[archive]]\nname = \"a\"\nurl = \"./x\"\n";
    refused(twice, "archive.1.name: another archive has this name");
    refused(twice, "archive.1.url: another archive is at this place");
    let gap = Given::new().variable("STRONGROOM_ARCHIVE__1__NAME", "a").refuses().to_string();
    assert!(gap.contains("archive.1: there is no archive.0"), "{gap}");
}

const RECIPIENTS: [&str; 2] = [
    "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
    "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
];

#[test]
fn recipients_are_a_list_in_a_file_and_one_text_in_the_environment() {
    let archive = "[[archive]]\nname = \"a\"\nurl = \"a\"\n";
    let listed = format!("{archive}encrypt_to = [\"{}\", \"{}\"]\n", RECIPIENTS[0], RECIPIENTS[1]);
    let mut expected = RECIPIENTS.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(Given::new().file("strongroom.toml", &listed).loads().archive[0].encrypt_to, expected);
    let text = format!("{}, {}", RECIPIENTS[1], RECIPIENTS[0]);
    let given = Given::new().file("strongroom.toml", archive);
    let given = given.variable("STRONGROOM_ARCHIVE__0__ENCRYPT_TO", &text);
    let given = given.variable("STRONGROOM_ARCHIVE__0__IDENTITY_FILE", "keys/identity");
    let loaded = given.loads().archive.remove(0);
    assert_eq!(loaded.encrypt_to, expected);
    assert_eq!(loaded.identity_file, Some(given.path("keys/identity")));
    for wrong in ["\"age1zvkyg\"", "[\"age1zvkyg\"]", "[]", "[1]", "\"\""] {
        let text = format!("{archive}encrypt_to = {wrong}\n");
        let error = Given::new().file("strongroom.toml", &text).refuses().to_string();
        assert!(error.contains("age recipients (age1…)"), "{wrong}: {error}");
    }
}

#[test]
fn all_archives_of_a_ledger_are_encrypted_to_the_same() {
    let archive = |name: &str, to: &str| {
        format!("[[archive]]\nname = \"{name}\"\nurl = \"{name}\"\nencrypt_to = [\"{to}\"]\n")
    };
    let both = |to: &str| archive("a", RECIPIENTS[0]) + &archive("b", to);
    Given::new().file("strongroom.toml", &both(RECIPIENTS[0])).loads();
    let plain = archive("a", RECIPIENTS[0]) + "[[archive]]\nname = \"b\"\nurl = \"b\"\n";
    for text in [both(RECIPIENTS[1]), plain] {
        let error = Given::new().file("strongroom.toml", &text).refuses().to_string();
        assert!(error.contains("archive.1.encrypt_to: one manifest names the objects"), "{error}");
    }
}

#[test]
fn k5_a_secret_key_in_the_place_of_a_recipient_is_not_repeated() {
    let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    let text = format!("[[archive]]\nname = \"a\"\nurl = \"a\"\nencrypt_to = [\"{secret}\"]\n");
    let error = Given::new().file("strongroom.toml", &text).refuses().to_string();
    assert!(error.contains("a secret key") && !error.contains("GQ9778"), "{error}");
}

#[test]
fn certificate_and_key_come_together_and_are_relative_to_where_the_program_starts() {
    let place = Given::new()
        .file("strongroom.toml", "[server]\ntls_cert = \"tls/chain.pem\"\n")
        .variable("STRONGROOM_SERVER__TLS_KEY", "/etc/key.pem");
    let tls = place.loads().server.tls.unwrap();
    assert_eq!((tls.cert, tls.key), (place.path("tls/chain.pem"), PathBuf::from("/etc/key.pem")));
    for (given, missing) in [("tls_cert", "server.tls_key"), ("tls_key", "server.tls_cert")] {
        let error = Given::new().file("strongroom.toml", &format!("[server]\n{given} = \"x\"\n")).refuses();
        assert!(error.to_string().contains(&format!("goes only with {missing}")), "{error}");
    }
}

#[test]
fn a_word_that_is_no_choice_is_refused_with_the_choices() {
    let error = Given::new().file("strongroom.toml", "[log]\nlevel = \"loud\"\n").refuses();
    assert!(error.to_string().contains("error, warn, info, debug"), "{error}");
}

#[test]
fn what_must_fit_into_another_limit_does() {
    let error = Given::new()
        .variable("STRONGROOM_LIMITS__STRING_BYTES_MAX", "300_000")
        .variable("STRONGROOM_LIMITS__BATCH_BYTES_MAX", "2048")
        .refuses();
    let keys: Vec<_> = error.problems().iter().filter_map(|problem| problem.key.as_deref()).collect();
    assert_eq!(keys, ["limits.string_bytes_max", "limits.event_bytes_max"]);
}

#[test]
fn a_named_file_must_be_there_and_the_others_need_not() {
    let place = Given::new().config("missing.toml");
    let error = place.refuses().to_string();
    assert!(error.contains("missing.toml: cannot read the settings file"), "{error}");
}

#[test]
fn an_origin_that_cannot_be_signed_under_is_refused() {
    let place = Given::new().file("strongroom.toml", "ledger.origin = \"two words\"");
    assert!(place.refuses().to_string().contains("it holds white space"));
    let place = Given::new().file("strongroom.toml", "ledger.origin = \"example.com/ledger\"");
    assert_eq!(place.loads().ledger.origin.as_deref(), Some("example.com/ledger"));
}

#[test]
fn archive_runs_are_daily_or_every_so_many_seconds_and_not_both() {
    let daily = Given::new().file("strongroom.toml", "retention.run_at = \"03:15\"").loads();
    assert_eq!(daily.retention.schedule, settings::RunSchedule::Daily { at_minutes: 195 });
    let every = Given::new().file("strongroom.toml", "retention.every_seconds = 600").loads();
    assert_eq!(every.retention.schedule, settings::RunSchedule::Every { seconds: 600 });
    let both = Given::new()
        .file("strongroom.toml", "retention.run_at = \"03:15\"")
        .variable("STRONGROOM_RETENTION__EVERY_SECONDS", "600");
    let error = both.refuses().to_string();
    assert!(error.contains("goes not with retention.run_at"), "{error}");
}

#[test]
fn credentials_in_a_refused_url_are_not_repeated() {
    let place = Given::new()
        .variable("STRONGROOM_ARCHIVE__0__URL", "s3://key:hunter2@bucket")
        .variable("STRONGROOM_ARCHIVE__0__NAME", "a");
    let error = place.refuses();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn the_initial_file_loads_and_sets_what_it_shows() {
    let place = Given::new()
        .file("strongroom-data/strongroom.toml", &settings::initial_file("example.com/a\"b", "archive"));
    let settings = place.loads();
    assert_eq!(settings.ledger.origin.as_deref(), Some("example.com/a\"b"));
    assert_eq!(settings.archive.len(), 1);
    let defaults = Given::new().loads();
    assert_eq!(settings.retention, defaults.retention);

    // Every default shown as a comment is the default in effect.
    let shown = fs::read_to_string(place.path("strongroom-data/strongroom.toml")).unwrap();
    let uncommented: Vec<&str> = shown
        .lines()
        .map(|line| {
            line.strip_prefix("# ").filter(|rest| rest.split(' ').nth(1) == Some("=")).unwrap_or(line)
        })
        .collect();
    let place = place.file("strongroom-data/strongroom.toml", &uncommented.join("\n"));
    assert_eq!(place.loads().limits, defaults.limits);
    assert_eq!(place.loads().streams, defaults.streams);
}

#[test]
fn the_reference_page_is_the_checked_in_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    let page = fs::read_to_string(path).expect("docs/settings.md is there");
    assert!(
        page == settings::reference_page(),
        "docs/settings.md is stale: cargo run -p settings --example reference > docs/settings.md"
    );
}

use crate::workplace::{Ran, Workplace, finish, program};

/// Runs `init` and answers the origin it took.
fn origin(place: &Workplace, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = program(&place.path(""));
    command.args(arguments).args(["init", "--json"]).envs(environment.iter().copied());
    finish(command, "").succeeds().json()["origin"].as_str().unwrap().to_owned()
}

#[test]
fn settings_win_in_their_order() {
    let place = Workplace::empty();
    place.write("strongroom.toml", "[ledger]\norigin = \"test/here\"\n");
    place.write("named.toml", "[ledger]\norigin = \"test/named\"\n");
    assert_eq!(origin(&place, &["--data", "one"], &[]), "test/here");
    assert_eq!(origin(&place, &["--data", "two", "--config", "named.toml"], &[]), "test/named");
    let variable = [("STRONGROOM_LEDGER__ORIGIN", "test/variable")];
    assert_eq!(origin(&place, &["--data", "three", "--config", "named.toml"], &variable), "test/variable");
    let directory = [("STRONGROOM_LEDGER__DATA_DIR", "four")];
    origin(&place, &["--data", "five"], &directory);
    assert!(place.path("five/ledger.sqlite").exists() && !place.path("four").exists());
}

#[test]
fn the_data_directorys_own_settings_count_last() {
    let place = Workplace::with_ledger();
    let shown = |ran: Ran| ran.stderr;
    place.write("data/strongroom.toml", "[retention]\nhot_days = 0\n");
    assert!(shown(place.run(&["search"]).exits(2)).contains("data/strongroom.toml"));
    place.write("strongroom.toml", "[retention]\nhot_days = 5\n");
    place.run(&["search"]).succeeds();
}

#[test]
fn all_problems_are_told_at_once() {
    let place = Workplace::with_ledger();
    place.write("bad.toml", "[retention]\nhot_days = -1\n[server]\nlissten = \"x\"\n");
    let mut command = place.command(&["--config", "bad.toml", "search"]);
    command.env("STRONGROOM_RETENTION__ENTRIES_MAX", "many");
    finish(command, "")
        .exits(2)
        .says("hot_days")
        .says("-1")
        .says("lissten")
        .says("STRONGROOM_RETENTION__ENTRIES_MAX");
    place.run(&["--config", "nowhere.toml", "search"]).exits(2).says("nowhere.toml");
}

#[test]
fn settings_of_another_ledger_are_refused() {
    let place = Workplace::with_ledger();
    let mut command = place.command(&["search"]);
    command.env("STRONGROOM_LEDGER__ORIGIN", "test/other");
    finish(command, "").exits(2).says("test/other").says("strongroom.invalid/");
}

//! What the file itself holds to, whoever opens it.

use rusqlite::Connection;
use store::{Commit, Store};

use crate::files::{Directory, commit_after, fill, holds_exactly, prune};

#[tokio::test]
async fn another_connection_can_neither_change_nor_delete_nor_replace_an_entry() {
    let directory = Directory::new();
    let store = directory.create();
    fill(&store, 1, 5).await;
    let stranger = directory.stranger();
    for (sql, refusal) in [
        ("UPDATE entry SET line = '{}' WHERE seq = 2", "an entry never changes"),
        ("UPDATE entry SET seq = 99 WHERE seq = 2", "an entry never changes"),
        ("DELETE FROM entry WHERE seq = 2", "an entry is deleted only by pruning"),
        ("DELETE FROM entry", "an entry is deleted only by pruning"),
        ("INSERT INTO entry VALUES (2, '{}')", "an entry is never replaced"),
        ("INSERT OR REPLACE INTO entry VALUES (2, '{}')", "an entry is never replaced"),
        ("REPLACE INTO entry VALUES (2, '{}')", "an entry is never replaced"),
        (
            "INSERT INTO entry VALUES (2, '{}') ON CONFLICT DO UPDATE SET line = '{}'",
            "an entry is never replaced",
        ),
    ] {
        let error = stranger.execute(sql, []).expect_err(sql);
        assert!(error.to_string().contains(refusal), "{sql}: {error}");
    }
    holds_exactly(&store, 5, 5).await;
}

#[tokio::test]
async fn the_way_to_prune_is_closed_again_afterwards() {
    let directory = Directory::new();
    let store = directory.create();
    fill(&store, 1, 5).await;
    prune(&store, 5, 1, 3).await;
    let gates: i64 =
        directory.stranger().query_row("SELECT count(*) FROM prune_gate", [], |row| row.get(0)).unwrap();
    assert_eq!(gates, 0);
    directory.stranger().execute("DELETE FROM entry WHERE seq = 3", []).expect_err("it is closed");
}

#[test]
fn the_file_is_set_up_for_wal_and_incremental_vacuum() {
    let directory = Directory::new();
    let store = directory.create();
    let stranger = directory.stranger();
    let pragma = |name: &str| -> String {
        stranger
            .query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal");
    assert_eq!(pragma("auto_vacuum"), "2", "incremental");
    assert_eq!(pragma("page_size"), "8192");
    assert_eq!(pragma("user_version"), "2");
    assert_eq!(pragma("application_id"), 0x5374_726d.to_string());
    assert_eq!(pragma("integrity_check"), "ok");
    drop(store);
}

#[test]
fn every_table_is_strict() {
    let directory = Directory::new();
    drop(directory.create());
    let loose: Vec<String> = directory
        .stranger()
        .prepare("SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(loose, Vec::<String>::new());
}

/// The columns of the one row that the view has, as `name=value`; without `line`, and without what is null.
fn only_row(connection: &Connection, view: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {view}")).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).unwrap();
    let row = rows.next().unwrap().expect("a row");
    let mut columns = Vec::new();
    for (position, name) in names.iter().enumerate().filter(|(_, name)| *name != "line") {
        match row.get::<_, rusqlite::types::Value>(position).unwrap() {
            rusqlite::types::Value::Null => {}
            rusqlite::types::Value::Integer(value) => columns.push(format!("{name}={value}")),
            rusqlite::types::Value::Text(value) => columns.push(format!("{name}={value}")),
            value => panic!("{name}: {value:?}"),
        }
    }
    assert!(rows.next().unwrap().is_none(), "one row");
    columns
}

#[tokio::test]
async fn the_views_give_each_stream_its_columns() {
    let lines = [
        r#"{"seq":0,"recorded_at":"2026-01-02T03:04:05.000006Z","stream":"audit","event_id":"e0","occurred_at":"2026-01-02T03:04:04.000000Z","tenant":"7","actor":{"type":"user","id":"u1"},"action":"role.grant","target":{"type":"user","id":"u2"},"outcome":"success","source":"web","request_id":"r1","metadata":{"a":1},"changes":{"role":{"after":"admin"}}}"#,
        r#"{"seq":1,"stream":"discovery","event_id":"e1","tenant":"7","actor":{"type":"agent","id":"a1"},"action":"message.add","outcome":"success","source":"api","conversation_id":"c1","message_id":"m1","message_role":"user","content":"hello"}"#,
        r#"{"seq":2,"stream":"tool","event_id":"e2","tenant":"8","actor":{"type":"system"},"action":"tool.call","outcome":"unknown","source":"api","tool":"search","duration_ms":12,"in_size":3,"out_size":4,"input_hash":"ff"}"#,
    ];
    let directory = Directory::new();
    let store = directory.create();
    let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    store.commit(Commit { lines, ..commit_after(0, 3) }).await.unwrap();
    let stranger = directory.stranger();
    let audit = [
        "seq=0",
        "recorded_at=2026-01-02T03:04:05.000006Z",
        "occurred_at=2026-01-02T03:04:04.000000Z",
        "tenant=7",
        "actor_type=user",
        "actor_id=u1",
        "action=role.grant",
        "target_type=user",
        "target_id=u2",
        "outcome=success",
        "source=web",
        "request_id=r1",
        "event_id=e0",
        r#"changes={"role":{"after":"admin"}}"#,
        r#"metadata={"a":1}"#,
    ];
    assert_eq!(only_row(&stranger, "audit_event"), audit);
    let discovery = [
        "seq=1",
        "tenant=7",
        "actor_type=agent",
        "actor_id=a1",
        "action=message.add",
        "outcome=success",
        "source=api",
        "event_id=e1",
        "conversation_id=c1",
        "message_id=m1",
        "message_role=user",
        "content=hello",
    ];
    assert_eq!(only_row(&stranger, "discovery_event"), discovery);
    let tool = [
        "seq=2",
        "tenant=8",
        "actor_type=system",
        "action=tool.call",
        "outcome=unknown",
        "source=api",
        "event_id=e2",
        "tool=search",
        "duration_ms=12",
        "in_size=3",
        "out_size=4",
        "input_hash=ff",
    ];
    assert_eq!(only_row(&stranger, "tool_event"), tool);
}

#[tokio::test]
async fn reclaiming_shrinks_the_file_after_pruning() {
    let directory = Directory::new();
    let store = directory.create();
    fill(&store, 10, 1_000).await;
    prune(&store, 10_000, 0, 9_500).await;
    // Into the database file, so that its length says something.
    let length = || std::fs::metadata(directory.ledger()).unwrap().len();
    directory.stranger().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let before = length();
    let step = store.reclaim(1 << 20).await.unwrap();
    assert_eq!(step, 1 << 20, "no more than asked for");
    assert_eq!(length(), before - step);
    let rest = store.reclaim(u64::MAX).await.unwrap();
    assert_eq!(length(), before - step - rest);
    assert!(length() < before / 5, "{before} became {}", length());
    assert_eq!(store.head().await.unwrap().unwrap().size, 10_000);
    assert_eq!(crate::files::entries(&store).await.len(), 500);
}

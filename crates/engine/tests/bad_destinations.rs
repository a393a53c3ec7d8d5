//! A destination that fails or lies: the range stays hot, and the error names the object and the reason. The server is
//! a real one, and what stands before it is bad.

use archive::{CredentialSource, Credentials, Destination, DestinationOptions, Timeouts};
use engine::{Actor, ArchiveReport, ArchiveRun, Engine, NoProgress, Parts, Window};
use event::{Filter, HotDays};
use std::time::Duration;
use testkit::{Fixture, Rows, check, event_json};
use testservers::{Action, Proxy, Rule, S3sServer};

const IDS: [&str; 3] = ["a", "b", "c"];

struct Place {
    fixture: Fixture,
    _server: S3sServer,
    proxy: Proxy,
    engine: Engine,
}

impl Place {
    /// A ledger whose entries have aged, with an S3 bucket behind a proxy as its destination.
    async fn new() -> Self {
        let fixture = Fixture::new(Rows::Memory);
        let server = S3sServer::start();
        let bucket = server.bucket();
        let proxy = Proxy::before(bucket.endpoint());
        let key = [
            ("AWS_ACCESS_KEY_ID", bucket.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", bucket.secret_access_key()),
        ];
        let options = DestinationOptions {
            endpoint: Some(proxy.endpoint()),
            region: Some(bucket.region().to_owned()),
            credentials: CredentialSource::Given(Credentials::from_pairs(key).unwrap()),
            timeouts: Timeouts {
                connect: Duration::from_secs(2),
                request: Duration::from_secs(2),
                retry: Duration::from_millis(300),
            },
            ..DestinationOptions::new(&format!("{}/ledger", bucket.url()))
        };
        // This server is known to let several creates of one key win, which a probe would refuse it for.
        let far = Destination::open_with("far", &options).unwrap().accepting_unproven(true);
        let destinations = vec![far];
        let parts = Parts { destinations, ..fixture.parts(fixture.store()) };
        let engine = Engine::create(parts, &Actor::system()).await.unwrap();
        for id in IDS {
            engine.append(vec![fixture.event(&event_json(id, "t", "ann", "a.b"))]).await.unwrap();
        }
        fixture.clock.advance_days(8);
        Self { fixture, _server: server, proxy, engine }
    }

    async fn run(&self) -> engine::Result<ArchiveReport> {
        let window = Window::HotDays(HotDays::new(7).unwrap());
        let run = ArchiveRun { window, limit: None, dry_run: false, forced: false };
        self.engine.archive_run(&run, &Actor::system(), &NoProgress).await
    }

    async fn hot_ids(&self) -> Vec<String> {
        let filter = Filter::from_pairs([("tenant", "t")].into_iter()).unwrap();
        let page = engine::Page {
            order: engine::Order::Ascending,
            limit: 1_000,
            tier: engine::Tier::Hot,
            cursor: None,
        };
        let page = self.engine.ledger().search(&filter, &page).await.unwrap();
        let id = |line: &Vec<u8>| event::EntryFields::parse(line).unwrap().event_id.into_owned();
        page.entries.iter().map(id).collect()
    }

    /// Under this rule the run fails with an error that says all of `expected`, and everything stays hot.
    async fn stays_hot_under(&self, rule: Rule, expected: &[&str]) {
        self.proxy.add(rule);
        let error = text(&self.run().await.unwrap_err());
        for part in expected {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
        assert_eq!(self.hot_ids().await, IDS);
        self.proxy.clear();
    }

    /// Once the destination is good again, the run goes on where it was.
    async fn succeeds_when_all_is_well(self) {
        let report = self.run().await.unwrap();
        assert_eq!(report.unverified, 0);
        assert_eq!(self.hot_ids().await, [""; 0]);
        check(&self.engine).await;
        drop(self.fixture);
    }
}

fn text(error: &engine::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Reads of objects with entries, not of what is beside them.
fn objects(action: Action) -> Rule {
    Rule::new(action).when(|request| request.method == "GET" && request.path.ends_with(".jsonl.gz"))
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_what_reads_back_otherwise_stays_hot() {
    let place = Place::new().await;
    place.stays_hot_under(objects(Action::FlipBit(40)), &["far", ".jsonl.gz", "hash"]).await;
    place.stays_hot_under(objects(Action::Truncate(30)), &["far", ".jsonl.gz"]).await;
    place.stays_hot_under(objects(Action::Tear(30)), &["far", ".jsonl.gz"]).await;
    place.succeeds_when_all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_what_was_confirmed_and_is_lost_stays_hot() {
    let place = Place::new().await;
    place.stays_hot_under(objects(Action::Answer(404)), &["far", ".jsonl.gz", "not there"]).await;
    place.succeeds_when_all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_a_destination_that_refuses_fails_is_full_or_silent_leaves_all_hot() {
    let place = Place::new().await;
    for (status, reason) in [(403, "403"), (500, "500"), (507, "507")] {
        let rule = Rule::new(Action::Answer(status)).method("PUT");
        place.stays_hot_under(rule, &["far", "cannot write", ".jsonl.gz", reason]).await;
    }
    place.stays_hot_under(Rule::new(Action::NeverAnswer).method("PUT"), &["far", "cannot write"]).await;
    place.succeeds_when_all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_a_manifest_that_cannot_be_written_leaves_all_hot() {
    let place = Place::new().await;
    let manifest = Rule::new(Action::Answer(403)).method("PUT").path(".manifest");
    place.stays_hot_under(manifest, &["far", "cannot write batches/", "403"]).await;
    place.succeeds_when_all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_to_a_write_lost_still_ends_in_an_archive() {
    let place = Place::new().await;
    place.proxy.add(Rule::new(Action::DropReply).method("PUT"));
    let report = place.run().await.unwrap();
    assert_eq!((report.unverified, report.verified), (0, report.archived));
    place.proxy.clear();
    place.succeeds_when_all_is_well().await;
}

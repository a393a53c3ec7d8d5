//! Whatever happens between the steps of operations (other steps at the same time, commits that fail in every way,
//! callers that go away, restarts, timeouts), each that was begun ends as exactly one entry, and every answer agrees
//! with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use engine::{Actor, CompletedOperation, Engine, ErrorKind, LastCheckpoint, Page, Parts};
use event::{Completion, EntryFields, Filter, Limits, Operation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use store::Table;
use testkit::{Fault, FaultyStore, Fixture, Rows, check, event_json};

const OPERATIONS: usize = 3;
const TIMEOUT_MICROS: i64 = 14_400 * 1_000_000;
const COMPLETIONS: [&str; 4] = [
    r#"{"outcome":"success"}"#,
    r#"{"outcome":"success","metadata":{"n":1}}"#,
    r#"{"outcome":"failure","error":{"code":"c"}}"#,
    r#"{"outcome":"denied","occurred_at":"2026-02-02T00:00:00Z"}"#,
];

#[derive(Debug, Clone)]
enum Call {
    Begin { operation: usize, content: usize },
    Complete { operation: usize, completion: usize },
    TimeOut,
}

#[derive(Debug, Clone)]
enum Step {
    /// Made at the same time; where a number is given, the caller goes away after so many turns.
    Calls(Vec<(Call, Option<u8>)>),
    /// Time passes, enough for a timeout or not.
    Wait { long: bool },
    /// The commit after so many more fails.
    Fail { after: usize },
    /// The process ends, and another opens the same rows; its commits will fail in this way.
    Restart { fault: Fault },
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => (0..OPERATIONS, 0..8_usize)
            .prop_map(|(operation, content)| Call::Begin { operation, content: content / 7 }),
        4 => (0..OPERATIONS, 0..COMPLETIONS.len())
            .prop_map(|(operation, completion)| Call::Complete { operation, completion }),
        1 => Just(Call::TimeOut),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let leaves = prop_oneof![4 => Just(None), 1 => (0..6_u8).prop_map(Some)];
    prop_oneof![
        10 => vec((any_call(), leaves), 1..4).prop_map(Step::Calls),
        2 => any::<bool>().prop_map(|long| Step::Wait { long }),
        3 => (0..3_usize).prop_map(|after| Step::Fail { after }),
        1 => select(Fault::ALL.to_vec()).prop_map(|fault| Step::Restart { fault }),
    ]
}

/// What the callers know.
#[derive(Debug, Default)]
struct Known {
    /// Content and id of the beginnings that were acknowledged, by operation.
    begun: BTreeMap<usize, (usize, String)>,
    /// Where an operation was said to have ended.
    ended: BTreeMap<usize, u64>,
}

/// The last checkpoint, where the signing of an engine that is going away cannot get in the way of the next one's.
#[derive(Default)]
struct Remembered(Mutex<Option<String>>);

impl LastCheckpoint for Remembered {
    fn load(&self) -> engine::Result<Option<String>> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn save(&self, note: &str) -> engine::Result<()> {
        *self.0.lock().unwrap() = Some(note.to_owned());
        Ok(())
    }
}

struct World {
    fixture: Fixture,
    checkpoint: Arc<Remembered>,
    faulty: Arc<FaultyStore>,
    engine: Engine,
    known: Known,
}

enum Answer {
    Begun(usize, usize, engine::Result<engine::BegunOperation>),
    Completed(usize, usize, engine::Result<CompletedOperation>),
    TimedOut(engine::Result<engine::TimeOutReport>),
    /// Nobody waited for it, or nobody knew an id to ask with.
    None,
}

fn event_id(operation: usize) -> String {
    format!("op-{operation}")
}

async fn call(fixture: &Fixture, engine: &Engine, known: &Known, call: Call) -> Answer {
    match call {
        Call::Begin { operation, content } => {
            let actor = ["ann", "bob"][content];
            let json =
                event_json(&event_id(operation), "t", actor, "a.b").replace(r#""outcome":"success","#, "");
            let now = engine::Clock::now(fixture.clock.as_ref());
            let begun = Operation::begin(json.as_bytes(), &Limits::default(), now).unwrap();
            Answer::Begun(operation, content, engine.begin_operation(begun).await)
        }
        Call::Complete { operation, completion } => {
            let Some((_, id)) = known.begun.get(&operation) else { return Answer::None };
            let json = COMPLETIONS[completion].as_bytes();
            let said = Completion::parse(json, &Limits::default()).unwrap();
            Answer::Completed(operation, completion, engine.complete_operation(id, Some("t"), &said).await)
        }
        Call::TimeOut => Answer::TimedOut(engine.time_out_operations().await),
    }
}

async fn turns(count: u8) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

impl World {
    async fn new() -> Self {
        let fixture = Fixture::new(Rows::Memory);
        let faulty = Arc::new(FaultyStore::new(fixture.store(), Fault::Lost));
        let checkpoint = Arc::new(Remembered::default());
        let parts = Parts { last_checkpoint: checkpoint.clone(), ..fixture.parts(faulty.clone()) };
        let engine = Engine::create(parts, &Actor::system()).await.unwrap();
        Self { fixture, checkpoint, faulty, engine, known: Known::default() }
    }

    fn parts(&self) -> Parts {
        Parts { last_checkpoint: self.checkpoint.clone(), ..self.fixture.parts(self.faulty.clone()) }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Wait { long } => {
                self.fixture.clock.advance_micros(if long { TIMEOUT_MICROS + 1 } else { 1_000 });
            }
            Step::Fail { after } => self.faulty.fail_commit_after(after),
            Step::Restart { fault } => self.restart(fault).await,
            Step::Calls(calls) => {
                let answers = futures::future::join_all(calls.into_iter().map(|(made, leaves)| {
                    let answer = call(&self.fixture, &self.engine, &self.known, made);
                    async move {
                        let Some(count) = leaves else { return answer.await };
                        tokio::select! {
                            biased;
                            answer = answer => answer,
                            () = turns(count) => Answer::None,
                        }
                    }
                }))
                .await;
                for answer in answers {
                    self.learn(answer).await;
                }
            }
        }
    }

    async fn restart(&mut self, fault: Fault) {
        self.faulty = Arc::new(FaultyStore::new(self.fixture.store(), fault));
        // Two processes never write at once, so what is under way comes to its end first.
        let _ = self.engine.clone().shutdown().await;
        self.engine = Engine::open(self.parts()).await.unwrap();
    }

    /// Holds an answer against what was answered before and against the entry.
    async fn learn(&mut self, answer: Answer) {
        match answer {
            Answer::None => {}
            Answer::Begun(operation, content, Ok(begun)) => {
                let (known, id) =
                    self.known.begun.entry(operation).or_insert((content, begun.operation_id.clone()));
                assert_eq!((*known, id.as_str()), (content, begun.operation_id.as_str()));
            }
            Answer::Completed(operation, completion, Ok(completed)) => {
                let (seq, outcome) = match completed {
                    CompletedOperation::TimedOut { seq } => (seq, "unknown"),
                    CompletedOperation::Entered(receipt) => {
                        (receipt.seq, ["success", "success", "failure", "denied"][completion])
                    }
                };
                let line = self.engine.ledger().show(seq).await.unwrap().unwrap().line;
                let fields = EntryFields::parse(&line).unwrap();
                assert_eq!((&*fields.event_id, fields.outcome.as_str()), (&*event_id(operation), outcome));
                assert_eq!(*self.known.ended.entry(operation).or_insert(seq), seq, "one end");
            }
            Answer::Begun(_, _, Err(error)) | Answer::Completed(_, _, Err(error)) => {
                let kinds = [ErrorKind::Conflict, ErrorKind::OutcomeUnknown, ErrorKind::DiskFull];
                assert!(kinds.contains(&error.kind()), "{error:?}");
            }
            Answer::TimedOut(Err(error)) => {
                let kinds = [ErrorKind::OutcomeUnknown, ErrorKind::DiskFull];
                assert!(kinds.contains(&error.kind()), "{error:?}");
            }
            Answer::TimedOut(Ok(report)) => assert_eq!(report.refused, 0),
        }
    }

    /// Every operation gets its time, and everything is held against the ledger.
    async fn finish(mut self) {
        self.restart(Fault::Lost).await;
        self.fixture.clock.advance_micros(TIMEOUT_MICROS + 1);
        let report = self.engine.time_out_operations().await.unwrap();
        assert_eq!((report.refused, report.more), (0, false));
        let rows = self.fixture.store().rows(Table::Operation, "", None, 9).await.unwrap();
        assert_eq!(rows, [], "nothing is pending");

        let page = Page { limit: 1_000, ..Page::default() };
        let found = self.engine.ledger().search(&Filter::default(), &page).await.unwrap().entries;
        let mut ends: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
        for line in &found {
            let fields = EntryFields::parse(line).unwrap();
            assert_ne!(fields.action, "operation.refused");
            if fields.tenant == "t" {
                assert!(fields.started_at.is_some());
                let end = (fields.seq, fields.actor_id.unwrap().into_owned());
                ends.entry(fields.event_id.into_owned()).or_default().push(end);
            }
        }
        for operation in 0..OPERATIONS {
            let ends = ends.remove(&event_id(operation)).unwrap_or_default();
            match self.known.begun.get(&operation) {
                // A beginning that was never answered may have been taken all the same.
                None => assert!(ends.len() <= 1, "{ends:?}"),
                Some((content, _)) => {
                    let actors: Vec<_> = ends.iter().map(|(_, actor)| actor.as_str()).collect();
                    assert_eq!(actors, [["ann", "bob"][*content]], "operation {operation}");
                }
            }
            if let Some(seq) = self.known.ended.get(&operation) {
                assert_eq!(ends[0].0, *seq);
            }
            for completion in 0..COMPLETIONS.len() {
                let late = Call::Complete { operation, completion };
                let answer = call(&self.fixture, &self.engine, &self.known, late).await;
                assert!(!matches!(&answer, Answer::Completed(_, _, Ok(CompletedOperation::Entered(receipt)))
                    if !receipt.duplicate));
                self.learn(answer).await;
            }
        }
        self.engine.checkpoint().await.unwrap();
        check(&self.engine).await;
    }
}

#[test]
fn a5_whatever_happens_each_operation_ends_as_one_entry() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&vec(any_step(), 1..30), |steps| {
            runtime.block_on(async {
                let mut world = World::new().await;
                for step in steps {
                    world.take(step).await;
                }
                world.finish().await;
            });
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

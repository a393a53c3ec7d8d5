use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use event::EntryFields;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use store::{EntryScan, Order, SqliteOptions, SqliteStore, Store};
use traffic::Traffic;

use crate::receipts::Receipt;
use crate::workplace::{Workplace, now};

/// Rounds of being killed.
const ROUNDS: u32 = 54;
/// In each of these an archive run is killed, too.
const ARCHIVE_EVERY: u32 = 6;
/// New events offered in a round.
const ROUND_EVENTS: Range<usize> = 100..2_000;
/// How long a process may live from its start: opening the ledger and the first commits.
const LIFE_MICROS: Range<u64> = 0..200_000;
/// How long it may live from its first receipt: commits under way.
const LIFE_AFTER_RECEIPT_MICROS: Range<u64> = 0..40_000;

/// K3: whenever the process is killed, what it acknowledged is there, the ledger verifies, and nothing has to be repaired.
#[test]
fn k3_a_process_killed_at_any_moment_loses_no_acknowledged_event() {
    let seed = seed();
    println!("STRONGROOM_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let place = Workplace::with_ledger();
    let mut producer = Producer::new(seed);
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let events = producer.offer(rng.random_range(ROUND_EVENTS));
        let receipts = producer.named(append_and_kill(&place, events, Life::random(round, &mut rng)));
        let context = format!("seed {seed}, round {round}, {} receipts", receipts.len());
        verify(&place, &context);
        are_there(&place, &receipts, &context);
        for (event_id, seq) in Receipt::places(&receipts) {
            let earlier = acknowledged.insert(event_id.clone(), seq);
            assert!(earlier.is_none_or(|earlier| earlier == seq), "{event_id} has moved ({context})");
            producer.acknowledge(&event_id);
        }
        if round % ARCHIVE_EVERY == ARCHIVE_EVERY - 1 {
            archive_and_kill(&place, Duration::from_micros(rng.random_range(LIFE_MICROS)));
            verify(&place, &format!("{context}, archive run killed"));
        }
    }

    // What was never acknowledged is sent again: each event is in the ledger once, whether or not it had arrived.
    let rest = place.append(&producer.offer(1)).succeeds();
    acknowledged.extend(Receipt::places(&producer.named(Receipt::all(&rest.stdout))));
    assert_eq!(acknowledged.len(), producer.offered, "every event has a receipt");
    let seqs: BTreeSet<u64> = acknowledged.values().copied().collect();
    assert_eq!(seqs.len(), producer.offered, "every event has a place of its own");
    all_archived(&place, &mut producer);
}

/// Once everything is archived and pruned the next event still chains to the whole.
fn all_archived(place: &Workplace, producer: &mut Producer) {
    place.run(&["archive", "run", "--before", &now()]).succeeds();
    place.append(&producer.offer(10)).succeeds();
    place.run(&["verify", "--full"]).succeeds();
    let vkey = place.vkey();
    let report =
        place.run(&["verify", "--archive", "data/archive", "--key", &vkey, "--json"]).succeeds().json();
    assert!(report["entries"].as_u64().unwrap() >= producer.offered as u64 - 10);
}

fn seed() -> u64 {
    match std::env::var("STRONGROOM_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64,
    }
}

/// Events that were offered and not acknowledged are offered again, as a careful client does.
struct Producer {
    traffic: Traffic,
    waiting: VecDeque<(String, String)>,
    offered: usize,
}

impl Producer {
    fn new(seed: u64) -> Self {
        Self { traffic: Traffic::new(seed), waiting: VecDeque::new(), offered: 0 }
    }

    fn offer(&mut self, new: usize) -> Vec<String> {
        for _ in 0..new {
            let event = String::from_utf8(self.traffic.event(1_700_000_000_000_000)).unwrap();
            let value: serde_json::Value = serde_json::from_str(&event).unwrap();
            // New ones first: every process is to be killed over commits, not over duplicates alone.
            self.waiting.push_front((value["event_id"].as_str().unwrap().to_owned(), event));
        }
        self.offered += new;
        self.waiting.iter().map(|(_, event)| event.clone()).collect()
    }

    /// Receipts come in the order of the input. The one of an event that is there before, and archived, does not repeat
    /// its id.
    fn named(&self, receipts: Vec<Receipt>) -> Vec<Receipt> {
        let named = |(mut receipt, (event_id, _)): (Receipt, &(String, String))| {
            let told = receipt.event_id.get_or_insert_with(|| event_id.clone());
            assert_eq!(told, event_id, "receipts are in the order of the input");
            receipt
        };
        receipts.into_iter().zip(&self.waiting).map(named).collect()
    }

    fn acknowledge(&mut self, event_id: &str) {
        self.waiting.retain(|(waiting, _)| waiting != event_id);
    }
}

/// When a process is killed.
#[derive(Debug, Clone, Copy)]
enum Life {
    FromStart(Duration),
    FromFirstReceipt(Duration),
}

impl Life {
    fn random(round: u32, rng: &mut StdRng) -> Self {
        if round.is_multiple_of(3) {
            return Self::FromStart(Duration::from_micros(rng.random_range(LIFE_MICROS)));
        }
        Self::FromFirstReceipt(Duration::from_micros(rng.random_range(LIFE_AFTER_RECEIPT_MICROS)))
    }
}

/// Starts an append, kills it when its life is over, and answers the receipts that had come out by then.
fn append_and_kill(place: &Workplace, events: Vec<String>, life: Life) -> Vec<Receipt> {
    let start = Instant::now();
    let mut child = place.command(&["append"]).stdin(Stdio::piped()).spawn().unwrap();
    let writer = write_to(child.stdin.take().unwrap(), events);
    let printed = receipts_of(&mut child);
    let mut receipts = Vec::new();
    let deadline = match life {
        Life::FromStart(life) => start + life,
        Life::FromFirstReceipt(life) => {
            receipts.push(Receipt::parse(&printed.recv().expect("it ended without a receipt")));
            Instant::now() + life
        }
    };
    let mut ended = false;
    while !ended {
        match printed.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(printed) => receipts.push(Receipt::parse(&printed)),
            Err(mpsc::RecvTimeoutError::Timeout) => break,
            Err(mpsc::RecvTimeoutError::Disconnected) => ended = true,
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    writer.join().unwrap();
    // Receipts that were in the pipe when it died count: somebody may have read them.
    receipts.extend(printed.iter().map(|line| Receipt::parse(&line)));
    receipts
}

fn write_to(mut stdin: ChildStdin, events: Vec<String>) -> JoinHandle<()> {
    thread::spawn(move || {
        for event in events {
            if writeln!(stdin, "{event}").is_err() {
                return;
            }
        }
    })
}

/// Lines as they come; a last line without its end was never printed.
fn receipts_of(child: &mut Child) -> Receiver<String> {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (lines, received) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        while stdout.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
            if lines.send(line.trim_end().to_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    received
}

fn archive_and_kill(place: &Workplace, life: Duration) {
    let deadline = Instant::now() + life;
    let mut child = place.command(&["archive", "run", "--before", &now()]).spawn().unwrap();
    let ended = receipts_of(&mut child);
    // Its report is the last thing it prints: whichever comes first.
    let _ = ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    child.kill().unwrap();
    child.wait().unwrap();
}

fn verify(place: &Workplace, context: &str) {
    let ran = place.run(&["verify", "--json"]);
    assert_eq!(ran.code, 0, "{context}: {}{}", ran.stdout, ran.stderr);
}

/// Every receipt's entry is at its place, with its hash. The last one is looked up as people do it.
fn are_there(place: &Workplace, receipts: &[Receipt], context: &str) {
    let Some(last) = receipts.last() else { return };
    let shown = place.run(&["show", &last.seq.to_string(), "--json"]).succeeds().json();
    assert_eq!(shown["entry"]["event_id"].as_str(), last.event_id.as_deref(), "{context}");
    assert_eq!(shown["leaf_hash"], last.leaf_hash.as_str(), "{context}");

    let lines = hot_lines(place, receipts.iter().map(|receipt| receipt.seq).min().unwrap_or(0));
    for receipt in receipts {
        // A duplicate of an event that an earlier process took may have been archived since.
        let Some(line) = lines.get(&receipt.seq) else {
            assert!(receipt.duplicate, "{receipt:?} is gone ({context})");
            continue;
        };
        let fields = EntryFields::parse(line).unwrap();
        assert_eq!(Some(&*fields.event_id), receipt.event_id.as_deref(), "{context}");
        assert_eq!(merkle::leaf_hash(line).to_string(), receipt.leaf_hash, "{context}");
    }
}

fn hot_lines(place: &Workplace, first: u64) -> BTreeMap<u64, Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = SqliteStore::file_in(&place.data());
        let store = SqliteStore::open_read_only(&file, &SqliteOptions::default()).unwrap();
        let range = first..store.head().await.unwrap().unwrap().size;
        let scan = EntryScan { range, order: Order::Ascending, rows_max: usize::MAX, bytes_max: usize::MAX };
        store.entries(scan).await.unwrap().into_iter().map(|entry| (entry.seq, entry.line)).collect()
    })
}

//! What no server may take: malformed requests of every kind, from seeds, over real sockets, at a real ledger. Each is
//! told where it is wrong, the server goes on, and the ledger has not one entry more.

mod dice;
mod event_kinds;
mod request_kinds;
mod slow;
mod syntax_kinds;
mod wire;

use std::net::SocketAddr;

use engine::Role;

use self::dice::Dice;
use self::event_kinds::{Bad, EVENT_KINDS, good};
use self::request_kinds::{REQUEST_KINDS, gzip, zstd};
use self::syntax_kinds::SYNTAX_KINDS;
use self::wire::{Answer, exchange, request};
use crate::harness::{JSON, LINES, Server};

/// Small bounds, so that many requests go beyond them in little time.
const BATCH_BYTES_MAX: usize = 1 << 20;
const BATCH_EVENTS_MAX: usize = 50;

/// Requests of each kind.
const SEEDS: u64 = 16;

/// Tokens to ask with.
struct Tokens {
    writer: String,
    /// A writer of one tenant.
    bound: String,
    auditor: String,
}

/// Where an answer says that it is wrong.
#[derive(Debug)]
enum Place {
    /// In this detail. An empty rule stands for any; a member of the rule `depth` is the beginning of a path.
    Detail { position: Option<usize>, member: String, rule: &'static str },
    /// In the message, or in that of a detail.
    Message(String),
    /// Nowhere: it was no request, so the answer has no body.
    Nowhere,
}

/// A request and the answer that it has to get.
struct Case {
    request: Vec<u8>,
    status: u16,
    code: &'static str,
    place: Place,
    /// Whether the connection is good for another request.
    keeps: bool,
}

impl Place {
    fn is_in(&self, answer: &Answer) -> bool {
        let error = answer.error();
        let details = error["details"].as_array().cloned().unwrap_or_default();
        match self {
            Self::Nowhere => answer.body.is_empty(),
            Self::Message(text) => {
                let says = |value: &serde_json::Value| {
                    value["message"].as_str().is_some_and(|message| message.contains(text))
                };
                says(&error) || details.iter().any(says)
            }
            Self::Detail { position, member, rule } => details.iter().any(|detail| {
                let found = detail["member"].as_str().unwrap_or_default();
                let is_member = found == member || (*rule == "depth" && found.starts_with(member));
                let is_rule = rule.is_empty() || detail["rule"] == **rule;
                is_member
                    && is_rule
                    && detail["position"].as_u64() == position.map(|position| position as u64)
            }),
        }
    }
}

/// Puts an event among good ones, in any format and coding, at a position.
fn batch(dice: &mut Dice, tokens: &Tokens, bad: &[u8], alone: bool) -> (Vec<u8>, usize) {
    let form = if alone { dice.pick(&[0, 2]) } else { dice.number(0, 3) };
    let others = if form == 0 { 0 } else { dice.number(0, 4) };
    let position = dice.number(0, others + 1);
    let mut events: Vec<Vec<u8>> = (0..others).map(|_| good(dice).text().into_bytes()).collect();
    events.insert(position, bad.to_vec());
    let (content_type, body) = match form {
        0 => (JSON, events.concat()),
        1 => (JSON, [b"[".to_vec(), events.join(&b","[..]), b"]".to_vec()].concat()),
        _ => (LINES, events.join(&b"\n"[..])),
    };
    let mut headers =
        vec![format!("authorization: Bearer {}", tokens.writer), format!("content-type: {content_type}")];
    let body = match dice.number(0, 4) {
        0 => {
            headers.push("content-encoding: gzip".to_owned());
            gzip(&body)
        }
        1 => {
            headers.push("content-encoding: zstd".to_owned());
            zstd(&body)
        }
        _ => body,
    };
    (request("POST", "/v1/events", &headers, &body), position)
}

fn event_case(dice: &mut Dice, tokens: &Tokens, bad: Bad) -> Case {
    let Bad { json, status, code, member, rule } = bad;
    // As the whole body, what begins with a bracket is a batch and no event.
    let form = if json.starts_with(b"[") { b" ".as_slice() } else { b"" };
    let (request, position) = loop {
        let (request, position) = batch(dice, tokens, &json, false);
        let is_whole_array = !form.is_empty() && position == 0;
        if !is_whole_array {
            break (request, position);
        }
    };
    let place = Place::Detail { position: Some(position), member, rule };
    Case { request, status, code, place, keeps: true }
}

fn syntax_case(dice: &mut Dice, tokens: &Tokens, bad: &[u8]) -> Case {
    let (request, position) = batch(dice, tokens, bad, true);
    let place = Place::Detail { position: Some(position), member: String::new(), rule: "json" };
    Case { request, status: 400, code: "malformed", place, keeps: true }
}

/// Sends one request, and another on the same connection where that is possible.
fn hold(address: SocketAddr, name: &str, seed: u64, case: &Case) {
    let next = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let bytes = if case.keeps { [&case.request[..], next].concat() } else { case.request.clone() };
    let answers = exchange(address, &bytes, !case.keeps);
    let context = || format!("{name}, seed {seed}: {:?}, {answers:?}", case.place);
    let first = answers.first().unwrap_or_else(|| panic!("no answer: {}", context()));
    assert_eq!(first.status, case.status, "{}", context());
    if !case.code.is_empty() {
        assert_eq!(first.error()["code"], case.code, "{}", context());
    }
    assert!(case.place.is_in(first), "{}", context());
    assert!(first.body.len() < 1 << 20, "the answer is bounded too: {}", context());
    if case.keeps {
        assert_eq!(answers.get(1).map(|answer| answer.status), Some(200), "{}", context());
    }
}

#[test]
fn malformed_requests_are_told_where_they_are_wrong_and_store_nothing() {
    let server = Server::start_with(|policy| {
        policy.limits.batch_bytes_max = BATCH_BYTES_MAX;
        policy.limits.batch_events_max = BATCH_EVENTS_MAX;
    });
    let tokens = Tokens {
        writer: server.token(Role::Writer, None),
        bound: server.token(Role::Writer, Some("7")),
        auditor: server.token(Role::Auditor, Some("7")),
    };
    let before = server.engine.ledger().tree_size();
    let (mut kinds, mut requests) = (0, std::collections::HashSet::new());
    let mut each = |name: &str, make: &dyn Fn(&mut Dice) -> Case| {
        kinds += 1;
        for seed in 0..SEEDS {
            let case = make(&mut Dice::new(seed << 32 | kinds));
            hold(server.address, name, seed, &case);
            requests.insert(case.request);
        }
        assert_eq!(server.engine.ledger().tree_size(), before, "{name} left an entry");
    };
    for (name, make) in EVENT_KINDS {
        each(name, &|dice| {
            let bad = make(dice);
            event_case(dice, &tokens, bad)
        });
    }
    for (name, make) in SYNTAX_KINDS {
        each(name, &|dice| {
            let bad = make(dice);
            syntax_case(dice, &tokens, &bad)
        });
    }
    for (name, make) in REQUEST_KINDS {
        each(name, &|dice| make(dice, &tokens));
    }
    assert!(kinds >= 90, "{kinds} kinds");
    assert!(requests.len() >= 1_200, "{} different requests", requests.len());
    // What was refused left nothing behind that would be in the way of what is right.
    server.append(&tokens.bound, JSON, &good(&mut Dice::new(u64::MAX)).text()).ok(201);
    assert_eq!(server.engine.ledger().tree_size(), before + 1);
    server.runtime.block_on(testkit::check(&server.engine));
}

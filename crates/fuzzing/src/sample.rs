//! What the targets start from: one time, one key, and events of few words, so that a fuzzer finds them by chance.

use event::Timestamp;
use merkle::NoteSigner;

/// The name of the ledger whose key [`signer`] is.
pub(crate) const ORIGIN: &str = "ledger.example";

/// A key of sevens. It signs nothing but what the targets make up.
const SECRET: &str = "PRIVATE+KEY+ledger.example+5c3b714a+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

pub(crate) fn signer() -> NoteSigner {
    NoteSigner::from_secret(SECRET).expect("the key is well formed")
}

/// A time that is known to be one.
pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("the time is RFC 3339")
}

/// After every `occurred_at` of [`submitted`].
pub(crate) fn now() -> Timestamp {
    time("2026-11-22T01:33:00.123456Z")
}

/// The `number`-th event as its producer would send it: streams, tenants, actors and actions from small sets, with
/// letters whose case is not that of ASCII.
pub(crate) fn submitted(number: usize) -> String {
    let pick = |words: &[&'static str], step: usize| words[number / step % words.len()];
    let tenant = pick(&["7", "acme", "Ä"], 1);
    let actor = pick(&["user-1", "User-2", "\u{212a}elvin", "ΟΔΟΣ"], 2);
    let action = pick(&["session.create", "session.end", "file.read"], 3);
    let outcome = pick(&["success", "failure", "denied"], 5);
    let (stream, own) = match number % 4 {
        0 | 1 => ("audit", r#""changes":{"name":{"before":"a","after":"B"}}"#),
        2 => (
            "discovery",
            r#""conversation_id":"c1","message_id":"m1","content":["Hello \"World\"",{"x":"é"}]"#,
        ),
        _ => ("tool", r#""tool":"search","duration_ms":1.5,"in_size":10"#),
    };
    let extra = match number % 3 {
        0 => {
            r#","target":{"type":"file","id":"f1","name":"Über"},"source":"web","external_id":"x1","request_id":"r1""#
        }
        1 => r#","trace_id":"t1","metadata":{"k":"v","n":-0.0}"#,
        _ => "",
    };
    // Only what has a source has an id there, and that id is one event's alone.
    let extra = extra.replace("\"x1\"", &format!("\"x{number}\""));
    format!(
        r#"{{"stream":"{stream}","event_id":"e{number}","occurred_at":"2026-03-01T00:00:{:02}Z","tenant":"{tenant}","actor":{{"type":"user","id":"{actor}"}},"action":"{action}","outcome":"{outcome}"{extra},{own}}}"#,
        number % 60
    )
}

//! JSON that is no event: what its violation has to say.

use serde_json::json;

use super::dice::Dice;

/// An event's members as JSON texts, in the order they are sent in.
pub(super) struct Members(Vec<(String, String)>);

/// What is wrong with one event.
pub(super) struct Bad {
    pub(super) json: Vec<u8>,
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) member: String,
    pub(super) rule: &'static str,
}

/// An audit event that is as it should be.
pub(super) fn good(dice: &mut Dice) -> Members {
    let mut members = Members(Vec::new());
    members.set("stream", "\"audit\"");
    members.set("event_id", format!("\"{}-{}\"", dice.word(), dice.number(0, 1 << 40)));
    members.set("occurred_at", format!("\"2026-02-{:02}T03:04:05Z\"", dice.number(1, 29)));
    members.set("tenant", "\"7\"");
    members.set("actor", format!("{{\"type\":\"user\",\"id\":\"{}\"}}", dice.word()));
    members.set("action", format!("\"session.{}\"", dice.word()));
    members.set("outcome", dice.pick(&["\"success\"", "\"failure\"", "\"denied\""]));
    members.set("source", "\"test\"");
    members
}

fn tool(dice: &mut Dice) -> Members {
    let mut members = good(dice);
    members.set("stream", "\"tool\"");
    members.set("tool", "\"grep\"");
    members
}

fn discovery(dice: &mut Dice) -> Members {
    let mut members = good(dice);
    members.set("stream", "\"discovery\"");
    members.set("conversation_id", "\"c1\"");
    members
}

impl Members {
    pub(super) fn set(&mut self, name: &str, json: impl Into<String>) {
        let json = json.into();
        match self.0.iter_mut().find(|(other, _)| other == name) {
            Some((_, value)) => *value = json,
            None => self.0.push((name.to_owned(), json)),
        }
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        self
    }

    /// Puts a member somewhere, whether it is there already or not.
    fn add(&mut self, dice: &mut Dice, name: &str, json: impl Into<String>) {
        let at = dice.number(0, self.0.len() + 1);
        self.0.insert(at, (name.to_owned(), json.into()));
    }

    pub(super) fn text(&self) -> String {
        let members: Vec<String> = self.0.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
        format!("{{{}}}", members.join(","))
    }

    fn is(&self, member: impl Into<String>, rule: &'static str) -> Bad {
        let json = self.text().into_bytes();
        Bad { json, status: 422, code: "event_invalid", member: member.into(), rule }
    }

    fn with(mut self, name: &str, json: impl Into<String>, rule: &'static str) -> Bad {
        self.set(name, json);
        self.is(name, rule)
    }
}

pub(super) type EventKind = (&'static str, fn(&mut Dice) -> Bad);

/// Nested arrays and objects, so many.
fn nested(dice: &mut Dice, depth: usize) -> String {
    let open: Vec<bool> = (0..depth).map(|_| dice.number(0, 2) == 0).collect();
    let begin: String = open.iter().map(|is_object| if *is_object { "{\"a\":" } else { "[" }).collect();
    let end: String = open.iter().rev().map(|is_object| if *is_object { '}' } else { ']' }).collect();
    format!("{begin}1{end}")
}

pub(super) const EVENT_KINDS: &[EventKind] = &[
    ("unknown member", |dice| {
        let (mut event, name) = (good(dice), dice.word());
        event.add(dice, &name, "1");
        event.is(name, "unknown_member")
    }),
    ("unknown nested member", |dice| {
        let name = dice.word();
        let actor = format!("{{\"type\":\"user\",\"{name}\":true,\"id\":\"a\"}}");
        let mut event = good(dice);
        event.set("actor", actor);
        event.is(format!("actor.{name}"), "unknown_member")
    }),
    ("duplicate member", |dice| {
        let (mut event, name) = (good(dice), dice.pick(&["tenant", "action", "source"]));
        event.add(dice, name, "\"a.b\"");
        event.is(name, "duplicate_member")
    }),
    ("duplicate member by an escape", |dice| {
        let mut event = good(dice);
        let (escaped, name) = dice.pick(&[
            ("ten\\u0061nt", "tenant"),
            ("\\u0061ction", "action"),
            ("sourc\\u0065", "source"),
            ("\\u0074\\u0065\\u006e\\u0061\\u006e\\u0074", "tenant"),
        ]);
        event.add(dice, escaped, "\"a.b\"");
        event.is(name, "duplicate_member")
    }),
    ("duplicate nested member", |dice| {
        let id = dice.word();
        let actor = format!("{{\"id\":\"{id}\",\"type\":\"user\",\"\\u0069d\":\"b\"}}");
        let mut event = good(dice);
        event.set("actor", actor);
        event.is("actor.id", "duplicate_member")
    }),
    ("duplicate member in metadata", |dice| {
        let (mut event, name) = (good(dice), dice.word());
        event.set("metadata", format!("{{\"a\":{{\"{name}\":1,\"b\":[],\"{name}\":1}}}}"));
        event.is(format!("metadata.a.{name}"), "duplicate_member")
    }),
    ("wrong type", |dice| {
        let event = good(dice);
        let name = dice.pick(&["tenant", "action", "outcome", "source", "occurred_at", "actor", "metadata"]);
        let wrong = dice.pick(&["1", "true", "[]", "-0.5", "[\"7\"]", "[{}]"]);
        event.with(name, wrong, "type")
    }),
    ("null", |dice| {
        let event = good(dice);
        let name = dice.pick(&["tenant", "action", "source", "actor", "target", "metadata", "request_id"]);
        event.with(name, "null", "type")
    }),
    ("missing member", |dice| {
        let name = dice.pick(&["stream", "occurred_at", "tenant", "actor", "action", "outcome"]);
        good(dice).without(name).is(name, "required")
    }),
    ("unknown stream", |dice| {
        let word = dice.pick(&["", "Audit", "audits", "logs", "*", "audit "]);
        good(dice).with("stream", format!("\"{word}\""), "choice")
    }),
    ("bad outcome", |dice| {
        let word = dice.pick(&["", "ok", "Success", "SUCCESS", "succeeded", "error"]);
        good(dice).with("outcome", format!("\"{word}\""), "choice")
    }),
    ("error with success", |dice| {
        let (mut event, code) = (good(dice), dice.word());
        event.set("outcome", dice.pick(&["\"success\"", "\"unknown\""]));
        event.with("error", format!("{{\"code\":\"{code}\"}}"), "outcome")
    }),
    ("bad time", |dice| {
        let time = dice.pick(&[
            "",
            "now",
            "2026-02-01",
            "2026-02-01T00:00:00",
            "2026-02-01 00:00",
            "1769904000",
            "2026-2-1T00:00:00Z",
            "2026-02-01T00:00:00.Z",
            "2026-02-01T00:00:00+0100",
            "20260201T000000Z",
            "2026-02-01T00:00:00Z ",
            "２０２６-02-01T00:00:00Z",
        ]);
        good(dice).with("occurred_at", format!("\"{time}\""), "format")
    }),
    ("second 60", |dice| {
        let time = dice.pick(&["2016-12-31T23:59:60Z", "2026-02-01T12:30:60Z", "2026-01-01T00:59:60+01:00"]);
        good(dice).with("occurred_at", format!("\"{time}\""), "format")
    }),
    ("a time that does not exist", |dice| {
        let time = dice.pick(&[
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:00+24:00",
            "0000-01-01T00:00:00Z",
        ]);
        good(dice).with("occurred_at", format!("\"{time}\""), "format")
    }),
    ("far future", |dice| {
        let year = dice.number(2027, 9999);
        good(dice).with("occurred_at", format!("\"{year}-01-01T00:00:00Z\""), "in_future")
    }),
    ("empty identifier", |dice| {
        let event = good(dice);
        event.with(dice.pick(&["tenant", "event_id", "source", "request_id", "trace_id"]), "\"\"", "empty")
    }),
    ("huge identifier", |dice| {
        let id = "i".repeat(dice.number(257, 20_000));
        let event = good(dice);
        event.with(
            dice.pick(&["tenant", "event_id", "source", "trace_id"]),
            json!(id).to_string(),
            "too_long",
        )
    }),
    ("control character in an identifier", |dice| {
        let control =
            dice.pick(&["\\u0000", "\\n", "\\t", "\\u001b", "\\u007f", "\u{85}", "\\u009f", "\u{7f}"]);
        let event = good(dice);
        let id = format!("\"a{control}b\"");
        event.with(dice.pick(&["tenant", "event_id", "source", "trace_id"]), id, "control_character")
    }),
    ("bad action", |dice| {
        let action = dice.pick(&["login", ".", "a.", ".b", "a..b", "session.*", "*"]);
        good(dice).with("action", format!("\"{action}\""), "format")
    }),
    ("huge string", |dice| {
        let text = "é".repeat(dice.number(32_769, 60_000));
        let mut event = good(dice);
        event.set("metadata", format!("{{\"note\":\"{text}\"}}"));
        event.is("metadata.note", "too_long")
    }),
    ("huge number", |dice| {
        let number = dice.pick(&[
            "9007199254740992",
            "-9007199254740993",
            "18446744073709551616",
            "123456789012345678901234567890",
            "1e16",
            "-1.5e300",
            "1E+308",
        ]);
        let mut event = good(dice);
        event.set("metadata", format!("{{\"n\":[{number}]}}"));
        event.is("metadata.n[0]", "integer_range")
    }),
    ("negative count", |dice| {
        let name = dice.pick(&["in_size", "out_size", "duration_ms"]);
        tool(dice).with(name, dice.pick(&["-1", "-0.5", "-1e3", "-9007199254740991"]), "integer_range")
    }),
    ("fraction of a count", |dice| {
        tool(dice).with(
            "in_size",
            dice.pick(&["0.5", "1e-3", "12.25", "9007199254740993.5"]),
            "integer_range",
        )
    }),
    ("deep metadata", |dice| {
        let depth = dice.number(20, 120);
        let mut event = good(dice);
        event.set("metadata", format!("{{\"a\":{}}}", nested(dice, depth)));
        // The path tells how deep; the object that is one too deep is named.
        let mut bad = event.is("", "depth");
        "metadata.a".clone_into(&mut bad.member);
        bad
    }),
    ("deeper than anything that is read", |dice| {
        let depth = dice.number(128, 20_000);
        let mut event = good(dice);
        event.set("metadata", format!("{{\"a\":{}}}", nested(dice, depth)));
        event.is("", "depth")
    }),
    ("payload in a tool event", |dice| {
        let name = dice.pick(&["prompt", "tool_arguments", "responseBody", "call.input", "MESSAGE"]);
        let mut event = tool(dice);
        event.set("metadata", format!("{{\"{name}\":1}}"));
        event.is(format!("metadata.{name}"), "payload")
    }),
    ("personal data in a tool event", |dice| {
        let (name, value) = (dice.pick(&["name", "email", "ip", "user_agent"]), dice.word());
        let mut event = tool(dice);
        event.set("actor", format!("{{\"type\":\"user\",\"id\":\"a\",\"{name}\":\"{value}\"}}"));
        event.is(format!("actor.{name}"), "personal_data")
    }),
    ("structure in a tool event's metadata", |dice| {
        let (mut event, name) = (tool(dice), dice.word());
        event.set("metadata", format!("{{\"{name}\":{}}}", dice.pick(&["{}", "[]", "[1]", "null"])));
        event.is(format!("metadata.{name}"), "type")
    }),
    ("long string in a tool event's metadata", |dice| {
        let (mut event, name) = (tool(dice), dice.word());
        event.set("metadata", format!("{{\"{name}\":\"{}\"}}", "x".repeat(dice.number(257, 5_000))));
        event.is(format!("metadata.{name}"), "too_long")
    }),
    ("discovery without a conversation", |dice| {
        discovery(dice).without("conversation_id").is("conversation_id", "required")
    }),
    ("member of another stream", |dice| {
        let (name, json) = dice.pick(&[
            ("conversation_id", "\"c\""),
            ("content", "\"text\""),
            ("tool", "\"grep\""),
            ("in_size", "1"),
            ("job_id", "\"j\""),
        ]);
        good(dice).with(name, json, "unknown_member")
    }),
    ("member of the ledger", |dice| {
        let (name, json) =
            dice.pick(&[("seq", "1"), ("recorded_at", "\"2026-02-01T00:00:00Z\""), ("started_at", "null")]);
        good(dice).with(name, json, "reserved_member")
    }),
    ("bad hash in an attachment", |dice| {
        let hash = dice.pick(&["", "abc", "zz", "sha256:00", "ABCDEF"]);
        let mut event = discovery(dice);
        event.set("attachments", format!("[{{\"name\":\"a\"}},{{\"name\":\"b\",\"sha256\":\"{hash}\"}}]"));
        event.is("attachments[1].sha256", "format")
    }),
    ("attachment that is no object", |dice| {
        let (mut event, wrong) = (discovery(dice), dice.pick(&["1", "\"a\"", "[]", "null"]));
        event.set("attachments", format!("[{{\"name\":\"a\"}},{wrong}]"));
        event.is("attachments[1]", "type")
    }),
    ("badly sealed personal data", |dice| {
        let sealed = dice.pick(&[
            "{}",
            "{\"sealed\":\"\"}",
            "{\"sealed\":\"a\"}",
            "{\"sealed\":\"AA\"}",
            "{\"open\":1}",
        ]);
        let mut event = good(dice);
        event.set("actor", format!("{{\"type\":\"user\",\"id\":\"a\",\"email\":{sealed}}}"));
        event.is("actor.email", "format")
    }),
    ("external id without a source", |dice| {
        let (mut event, id) = (good(dice).without("source"), dice.word());
        event.set("external_id", format!("\"{id}\""));
        event.is("source", "required")
    }),
    ("user without an id", |dice| {
        let (mut event, name) = (good(dice), dice.word());
        event.set("actor", format!("{{\"type\":\"user\",\"name\":\"{name}\"}}"));
        event.is("actor.id", "required")
    }),
    ("bad changes", |dice| {
        let (mut event, field) = (good(dice), dice.word());
        event.set("changes", format!("{{\"{field}\":{{\"before\":1,\"now\":2}}}}"));
        event.is(format!("changes.{field}.now"), "unknown_member")
    }),
    ("no object", |dice| {
        let json = dice.pick(&["1", "true", "null", "\"text\"", "-1.5e3", "[[]]", "[1,2]"]);
        Bad { json: json.into(), status: 422, code: "event_invalid", member: String::new(), rule: "type" }
    }),
    ("too large", |dice| {
        let mut event = good(dice);
        let note = "x".repeat(60_000);
        let notes: Vec<String> = (0..dice.number(5, 8)).map(|at| format!("\"n{at}\":\"{note}\"")).collect();
        event.set("metadata", format!("{{{}}}", notes.join(",")));
        Bad { status: 413, code: "too_large", ..event.is("", "too_long") }
    }),
    ("reserved tenant", |dice| {
        let bad = good(dice).with("tenant", "\"_strongroom\"", "reserved");
        Bad { status: 403, code: "forbidden", ..bad }
    }),
    ("reserved source", |dice| {
        let bad = good(dice).with("source", "\"strongr\\u006fom\"", "reserved");
        Bad { status: 403, code: "forbidden", ..bad }
    }),
    ("too much wrong at once", |dice| {
        let mut event = good(dice);
        for _ in 0..dice.number(80, 200) {
            let name = format!("{}{}", dice.word(), dice.number(0, 1 << 40));
            event.add(dice, &name, "1");
        }
        event.is("", "more")
    }),
];

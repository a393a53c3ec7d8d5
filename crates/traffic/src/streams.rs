//! One event of each stream. Members come in the order of the format's tables, which readers of the JSON expect.

use crate::json::Writer;
use crate::vocabulary::{
    AUDIT_ACTIONS, Action, DENIALS, DISCOVERY_ACTIONS, FAILURES, GRAPH_NODES, MESSAGES, MODELS, REGIONS,
    SOURCES, TOOL_ACTIONS, TOOLS,
};
use crate::{Actor, ActorKind, Traffic};

pub(crate) fn audit(traffic: &mut Traffic, writer: &mut Writer, occurred_at_micros: i64) {
    let actor = traffic.population.draw(&mut traffic.random);
    opening(traffic, writer, "audit", occurred_at_micros, actor);
    // One in fifty comes from nobody in particular: a visitor, or the product itself.
    match traffic.random.below(50) {
        0 => writer.object("actor", |writer| {
            writer.string("type", "anonymous");
            writer.string_with("ip", |writer| actor.write_address(writer));
        }),
        1 => writer.object("actor", |writer| writer.string("type", "system")),
        _ => writer.object("actor", |writer| {
            actor.write_identity(writer);
            actor.write_person(writer);
        }),
    }
    let action: &Action = &AUDIT_ACTIONS[traffic.random.skewed_below(AUDIT_ACTIONS.len())];
    writer.string("action", action.code);
    let target = traffic.random.skewed_below(50_000) as u64;
    writer.object("target", |writer| {
        writer.string("type", action.target_type);
        writer.string_with("id", |writer| {
            writer.text(action.target_type);
            writer.text("/");
            writer.decimal(target);
        });
    });
    outcome(traffic, writer);
    origin(traffic, writer);
    let bits = traffic.random.next();
    writer.object("metadata", |writer| {
        writer.number("attempt", bits % 3 + 1);
        writer.number("duration_ms", (bits >> 8) % 900 + 2);
        writer.string("region", REGIONS[(bits >> 32) as usize % REGIONS.len()]);
        if bits >> 62 == 0 {
            writer.object("session", |writer| {
                writer.string_with("id", |writer| writer.hex(bits, 12));
                writer.boolean("trusted_device", bits & 1 == 1);
            });
        }
    });
    if !action.changes.is_empty() {
        writer.object("changes", |writer| {
            for change in action.changes {
                writer.object(change.field, |writer| {
                    writer.string("before", change.before);
                    writer.string("after", change.after);
                });
            }
        });
    }
}

pub(crate) fn tool(traffic: &mut Traffic, writer: &mut Writer, occurred_at_micros: i64) {
    let actor = traffic.population.draw(&mut traffic.random);
    opening(traffic, writer, "tool", occurred_at_micros, actor);
    writer.object("actor", |writer| actor.write_identity(writer));
    writer.string("action", traffic.random.pick(&TOOL_ACTIONS));
    let name = traffic.random.pick(&TOOLS);
    writer.object("target", |writer| {
        writer.string("type", "tool");
        writer.string("id", name);
    });
    outcome(traffic, writer);
    origin(traffic, writer);
    let bits = traffic.random.next();
    writer.object("metadata", |writer| {
        writer.number("attempt", bits % 3 + 1);
        writer.boolean("cached", bits & 8 == 8);
        writer.string("region", REGIONS[(bits >> 32) as usize % REGIONS.len()]);
    });
    writer.string("tool", name);
    writer.number("duration_ms", (bits >> 4) % 12_000 + 3);
    writer.number("in_size", (bits >> 12) % 4_096);
    writer.number("out_size", (bits >> 24) % 65_536);
    let hash = [traffic.random.next(), traffic.random.next(), traffic.random.next(), traffic.random.next()];
    writer.string_with("input_hash", |writer| hash.iter().for_each(|part| writer.hex(*part, 16)));
    writer.string_with("graph_run_id", |writer| {
        writer.text("run_");
        writer.hex(hash[0] ^ hash[3], 16);
    });
    writer.string("graph_node", GRAPH_NODES[(bits >> 40) as usize % GRAPH_NODES.len()]);
    if bits >> 62 == 0 {
        writer.string_with("job_id", |writer| {
            writer.text("job_");
            writer.decimal((bits >> 20) % 1_000_000);
        });
    }
}

pub(crate) fn discovery(traffic: &mut Traffic, writer: &mut Writer, occurred_at_micros: i64) {
    let actor = traffic.population.draw(&mut traffic.random);
    opening(traffic, writer, "discovery", occurred_at_micros, actor);
    writer.object("actor", |writer| actor.write_identity(writer));
    writer.string("action", DISCOVERY_ACTIONS[traffic.random.skewed_below(DISCOVERY_ACTIONS.len())]);
    let conversation = traffic.random.skewed_below(20_000) as u64;
    writer.object("target", |writer| {
        writer.string("type", "conversation");
        writer.string_with("id", |writer| {
            writer.text("conversation/");
            writer.decimal(conversation);
        });
    });
    outcome(traffic, writer);
    origin(traffic, writer);
    writer.string_with("conversation_id", |writer| {
        writer.text("cnv_");
        writer.padded(conversation as u32, 6);
    });
    let bits = traffic.random.next();
    writer.string_with("message_id", |writer| {
        writer.text("msg_");
        writer.hex(bits, 16);
    });
    let role = if actor.kind == ActorKind::User { "user" } else { "assistant" };
    writer.string("message_role", role);
    writer.string("content", traffic.random.pick(&MESSAGES));
    if role == "assistant" {
        let (provider, name) = MODELS[(bits >> 16) as usize % MODELS.len()];
        writer.object("model", |writer| {
            writer.string("provider", provider);
            writer.string("name", name);
        });
    } else if bits.is_multiple_of(8) {
        attachment(writer, bits, [traffic.random.next(), traffic.random.next()]);
    }
}

fn attachment(writer: &mut Writer, bits: u64, hash: [u64; 2]) {
    writer.object_in_array("attachments", |writer| {
        writer.string_with("name", |writer| {
            writer.text("invoice-");
            writer.decimal(bits >> 48);
            writer.text(".pdf");
        });
        writer.string("media_type", "application/pdf");
        writer.number("size_bytes", (bits >> 20) % 5_000_000 + 800);
        writer.string_with("sha256", |writer| {
            for part in [hash[0], hash[1], !hash[0], !hash[1]] {
                writer.hex(part, 16);
            }
        });
    });
}

/// `stream` to `tenant`: what every event begins with.
fn opening(traffic: &mut Traffic, writer: &mut Writer, stream: &str, occurred_at_micros: i64, actor: Actor) {
    let id = [traffic.random.next(), traffic.random.next()];
    writer.string("stream", stream);
    writer.string_with("event_id", |writer| writer.uuid_v7(occurred_at_micros, id));
    writer.string_with("occurred_at", |writer| writer.time(occurred_at_micros));
    writer.string_with("tenant", |writer| writer.decimal(actor.tenant as u64));
}

/// 93 % success, 4 % failure, 2 % denied and 1 % unknown; only failure and denied carry an error.
fn outcome(traffic: &mut Traffic, writer: &mut Writer) {
    let (outcome, error) = match traffic.random.below(100) {
        0..93 => ("success", None),
        93..97 => ("failure", Some(traffic.random.pick(&FAILURES))),
        97..99 => ("denied", Some(traffic.random.pick(&DENIALS))),
        _ => ("unknown", None),
    };
    writer.string("outcome", outcome);
    if let Some((code, message, status)) = error {
        writer.object("error", |writer| {
            writer.string("code", code);
            writer.string("message", message);
            writer.number("status", status);
        });
    }
}

/// `source` to `trace_id`. One in ten events also has the id its source gave it.
fn origin(traffic: &mut Traffic, writer: &mut Writer) {
    writer.string("source", traffic.random.pick(&SOURCES));
    if traffic.random.one_in(10) {
        let id = [traffic.random.next(), traffic.random.next()];
        writer.string_with("external_id", |writer| id.iter().for_each(|part| writer.hex(*part, 16)));
    }
    let request = [traffic.random.next(), traffic.random.next()];
    writer.string_with("request_id", |writer| {
        writer.hex(request[0], 16);
        writer.hex(request[1], 8);
    });
    // A request from outside the instrumented services has no trace.
    if traffic.random.one_in(2) {
        return;
    }
    let trace = traffic.next_trace();
    writer.string_with("trace_id", |writer| trace.iter().for_each(|part| writer.hex(*part, 16)));
}

//! The content hash from the other side: from a line that is already in the ledger.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::LineError;
use crate::json::Text;
use crate::key;

/// The content hashes the event of this line can have had.
///
/// The line does not say whether its `event_id` was submitted or assigned, nor whether its `retention_until` and its
/// `trace_id` were submitted or defaulted, so there are up to eight: with and without each. The line must be canonical;
/// bytes that are not give hashes that match nothing.
pub fn content_hashes_possible(line: &[u8]) -> Result<Vec<[u8; 16]>, LineError> {
    let members: RawMembers<'_> = serde_json::from_str(std::str::from_utf8(line)?)?;
    let has = |name| members.0.iter().any(|(found, _)| found.0 == name);
    let with_and_without =
        |name: &'static str| [None, Some(name)].into_iter().filter(move |name| name.is_none_or(has));
    let mut hashes = Vec::with_capacity(8);
    for event_id in with_and_without("event_id") {
        for retention_until in with_and_without("retention_until") {
            for trace_id in with_and_without("trace_id") {
                let left_out = [Some("seq"), Some("recorded_at"), event_id, retention_until, trace_id];
                hashes.push(hash(&members, left_out));
            }
        }
    }
    Ok(hashes)
}

fn hash(members: &RawMembers<'_>, left_out: [Option<&str>; 5]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    let mut separator = "{\"";
    for (name, value) in &members.0 {
        if left_out.contains(&Some(name.0.as_ref())) {
            continue;
        }
        for piece in [separator, &name.0, "\":", value.get()] {
            hasher.update(piece);
        }
        separator = ",\"";
    }
    hasher.update("}");
    key::first_16(&hasher.finalize())
}

/// The top-level members with the bytes of their values.
struct RawMembers<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = RawMembers<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawMembers<'de>, A::Error> {
                let mut members = Vec::with_capacity(24);
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

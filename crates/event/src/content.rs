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
/// The line does not say whether its `event_id` was submitted or assigned, nor whether its `retention_until` was
/// submitted or defaulted, so there are up to four: with and without either. The line must be canonical; bytes that are
/// not give hashes that match nothing.
pub fn content_hashes_possible(line: &[u8]) -> Result<Vec<[u8; 16]>, LineError> {
    let members: RawMembers<'_> = serde_json::from_str(std::str::from_utf8(line)?)?;
    let has = |name| members.0.iter().any(|(found, _)| found.0 == name);
    let mut hashes = Vec::with_capacity(4);
    for event_id in [None, Some("event_id")].into_iter().filter(|name| name.is_none_or(has)) {
        for retention_until in [None, Some("retention_until")].into_iter().filter(|name| name.is_none_or(has))
        {
            hashes.push(hash(&members, [Some("seq"), Some("recorded_at"), event_id, retention_until]));
        }
    }
    Ok(hashes)
}

fn hash(members: &RawMembers<'_>, left_out: [Option<&str>; 4]) -> [u8; 16] {
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

//! The body that asks for a token: `{"name","role","tenant"?,"days"?}`.

use std::fmt;

use axum::http::StatusCode;
use engine::{NewToken, Role};
use event::{Violation, rule};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::failure::Failure;

/// Reads the token that is asked for, or says everything that is wrong with the asking.
pub(super) fn read(body: &[u8]) -> Result<NewToken, Failure> {
    let Members(members) = serde_json::from_slice(body).map_err(|error| not_members(body, &error))?;
    let mut reading = Reading { members, violations: Vec::new() };
    reading.refuse_what_is_twice();
    let name = reading.take("name", true, |value| value.as_str().map(str::to_owned), "must be a string");
    let roles = "must be one of writer, auditor, admin, super_admin";
    let role = reading.take("role", true, |value| value.as_str()?.parse::<Role>().ok(), roles);
    let tenant = reading.take("tenant", false, |value| value.as_str().map(str::to_owned), "must be a string");
    let days = "must be a whole number from 1 to 36500";
    let days = reading.take("days", false, |value| u32::try_from(value.as_u64()?).ok(), days);
    for (name, _) in &reading.members {
        let message = "is not known here; accepted are name, role, tenant, days";
        reading.violations.push(Violation::new(name.clone(), rule::UNKNOWN_MEMBER, message));
    }
    match (name, role, reading.violations) {
        (Some(name), Some(role), violations) if violations.is_empty() => {
            Ok(NewToken { name, role, tenant, days })
        }
        (_, _, violations) => Err(invalid(violations)),
    }
}

/// 422, with what is wrong by member.
pub(super) fn invalid(violations: Vec<Violation>) -> Failure {
    let message = "this token cannot be made; nothing was stored";
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "token_invalid", message).detailed(violations)
}

fn not_members(body: &[u8], error: &serde_json::Error) -> Failure {
    if error.is_data() {
        let violation = Violation::new("", rule::TYPE, "must be an object with name and role");
        return invalid(vec![violation]);
    }
    Failure::malformed(format!("the body {}", event::malformed(body, error).message))
}

struct Reading {
    members: Vec<(String, Value)>,
    violations: Vec<Violation>,
}

impl Reading {
    fn refuse_what_is_twice(&mut self) {
        for (at, (name, _)) in self.members.iter().enumerate() {
            let before = self.members[..at].iter().filter(|(other, _)| other == name).count();
            if before == 1 {
                let message = "stands twice; send it once";
                self.violations.push(Violation::new(name.clone(), rule::DUPLICATE_MEMBER, message));
            }
        }
    }

    /// Takes a member out, all of its occurrences. `null` is not taken for a missing one: whoever sends it may mean
    /// either.
    fn take<T>(
        &mut self,
        member: &str,
        required: bool,
        read: impl Fn(&Value) -> Option<T>,
        wanted: &str,
    ) -> Option<T> {
        let given: Vec<Value> =
            self.members.extract_if(.., |(name, _)| name == member).map(|(_, value)| value).collect();
        let Some(value) = given.first() else {
            if required {
                self.violations.push(Violation::new(member, rule::REQUIRED, "is missing and is required"));
            }
            return None;
        };
        let taken = read(value);
        if taken.is_none() {
            let rule = match (member, value) {
                ("role", Value::String(_)) => rule::CHOICE,
                ("days", Value::Number(_)) => rule::INTEGER_RANGE,
                _ => rule::TYPE,
            };
            self.violations.push(Violation::new(member, rule, wanted));
        }
        taken
    }
}

/// The members of one object as they were sent, those that stand twice included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

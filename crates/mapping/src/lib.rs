//! Foreign audit records to events, by mappings that are data.
//!
//! A [`Mapping`] is a TOML file: for each member of an event it says where in the foreign record the value is found.
//! `cloudtrail` and `windows` are embedded; a user's file has the same form, and a new source is a new file, not new
//! code. The whole foreign record becomes the event's `metadata`, so a mapping decides what an entry is *found by* and
//! never what is *kept*.
//!
//! # The language
//!
//! ```toml
//! name = "example"                 # what `Mapping::name` answers
//! absent = ["-"]                   # texts that mean "no value" in this source; the empty text and null always do
//!
//! [values]                         # named intermediate values, read as {$host}
//! host = ["{Hostname}", "{Computer}"]
//!
//! [tables.verbs]                   # one text to another, read as {EventID|table:verbs}
//! 4624 = "session.create"
//!
//! [event]                          # the members; those marked * are required
//! occurred_at = "{time}"           # *
//! tenant = "{org.id}"              # * unless the caller names the tenant
//! action = ["{EventID|table:verbs}", "example.{EventID}"]                                # *
//! outcome = [{ value = "failure", when = { error = true } }, "success"]                  # *
//! source = "example"               # *
//! external_id = "{$host}/{Channel|lower}/{RecordNumber}"                                 # *
//! request_id = "{request.id}"      # as are trace_id and evidence
//! actor = { type = "user", id = "{user.id}" }  # type*, id, name, email, ip, user_agent, auth_method, credential_id
//! target = [{ type = "file", id = "{path}" }, { type = "host", id = "{$host}" }]         # type*, id*, name, when
//! error = { code = "{error.code}" }            # code, message, status; written only with failure and denied
//! ```
//!
//! - A **rule** is one choice or a list of choices; the first that yields a value wins. A choice is a template, or
//!   `{ value = template, when = conditions }`.
//! - A **template** is text with fields in braces. If one of its fields has no value, the template has none. `{{` and
//!   `}}` are braces.
//! - A **field** is a path (`userIdentity.arn`, `resources.0.ARN`, `annotations.'k8s.io/decision'`), or `$name` for a
//!   named value, followed by filters: `lower`, `upper`, `before:X` and `after:X` (the first X), `table:NAME`, `bit:N`
//!   (`1` or `0`, bit N of an integer). Texts, numbers and booleans are values; null, objects and arrays are none.
//!   `$record_sha256` is built in, for sources whose records have no id of their own.
//! - **Conditions** must all hold. Left is a field without braces; right is a pattern with `*` for any characters, a
//!   list of such patterns, or `true` (has a value) or `false` (has none).
//! - `target` may be a list; the first whose `when` holds and whose `type` and `id` have values wins.
//! - `occurred_at` takes the first choice that is an RFC 3339 time **with an offset**. A time without one is never read.
//!
//! # What is changed on the way
//!
//! Integers beyond ±(2^53−1), and numbers beyond what a double holds, become strings with the same digits. An
//! identifier with control characters or of more than 256 bytes is shortened and ends in `…` and a hash of the whole;
//! the whole is in the metadata. Nothing else is altered, and nothing is dropped: a record that cannot be mapped is an
//! error.
//!
//! Deliberately absent: I/O and line counting (the caller's), streams other than `audit`, the ledger's limits and the
//! clock (`event` checks those), and any code that knows a source.

mod built_in;
mod condition;
mod definition;
mod emit;
mod error;
mod field;
mod identifier;
mod plan;
mod record;
mod rule;
mod template;

pub use error::{MapError, MappingError};

use plan::Plan;

/// How the records of one source become events.
#[derive(Debug, Clone)]
pub struct Mapping {
    plan: Plan,
}

/// A mapped record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The JSON text of an event as submitted, without a newline.
    pub event: Vec<u8>,
}

impl Mapping {
    /// The embedded mapping of that name, if there is one.
    pub fn built_in(name: &str) -> Option<Self> {
        built_in::text(name).map(|text| Self::parse(text).expect("the embedded mappings are tested to parse"))
    }

    /// Names of the embedded mappings, sorted.
    pub fn built_in_names() -> &'static [&'static str] {
        built_in::NAMES
    }

    /// Reads a mapping file. Unknown keys, unknown filters, tables and values, and values that need themselves are
    /// refused; the error names the place.
    pub fn parse(toml: &str) -> Result<Self, MappingError> {
        let definition: definition::Definition = toml::from_str(toml)
            .map_err(|error| MappingError::Syntax(error.to_string().trim_end().to_owned()))?;
        Ok(Self { plan: Plan::compile(definition)? })
    }

    /// The mapping's own name, as its file gives it.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Maps one foreign record: one JSON object in UTF-8, white space around it allowed.
    ///
    /// `tenant` wins over the one the mapping would find. The result has the form of an event; whether it keeps the
    /// ledger's limits is for `event::Event::parse` to say.
    pub fn map(&self, record: &[u8], tenant: Option<&str>) -> Result<Mapped, MapError> {
        let text = record::text(record)?;
        let record = record::parse(text)?;
        Ok(Mapped { event: emit::event(&self.plan, text, &record, tenant)? })
    }
}

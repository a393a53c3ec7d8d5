//! What stands in the line of every entry that a filter matches: bytes that a scan can look for before it parses.

use crate::canonical::push_string;
use crate::filter::Filter;
use crate::term::Field;

impl Filter {
    /// For each exact value but those in `except`, the bytes that every matching line has somewhere: the member as the
    /// canonical line writes it, `"action":"session.create"`. A line that lacks one of them does not match; a line that
    /// has them all may, and [`Filter::matches`] decides.
    pub fn line_texts(&self, except: &[Field]) -> Vec<Vec<u8>> {
        let wanted = Field::ALL.into_iter().filter(|field| !except.contains(field));
        let texts = wanted.filter_map(|field| {
            let value = self.exact(field)?;
            let mut text = format!("\"{}\":", member(field)).into_bytes();
            push_string(value, &mut text);
            Some(text)
        });
        texts.collect()
    }
}

/// The member that holds a field, inside its object where it has one.
const fn member(field: Field) -> &'static str {
    match field {
        Field::ActorId | Field::TargetId => "id",
        Field::TargetType => "type",
        Field::Stream
        | Field::Tenant
        | Field::Action
        | Field::Outcome
        | Field::Source
        | Field::RequestId
        | Field::TraceId
        | Field::ConversationId
        | Field::MessageId
        | Field::EventId => field.as_str(),
    }
}

//! A log line as one compact JSON object: `timestamp`, `level`, `message`, then the event's own fields.

use std::error::Error;
use std::fmt::{self, Debug};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Causes of an error that are written; a longer chain goes in circles.
const CAUSES_MAX: usize = 16;

pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::with_capacity(27);
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let [timestamp, level, message] =
            [timestamp, level, fields.message].map(|text| Value::String(text).to_string());
        write!(writer, r#"{{"timestamp":{timestamp},"level":{level},"message":{message}"#)?;
        for (name, value) in fields.others {
            write!(writer, ",{}:{value}", Value::String(name))?;
        }
        writeln!(writer, "}}")
    }
}

/// The fields of one event. One that is `None` is not recorded, and so not there.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        // The three that every line begins with stand there once.
        let taken = ["timestamp", "level"].contains(&field.name());
        let name = if taken { format!("field_{}", field.name()) } else { field.name().to_owned() };
        self.others.insert(name, value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" { self.message = text } else { self.put(field, text) }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" { value.clone_into(&mut self.message) } else { self.put(field, value) }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    /// With its causes: the outermost message alone seldom tells what to do.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut next = value.source();
        for _ in 0..CAUSES_MAX {
            let Some(cause) = next else { break };
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        self.put(field, text);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_object_with_time_level_message_and_fields() {
        let written = Written::default();
        let writer = written.clone();
        let layer =
            tracing_subscriber::fmt::layer().event_format(JsonLines).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let inner = io::Error::other("the \"disk\"\nis full");
            let error = crate::failure::Failure::caused("outer", inner).to_string();
            let absent: Option<u64> = None;
            tracing::warn!(error, request_id = %"r-1", count = 3, level = true, absent, "one {}", "two");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert!(text.starts_with(r#"{"timestamp":"20"#), "{text}");
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(timestamp.len() == 27 && timestamp.ends_with('Z'), "{timestamp}");
        assert_eq!((&line["level"], &line["message"]), (&"warn".into(), &"one two".into()));
        assert_eq!((&line["request_id"], &line["count"]), (&"r-1".into(), &3.into()));
        assert_eq!(line["field_level"], true);
        assert_eq!(line["error"], "error: outer: the \"disk\"\nis full");
        assert!(line.get("absent").is_none());
    }
}

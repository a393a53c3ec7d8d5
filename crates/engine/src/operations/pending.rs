//! The rows of operations that have not ended: one under the operation's id, and one in the order of their beginning,
//! so that the oldest are found without reading the others. Both are put and deleted together.

use event::{Key16, Operation, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use store::{Row, RowChange, Table};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result, corrupt_row};

/// Rows by id begin so.
const BY_ID: &str = "op|";
/// Rows by time begin so; 20 digits of microseconds since 1970 and the id follow.
pub(super) const BY_TIME: &str = "due|";

/// An operation that was begun and has not ended.
pub(super) struct Pending {
    pub(super) id: String,
    /// By the ledger's clock.
    pub(super) begun_at: Timestamp,
    /// What was begun, as [`Operation::text`] has it.
    pub(super) text: String,
    pub(super) operation: Operation,
}

#[derive(Serialize, Deserialize)]
struct Body {
    begun_at: Timestamp,
    event: Box<RawValue>,
}

impl Pending {
    /// Reads a row under an operation's id.
    pub(super) fn read(id: &str, body: &str) -> Result<Self> {
        let row: Body =
            serde_json::from_str(body).map_err(|error| corrupt_row("operation", &by_id(id), error))?;
        let text = row.event.get().to_owned();
        let operation = Operation::restore(&text).map_err(|violations| {
            let message = format!("row {} of operation is no operation", by_id(id));
            Error::with_violations(ErrorKind::Corrupt, message, violations)
        })?;
        if operation.event().keys().event.map(operation_id).as_deref() != Some(id) {
            let message = format!("row {} of operation holds another one", by_id(id));
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        Ok(Self { id: id.to_owned(), begun_at: row.begun_at, text, operation })
    }

    /// The rows of an operation that begins.
    pub(super) fn put(self) -> Result<Vec<RowChange>> {
        let unwritable =
            |error| Error::with_source(ErrorKind::Internal, "an operation cannot be written", error);
        let event = RawValue::from_string(self.text).map_err(unwritable)?;
        let body = to_raw_value(&Body { begun_at: self.begun_at, event }).map_err(unwritable)?;
        let put =
            |key: String, body: &str| RowChange::Put(Table::Operation, Row { key, body: body.to_owned() });
        Ok(vec![put(by_time(self.begun_at, &self.id), "{}"), put(by_id(&self.id), body.get())])
    }

    /// The same rows, of an operation that ends.
    pub(super) fn delete(&self) -> Vec<RowChange> {
        delete(&self.id, self.begun_at)
    }
}

/// Takes the rows away of an operation that began then.
pub(super) fn delete(id: &str, begun_at: Timestamp) -> Vec<RowChange> {
    [by_time(begun_at, id), by_id(id)].map(|key| RowChange::Delete(Table::Operation, key)).into()
}

impl Engine {
    /// The operation, unless it has ended or never began.
    pub(super) async fn pending(&self, id: &str) -> Result<Option<Pending>> {
        self.pending_body(id).await?.map(|body| Pending::read(id, &body)).transpose()
    }

    /// The body of its row.
    pub(super) async fn pending_body(&self, id: &str) -> Result<Option<String>> {
        let key = by_id(id);
        let rows = self.ledger().store().rows(Table::Operation, &key, None, 1).await?;
        Ok(rows.into_iter().find(|row| row.key == key).map(|row| row.body))
    }
}

/// The id of the operation whose event has this dedup key.
pub(super) fn operation_id(key: Key16) -> String {
    format!("op_{:032x}", u128::from_be_bytes(key))
}

/// The dedup key that an operation's id stands for; `None` for what is no such id.
pub(super) fn key_of(id: &str) -> Option<Key16> {
    let digits = id.strip_prefix("op_")?;
    let key = u128::from_str_radix(digits, 16).ok()?.to_be_bytes();
    // One spelling for each: 32 digits, lower case.
    (operation_id(key) == id).then_some(key)
}

fn by_id(id: &str) -> String {
    format!("{BY_ID}{id}")
}

fn by_time(begun_at: Timestamp, id: &str) -> String {
    // A clock before 1970 is wrong, and its operations are old.
    format!("{BY_TIME}{:020}|{id}", begun_at.micros().max(0))
}

/// When the operation of a row by time began, and its id; `None` for what is no such row.
pub(super) fn time_and_id(key: &str) -> Option<(Timestamp, &str)> {
    let (micros, id) = key.strip_prefix(BY_TIME)?.split_once('|')?;
    let begun_at = Timestamp::from_micros(micros.parse().ok()?)?;
    (by_time(begun_at, id) == key && key_of(id).is_some()).then_some((begun_at, id))
}

#[cfg(test)]
mod tests {
    use event::Timestamp;

    use super::{by_time, key_of, operation_id, time_and_id};

    #[test]
    fn an_id_has_one_spelling() {
        let key = *b"\x00\x01aaaaaaaaaaaa\xfe\xff";
        let id = operation_id(key);
        assert_eq!(id, "op_0001616161616161616161616161feff");
        assert_eq!(key_of(&id), Some(key));
        for other in
            ["", "op_", "op_1", &id[3..], &id.to_uppercase(), &id.replace("feff", "FEFF"), &format!("{id}0")]
        {
            assert_eq!(key_of(other), None, "{other}");
        }
        assert_eq!(key_of(&id.replace("op_0", "op_+")), None);
    }

    #[test]
    fn rows_by_time_sort_by_time_and_say_it() {
        let id = operation_id([7; 16]);
        let times = [0, 1, 999_999, 1_000_000, 1_800_000_000_000_000, 253_402_300_799_999_999];
        let keys = times.map(|micros| by_time(Timestamp::from_micros(micros).unwrap(), &id));
        assert!(keys.is_sorted());
        for (key, micros) in keys.iter().zip(times) {
            assert_eq!(time_and_id(key), Some((Timestamp::from_micros(micros).unwrap(), id.as_str())));
        }
        assert_eq!(by_time(Timestamp::MIN, &id), keys[0]);
        for other in ["due|", "due|1|x", &keys[0][4..], &format!("{}x", keys[0])] {
            assert_eq!(time_and_id(other), None, "{other}");
        }
    }
}

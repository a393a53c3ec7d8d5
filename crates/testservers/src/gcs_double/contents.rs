//! What is in a bucket.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::reply::Refusal;

/// One generation of an object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) body: Bytes,
    pub(super) generation: u64,
    pub(super) last_modified: DateTime<Utc>,
    /// Headers that come back with the object as they were sent with it.
    pub(super) kept_headers: Vec<(String, String)>,
    pub(super) kms_key: Option<String>,
}

impl Object {
    pub(super) fn tag(&self) -> String {
        format!("\"g{}\"", self.generation)
    }
}

/// An upload in parts that is not complete.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) kept_headers: Vec<(String, String)>,
    pub(super) kms_key: Option<String>,
    pub(super) parts: BTreeMap<u32, (String, Bytes)>,
}

/// A bucket.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Every generation of every key, the newest last; `None` is where it was deleted.
    generations: BTreeMap<String, Vec<Option<Object>>>,
    pub(super) uploads: BTreeMap<String, Upload>,
    last_generation: u64,
    pub(super) kms_keys: Vec<String>,
    pub(super) default_kms_key: Option<String>,
    pub(super) is_retained: bool,
    pub(super) description: String,
    pub(super) policy: Option<String>,
}

impl Contents {
    pub(super) fn live(&self, key: &str) -> Option<&Object> {
        self.generations.get(key)?.last()?.as_ref()
    }

    pub(super) fn generation(&self, key: &str, generation: u64) -> Option<&Object> {
        self.generations.get(key)?.iter().flatten().find(|object| object.generation == generation)
    }

    /// Live objects in the order of their keys.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Object)> {
        self.generations
            .iter()
            .filter_map(|(key, generations)| Some((key.as_str(), generations.last()?.as_ref()?)))
    }

    pub(super) fn next_generation(&mut self) -> u64 {
        self.last_generation += 1;
        self.last_generation
    }

    /// Puts a new generation, if the one that is live is as `expected` (0: none is), and returns it.
    pub(super) fn put(
        &mut self,
        key: &str,
        body: Bytes,
        kept_headers: Vec<(String, String)>,
        kms_key: Option<String>,
        expected: Option<u64>,
    ) -> Result<&Object, Refusal> {
        let live = self.live(key).map_or(0, |object| object.generation);
        if expected.is_some_and(|expected| expected != live) {
            return Err(Refusal { status: 412, code: "PreconditionFailed" });
        }
        if live != 0 {
            self.may_remove()?;
        }
        let generation = self.next_generation();
        let object = Object { body, generation, last_modified: Utc::now(), kept_headers, kms_key };
        let generations = self.generations.entry(key.to_owned()).or_default();
        generations.push(Some(object));
        Ok(generations.last().and_then(Option::as_ref).expect("it was pushed just now"))
    }

    pub(super) fn delete(&mut self, key: &str) -> Result<(), Refusal> {
        if self.live(key).is_none() {
            return Err(Refusal { status: 404, code: "NoSuchKey" });
        }
        self.may_remove()?;
        self.generations.entry(key.to_owned()).or_default().push(None);
        Ok(())
    }

    fn may_remove(&self) -> Result<(), Refusal> {
        if self.is_retained { Err(Refusal { status: 403, code: "RetentionPolicyNotMet" }) } else { Ok(()) }
    }

    /// The key that a put is encrypted with.
    pub(super) fn kms_key_for(&self, asked: Option<&str>) -> Result<Option<String>, Refusal> {
        match asked {
            Some(key) if !self.kms_keys.iter().any(|known| known == key) => {
                Err(Refusal { status: 400, code: "InvalidArgument" })
            }
            Some(key) => Ok(Some(key.to_owned())),
            None => Ok(self.default_kms_key.clone()),
        }
    }
}

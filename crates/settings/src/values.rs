//! From what was given to typed values, collecting every problem on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use event::retention::{HotDays, RetainDays};

use crate::key;
use crate::layers::Found;
use crate::problem::{Place, Problem};
use crate::rule::{Raw, Value};
use crate::settings::Backend;

/// Reads keys. After a problem the default is given instead, so that reading goes on and finds the other problems; with
/// a problem reported, no settings come out of it.
pub(crate) struct Values<'v> {
    found: &'v BTreeMap<String, Found>,
    problems: &'v mut Vec<Problem>,
}

macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident -> $type:ty, $variant:ident;)+) => {
        $($(#[$doc])*
        pub(crate) fn $name(&mut self, name: &str) -> $type {
            match self.value(name) {
                Some(Value::$variant(value)) => value,
                other => unreachable!("{name} is declared with another kind of value: {other:?}"),
            }
        })+
    };
}

impl<'v> Values<'v> {
    pub(crate) fn new(found: &'v BTreeMap<String, Found>, problems: &'v mut Vec<Problem>) -> Self {
        Self { found, problems }
    }

    typed! {
        whole -> u64, Whole;
        switch -> bool, Switch;
        listen -> SocketAddr, Listen;
        backend -> Backend, Backend;
        hot_days -> HotDays, HotDays;
        retain_days -> RetainDays, RetainDays;
        time_of_day -> u16, TimeOfDay;
        text -> String, Text;
    }

    /// A number of things in memory: no limit is wider than an address.
    pub(crate) fn count(&mut self, name: &str) -> usize {
        usize::try_from(self.whole(name)).unwrap_or(usize::MAX)
    }

    /// For keys whose bounds fit 32 bits.
    pub(crate) fn whole_u32(&mut self, name: &str) -> u32 {
        u32::try_from(self.whole(name)).unwrap_or(u32::MAX)
    }

    /// A key without default.
    pub(crate) fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.value(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether anybody gave it, also where it has a default.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }

    /// A switch without default.
    pub(crate) fn optional_switch(&mut self, name: &str) -> Option<bool> {
        match self.value(name) {
            Some(Value::Switch(value)) => Some(value),
            _ => None,
        }
    }

    /// A number without default.
    pub(crate) fn optional_whole(&mut self, name: &str) -> Option<u64> {
        match self.value(name) {
            Some(Value::Whole(value)) => Some(value),
            _ => None,
        }
    }

    /// A list without default; empty where it is not given.
    pub(crate) fn optional_list(&mut self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::List(list)) => list,
            _ => Vec::new(),
        }
    }

    /// A key without default that must be given, because another member of its section was.
    pub(crate) fn required_text(&mut self, name: &str) -> Option<String> {
        if !self.found.contains_key(name) {
            let accepted = key::find(name).map(|key| key.rule.accepted()).unwrap_or_default();
            let problem = Problem::of_key(Place::Together, name, format!("missing: give {accepted}"));
            self.problems.push(problem);
        }
        self.optional_text(name)
    }

    /// How many members the list has. An index that is left out is a problem.
    pub(crate) fn list_length(&mut self, list: &str) -> usize {
        let prefix = format!("{list}.");
        let members = self.found.keys().filter_map(|key| key.strip_prefix(&prefix)?.split('.').next());
        let indices: BTreeSet<usize> = members.filter_map(|index| index.parse().ok()).collect();
        let length = indices.iter().zip(0..).take_while(|(index, expected)| *index == expected).count();
        if let Some(beyond) = indices.iter().nth(length) {
            let place = Place::Together;
            let name = format!("{list}.{beyond}");
            let message = format!("there is no {list}.{length}: indices count from 0 without a gap");
            self.problems.push(Problem::of_key(place, &name, message));
        }
        length
    }

    /// Reports that an accepted value is not acceptable after all.
    pub(crate) fn refuse(&mut self, name: &str, message: String) {
        let found = self.found.get(name);
        let place = found.map_or(Place::Together, |found| found.place.clone());
        let value = found.map(|found| found.raw.to_string());
        self.problems.push(Problem { place, key: Some(name.to_owned()), value, message });
    }

    fn value(&mut self, name: &str) -> Option<Value> {
        let key = key::find(name).unwrap_or_else(|| unreachable!("{name} is not in the table of keys"));
        if let Some(found) = self.found.get(name) {
            match key.rule.read(&found.raw) {
                Ok(value) => return Some(value),
                Err(message) => self.refuse(name, message),
            }
        }
        let default = Raw::Text(key.default?.to_owned());
        let value = key.rule.read(&default);
        Some(value.unwrap_or_else(|message| unreachable!("the default of {name}: {message}")))
    }
}

use std::collections::BTreeMap;

use serde_json::Value;

/// A receipt, checked to have exactly the members that programs rely on, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Only the receipt of a duplicate whose entry is archived has none.
    pub(crate) event_id: Option<String>,
    pub(crate) seq: u64,
    pub(crate) leaf_hash: String,
    pub(crate) duplicate: bool,
}

impl Receipt {
    #[track_caller]
    pub(crate) fn parse(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap();
        let receipt = Self {
            event_id: value["event_id"].as_str().map(str::to_owned),
            seq: value["seq"].as_u64().unwrap(),
            leaf_hash: value["leaf_hash"].as_str().unwrap().to_owned(),
            duplicate: value["duplicate"].as_bool().unwrap(),
        };
        let Self { event_id, seq, leaf_hash, duplicate } = &receipt;
        assert!(*duplicate || event_id.is_some());
        let event_id = serde_json::json!(event_id);
        let written = format!(
            r#"{{"event_id":{event_id},"seq":{seq},"leaf_hash":"{leaf_hash}","duplicate":{duplicate}}}"#
        );
        assert_eq!(line, written);
        assert_eq!(leaf_hash.len(), 64);
        receipt
    }

    pub(crate) fn all(stdout: &str) -> Vec<Self> {
        stdout.lines().map(Self::parse).collect()
    }

    /// The seq of each event id; an id may come twice only with the same seq.
    pub(crate) fn places(receipts: &[Self]) -> BTreeMap<String, u64> {
        let mut places = BTreeMap::new();
        for receipt in receipts {
            let event_id = receipt.event_id.clone().unwrap();
            let earlier = places.insert(event_id, receipt.seq);
            assert!(earlier.is_none_or(|seq| seq == receipt.seq), "{receipt:?} was at {earlier:?}");
        }
        places
    }
}

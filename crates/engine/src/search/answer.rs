//! What a search answers.

/// One page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    /// Lines, in the asked order.
    pub entries: Vec<Vec<u8>>,
    /// Where to go on; `None` when all has been seen.
    pub next_cursor: Option<String>,
    /// Entries in the ledger when the first page was answered.
    pub tree_size: u64,
    /// From this seq on every entry is in the hot window.
    pub pruned_through: u64,
    /// What was searched.
    pub tiers: Vec<&'static str>,
    /// First and last seq of what could not be searched, because it is kept nowhere any more; usually none.
    pub unavailable: Vec<[u64; 2]>,
    /// Stored bytes of archived objects that were read for this page.
    pub bytes_read: u64,
}

impl SearchPage {
    /// The page as one line of JSON; entries are the stored lines, byte for byte.
    pub fn to_json(&self) -> String {
        let bytes: usize = self.entries.iter().map(|line| line.len() + 1).sum();
        let mut json = String::with_capacity(bytes + 160);
        json.push_str("{\"entries\":[");
        for (number, line) in self.entries.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            json.push_str(&String::from_utf8_lossy(line));
        }
        let cursor = serde_json::json!(self.next_cursor);
        let tiers = serde_json::json!(self.tiers);
        let (tree_size, pruned_through) = (self.tree_size, self.pruned_through);
        json.push_str("],\"next_cursor\":");
        json.push_str(&cursor.to_string());
        json.push_str(",\"tree_size\":");
        json.push_str(&tree_size.to_string());
        json.push_str(",\"pruned_through\":");
        json.push_str(&pruned_through.to_string());
        json.push_str(",\"tiers\":");
        json.push_str(&tiers.to_string());
        if !self.unavailable.is_empty() {
            json.push_str(",\"unavailable\":");
            json.push_str(&serde_json::json!(self.unavailable).to_string());
        }
        json.push('}');
        json
    }
}

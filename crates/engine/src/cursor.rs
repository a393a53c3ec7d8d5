//! Pages of a search: limit, order, and the opaque cursor that goes on where a page ended.

use event::{Filter, Violation};
use store::Order;

use crate::search::Tier;

/// Most entries that a page may hold.
const LIMIT_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 100;
const CURSOR_VERSION: u8 = 2;
/// version, fingerprint, order, tier, next seq, tree size
const CURSOR_BYTES: usize = 1 + 8 + 1 + 1 + 8 + 8;

/// Which part of the matches to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Newest first by default.
    pub order: Order,
    /// Entries at most, 1 to 1,000.
    pub limit: usize,
    /// Where an earlier page ended.
    pub cursor: Option<String>,
    /// What is searched; the whole ledger by default.
    pub tier: Tier,
}

impl Default for Page {
    fn default() -> Self {
        Self { order: Order::Descending, limit: LIMIT_DEFAULT, cursor: None, tier: Tier::All }
    }
}

impl Page {
    /// Takes `order`, `limit`, `tier` and `cursor` out of name-value pairs; the rest is the filter's.
    pub fn from_pairs(pairs: &mut Vec<(String, String)>) -> Result<Self, Vec<Violation>> {
        let mut page = Self::default();
        let mut violations = Vec::new();
        let mut seen = Vec::new();
        pairs.retain(|(name, value)| {
            let names = ["order", "limit", "tier", "cursor"];
            let Some(known) = names.into_iter().find(|known| *known == name) else { return true };
            if seen.contains(&known) {
                let repeated = Violation::new(known, "repeated", format!("{known} is given more than once"));
                // Once for each name: a query has room to repeat one thousands of times.
                if !violations.contains(&repeated) {
                    violations.push(repeated);
                }
                return false;
            }
            seen.push(known);
            match known {
                "order" => match value.as_str() {
                    "asc" => page.order = Order::Ascending,
                    "desc" => page.order = Order::Descending,
                    _ => violations.push(Violation::new("order", "choice", "order is asc or desc")),
                },
                "limit" => match value.parse() {
                    Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => page.limit = limit,
                    _ => violations.push(Violation::new(
                        "limit",
                        "range",
                        format!("limit is a number from 1 to {LIMIT_MAX}"),
                    )),
                },
                "tier" => match value.parse() {
                    Ok(tier) => page.tier = tier,
                    Err(what) => violations.push(Violation::new("tier", "choice", what)),
                },
                _ => page.cursor = Some(value.clone()),
            }
            false
        });
        if violations.is_empty() { Ok(page) } else { Err(violations) }
    }
}

/// Where a page goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Ascending: the next seq to look at. Descending: one above it.
    pub(crate) bound: u64,
    /// The size that the first page was answered at; later pages see no more.
    pub(crate) tree_size: u64,
}

/// Writes a cursor, bound to its filter, order and tier.
pub(crate) fn encode(filter: &Filter, order: Order, tier: Tier, position: Position) -> String {
    let mut bytes = Vec::with_capacity(CURSOR_BYTES);
    bytes.push(CURSOR_VERSION);
    bytes.extend_from_slice(&filter.fingerprint());
    bytes.push(order_byte(order));
    bytes.push(tier_byte(tier));
    bytes.extend_from_slice(&position.bound.to_be_bytes());
    bytes.extend_from_slice(&position.tree_size.to_be_bytes());
    bytes.iter().fold(String::with_capacity(2 * CURSOR_BYTES), |mut hex, byte| {
        hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        hex
    })
}

/// Reads a cursor; it must come from the same filter, order and tier.
pub(crate) fn decode(cursor: &str, filter: &Filter, order: Order, tier: Tier) -> Result<Position, Violation> {
    let refused = |message: &str| Violation::new("cursor", "cursor", message);
    let unreadable = "the cursor is not one of this server's: repeat the search without it";
    let bytes = from_hex(cursor).ok_or_else(|| refused(unreadable))?;
    let Some((&[version], rest)) = bytes.split_first_chunk::<1>() else { return Err(refused(unreadable)) };
    if bytes.len() != CURSOR_BYTES || version != CURSOR_VERSION {
        return Err(refused(unreadable));
    }
    if rest[..8] != filter.fingerprint() || rest[8..10] != [order_byte(order), tier_byte(tier)] {
        return Err(refused(
            "the cursor belongs to another search: filters, order and tier must stay the same",
        ));
    }
    let number =
        |at: usize| rest[at..at + 8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let position = Position { bound: number(10), tree_size: number(18) };
    if position.bound > position.tree_size {
        return Err(refused(unreadable));
    }
    Ok(position)
}

fn order_byte(order: Order) -> u8 {
    match order {
        Order::Ascending => 1,
        Order::Descending => 2,
    }
}

fn tier_byte(tier: Tier) -> u8 {
    match tier {
        Tier::Hot => 1,
        Tier::Cold => 2,
        Tier::All => 3,
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * CURSOR_BYTES {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use event::Filter;
    use store::Order;

    use super::{Page, Position, decode, encode};
    use crate::search::Tier;

    fn filter(actor: &str) -> Filter {
        Filter::from_pairs([("actor", actor)].into_iter()).unwrap()
    }

    #[test]
    fn a_name_that_is_repeated_is_refused_once() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut pairs: Vec<_> = (0..1_000).map(|_| pair("limit", "0")).collect();
        pairs.extend([pair("order", "asc"), pair("actor", "a"), pair("order", "desc")]);
        let violations = Page::from_pairs(&mut pairs).unwrap_err();
        let found: Vec<_> = violations.iter().map(|violation| (&*violation.member, violation.rule)).collect();
        assert_eq!(found, [("limit", "range"), ("limit", "repeated"), ("order", "repeated")]);
        assert_eq!(pairs, [pair("actor", "a")]);
    }

    #[test]
    fn a_cursor_goes_on_only_with_its_own_filter_order_and_tier() {
        let position = Position { bound: 5, tree_size: 9 };
        let cursor = encode(&filter("a"), Order::Descending, Tier::All, position);
        assert_eq!(decode(&cursor, &filter("a"), Order::Descending, Tier::All), Ok(position));
        assert!(decode(&cursor, &filter("b"), Order::Descending, Tier::All).is_err());
        assert!(decode(&cursor, &filter("a"), Order::Ascending, Tier::All).is_err());
        assert!(decode(&cursor, &filter("a"), Order::Descending, Tier::Hot).is_err());
    }

    #[test]
    fn anything_else_is_refused() {
        let cursor = encode(&filter("a"), Order::Ascending, Tier::Cold, Position { bound: 5, tree_size: 9 });
        let beyond = encode(&filter("a"), Order::Ascending, Tier::Cold, Position { bound: 10, tree_size: 9 });
        let with_plus = cursor.replacen("02", "+2", 1);
        for bad in ["", "00", "zz", &cursor[1..], &beyond, &format!("{cursor}00"), &with_plus, "é"] {
            assert!(decode(bad, &filter("a"), Order::Ascending, Tier::Cold).is_err(), "{bad}");
        }
    }
}

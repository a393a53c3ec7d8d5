//! Names and values as a query has them, without its percent-encoding: `name=value&name=value`.

pub(crate) type Pairs = Vec<(String, String)>;

pub(crate) fn split(query: &str) -> Pairs {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

pub(crate) fn borrowed(pairs: &[(String, String)]) -> impl DoubleEndedIterator<Item = (&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

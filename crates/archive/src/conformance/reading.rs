//! Reading, listing, looking, removing.

use bytes::Bytes;
use futures::stream::{self, TryStreamExt as _};

use super::{Failed, Place, chain, expect};

/// More than any server lists in one answer.
const MANY: usize = 1_005;

/// Every kind of name that archives have, and what is next to trouble.
const ODD_NAMES: [&str; 12] =
    ["a%2Fb", "%2E%2E/x", "org_%2E", "~0123", "a=b", "a+b", "a&b", "a,b;c@d!e", "'a'(b)", "%", "%zz", "-_.x"];

pub(super) async fn ranges(place: &Place) -> Result<(), Failed> {
    expect("what is not there", &place.read("none", None).await?, &None)?;
    expect("a range of what is not there", &place.read("none", Some(0..1)).await?, &None)?;
    place.create_new("directory/key", "0123456789").await?;
    for (range, expected) in [
        (None, "0123456789"),
        (Some(0..10), "0123456789"),
        (Some(0..1), "0"),
        (Some(3..7), "3456"),
        (Some(9..10), "9"),
        (Some(8..1_000), "89"),
    ] {
        let seen = place.read("directory/key", range.clone()).await?;
        expect(&format!("the range {range:?}"), &seen, &Some(Bytes::from_static(expected.as_bytes())))?;
        let stored = place.storage.read(&place.key("directory/key"), range.clone()).await;
        let stated = stored.map_err(|error| chain(&error))?.map(|stored| stored.state.bytes);
        expect(&format!("the size of the whole, stated with {range:?}"), &stated, &Some(10))?;
    }
    Ok(())
}

pub(super) async fn heads(place: &Place) -> Result<(), Failed> {
    let head = async |name: &str| place.storage.head(&place.key(name)).await.map_err(|error| chain(&error));
    expect("what is not there", &head("none").await?, &None)?;
    place.create_new("a/key", "12345").await?;
    let first = head("a/key").await?.ok_or("a/key is not there")?;
    expect("its size", &first.bytes, &5)?;
    let again = head("a/key").await?;
    expect("the same object, looked at again", &again, &Some(first))
}

pub(super) async fn directory_names(place: &Place) -> Result<(), Failed> {
    place.create_new("directory/key", "x").await?;
    expect("reading the name of a directory", &place.read("directory", None).await?, &None)?;
    let head = place.storage.head(&place.key("directory")).await.map_err(|error| chain(&error))?;
    expect("looking at the name of a directory", &head, &None)
}

pub(super) async fn listing(place: &Place) -> Result<(), Failed> {
    expect("what is below nothing", &listed(place, "").await?, &Vec::new())?;
    for name in ["a/1", "a/b/2", "ab/3", "a.b", "c"] {
        place.create_new(name, name).await?;
    }
    let all = [("a.b", 3), ("a/1", 3), ("a/b/2", 5), ("ab/3", 4), ("c", 1)];
    for (prefix, expected) in [
        ("", &all[..]),
        ("a/", &all[1..3]),
        ("a/b/", &all[2..3]),
        ("ab/", &all[3..4]),
        ("b/", &[]),
        ("c/", &[]),
    ] {
        let expected: Vec<_> = expected.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect();
        expect(&format!("what is below `{prefix}`"), &listed(place, prefix).await?, &expected)?;
    }
    Ok(())
}

pub(super) async fn long_listing(place: &Place) -> Result<(), Failed> {
    let mut expected: Vec<(String, u64)> = (0..MANY).map(|number| (format!("key-{number:05}"), 1)).collect();
    stream::iter(expected.iter().map(Ok::<_, Failed>))
        .try_for_each_concurrent(16, |(name, _)| place.create_new(name, "x"))
        .await?;
    expected.sort_unstable();
    let seen = listed(place, "").await?;
    expect("the number of keys", &seen.len(), &expected.len())?;
    expect("the keys are those that were written", &(seen == expected), &true)
}

pub(super) async fn odd_keys(place: &Place) -> Result<(), Failed> {
    for name in ODD_NAMES {
        place.create_new(name, name).await?;
        expect(name, &place.read(name, None).await?, &Some(Bytes::from_static(name.as_bytes())))?;
        let head = place.storage.head(&place.key(name)).await.map_err(|error| chain(&error))?;
        expect(&format!("the size of {name}"), &head.map(|state| state.bytes), &Some(name.len() as u64))?;
    }
    let mut expected: Vec<_> = ODD_NAMES.iter().map(|name| ((*name).to_owned(), name.len() as u64)).collect();
    expected.sort_unstable();
    expect("the listing", &listed(place, "").await?, &expected)?;
    // Two spellings that a decoder would take for one.
    place.create_new("x%2Fy", "encoded").await?;
    place.create_new("x/y", "plain").await?;
    expect("x%2Fy", &place.read("x%2Fy", None).await?, &Some(Bytes::from_static(b"encoded")))
}

pub(super) async fn removal(place: &Place) -> Result<(), Failed> {
    place.create_new("gone", "1").await?;
    place.create_new("stays", "2").await?;
    for time in ["once", "again"] {
        let removed = place.storage.remove(&place.key("gone")).await;
        removed.map_err(|error| format!("removing {time}: {}", chain(&error)))?;
        expect("what was removed", &place.read("gone", None).await?, &None)?;
    }
    expect("what is left", &listed(place, "").await?, &vec![("stays".to_owned(), 1)])
}

/// Names and sizes below a prefix of the place, sorted.
async fn listed(place: &Place, prefix: &str) -> Result<Vec<(String, u64)>, Failed> {
    let prefix = place.key(prefix);
    let listing = place.storage.list(&prefix).try_collect::<Vec<_>>().await;
    let mut names = Vec::new();
    for (key, state) in listing.map_err(|error| format!("list: {}", chain(&error)))? {
        let name = key.strip_prefix(&place.under).ok_or_else(|| format!("{key} is not below {prefix}"))?;
        names.push((name.to_owned(), state.bytes));
    }
    names.sort_unstable();
    Ok(names)
}

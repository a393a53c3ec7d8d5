//! Elements of the small XML documents that S3 describes a bucket with.

/// The text of every element of this name, in order. What is nested in one of the same name is not looked for.
pub(super) fn elements<'d>(document: &'d str, name: &str) -> Vec<&'d str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = document;
    while let Some(at) = rest.find(&open) {
        rest = &rest[at + open.len()..];
        // Another element may begin with this name.
        if !rest.starts_with(['>', ' ', '\t', '\r', '\n']) {
            continue;
        }
        let Some(start) = rest.find('>') else { break };
        let Some(length) = rest[start + 1..].find(&close) else { break };
        found.push(rest[start + 1..start + 1 + length].trim());
        rest = &rest[start + 1 + length + close.len()..];
    }
    found
}

/// The first element of this name.
pub(super) fn element<'d>(document: &'d str, name: &str) -> Option<&'d str> {
    elements(document, name).into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_whatever_attributes_they_have() {
        let document = "<a xmlns=\"x\"><Rule><Days>3</Days></Rule><RuleX>no</RuleX><Rule>\n</Rule></a>";
        assert_eq!(elements(document, "Rule"), ["<Days>3</Days>", ""]);
        assert_eq!(element(document, "Days"), Some("3"));
        assert_eq!(element("<Days>3", "Days"), None);
        assert_eq!(element("<Days", "Days"), None);
    }
}

//! Error texts of the layers below, without what must not be told.

use std::fmt::Write as _;

/// No text is longer than this, in bytes.
const TEXT_BYTES_MAX: usize = 600;

/// Known secrets, and the rules that hold for any.
#[derive(Default)]
pub(super) struct Redaction {
    secrets: Vec<String>,
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Redaction({} secrets)", self.secrets.len())
    }
}

impl Redaction {
    /// Hides these wherever they stand. What is too short to be a secret would only blot out ordinary words.
    pub(super) fn of<'s>(secrets: impl Iterator<Item = &'s str>) -> Self {
        let mut secrets: Vec<String> =
            secrets.filter(|secret| secret.len() >= 6).map(str::to_owned).collect();
        // The longest first: a shorter one may be a part of it.
        secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// The text of an error and its causes: of what a server answered only code and message, of URLs no query, and
    /// nothing of the known secrets. A refused signature is answered with the whole request, token included.
    pub(super) fn text(&self, error: &(dyn std::error::Error + 'static)) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let more = error.to_string();
            // Most layers repeat what is below them.
            if !text.contains(&more) {
                let _ = write!(text, ": {more}");
            }
            cause = error.source();
        }
        self.clean(&text)
    }

    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = without_queries(&without_markup(text));
        for secret in &self.secrets {
            text = text.replace(secret, "[secret]");
        }
        if text.len() > TEXT_BYTES_MAX {
            let end = (0..=TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

/// Replaces an XML document by its `Code` and `Message`.
fn without_markup(text: &str) -> String {
    let Some(start) = text.find("<?xml").or_else(|| text.find("<Error>")) else {
        return text.split_whitespace().collect::<Vec<_>>().join(" ");
    };
    let (before, document) = text.split_at(start);
    let said = ["Code", "Message"].into_iter().filter_map(|name| element(document, name));
    let said = said.collect::<Vec<_>>().join(": ");
    // Azure's messages go on with a request id on lines of its own.
    let said = said.lines().next().unwrap_or_default();
    format!("{} {said}", before.split_whitespace().collect::<Vec<_>>().join(" ")).trim_end().to_owned()
}

fn element<'d>(document: &'d str, name: &str) -> Option<&'d str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

/// Cuts the query off whatever looks like a URL: a shared access signature stands there.
fn without_queries(text: &str) -> String {
    let cut = |word: &str| match word.split_once('?') {
        Some((path, query)) if path.contains('/') && !query.is_empty() => {
            let after = query.trim_start_matches(|letter: char| !matches!(letter, ')' | '"' | '\'' | '>'));
            format!("{path}?…{after}")
        }
        _ => word.to_owned(),
    };
    text.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_refused_signature_only_code_and_message_are_told() {
        let body = "403 Forbidden: <?xml version=\"1.0\"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>The \
                    signature does not match.</Message><AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId><CanonicalRequest>\
                    x-amz-security-token:TOKEN</CanonicalRequest></Error>";
        let text = Redaction::default().clean(body);
        assert_eq!(text, "403 Forbidden: SignatureDoesNotMatch: The signature does not match.");
    }

    #[test]
    fn a_signed_url_loses_its_query() {
        let text = "Error performing PUT https://a.example/c/k?sv=2020&sig=abc%3D in 1s";
        let expected = "Error performing PUT https://a.example/c/k?… in 1s";
        assert_eq!(Redaction::default().clean(text), expected);
        let quoted = "error sending request for url (https://a.example/c/k?sig=abc)";
        let expected = "error sending request for url (https://a.example/c/k?…)";
        assert_eq!(Redaction::default().clean(quoted), expected);
    }

    #[test]
    fn a_known_secret_is_hidden_wherever_it_stands_and_texts_are_bounded() {
        let redaction = Redaction::of(["hunter2hunter2", "short"].into_iter());
        assert_eq!(redaction.clean("the short key hunter2hunter2!"), "the short key [secret]!");
        assert!(redaction.clean(&"é".repeat(5_000)).len() <= TEXT_BYTES_MAX + 3);
    }
}

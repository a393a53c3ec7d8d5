//! Text with fields in braces.

use std::borrow::Cow;

use crate::field::Field;
use crate::plan::{Names, Scope};

#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// As written, for messages.
    pub(crate) text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Field(Field),
}

impl Template {
    pub(crate) fn parse(text: &str, names: &Names<'_>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let (field, after) = match brace {
                "{" => {
                    rest.split_once('}').ok_or_else(|| format!("`{text}` has a `{{` that does not end"))?
                }
                _ => {
                    return Err(format!(
                        "`{text}` has a `}}` that nothing opened; a brace itself is written twice"
                    ));
                }
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Field(Field::parse(field, names)?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        if pieces.is_empty() {
            return Err("an empty template has no value".to_owned());
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field),
            Piece::Literal(_) => None,
        })
    }

    pub(crate) fn resolve<'s>(&'s self, scope: &Scope<'s>) -> Option<Cow<'s, str>> {
        if let [piece] = self.pieces.as_slice() {
            return piece.resolve(scope);
        }
        let mut text = String::new();
        for piece in &self.pieces {
            text.push_str(&piece.resolve(scope)?);
        }
        Some(Cow::Owned(text))
    }
}

impl Piece {
    fn resolve<'s>(&'s self, scope: &Scope<'s>) -> Option<Cow<'s, str>> {
        match self {
            Self::Literal(text) => Some(Cow::Borrowed(text)),
            Self::Field(field) => field.resolve(scope),
        }
    }
}

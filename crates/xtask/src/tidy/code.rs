//! Rust source with its comments and literals blanked out, so that a rule sees code and nothing else.
//!
//! A lexer, not a parser: enough to find words, attributes and blocks. What it cannot see: code that macros make.

mod blank;

use std::ops::Range;

/// The code of one file. Offsets are bytes and the same as in the source.
pub(super) struct Code {
    blanked: String,
    line_starts: Vec<usize>,
}

/// An identifier or keyword.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) offset: usize,
    pub(super) text: &'a str,
}

/// `#[…]` or `#![…]`.
pub(super) struct Attribute<'a> {
    pub(super) range: Range<usize>,
    /// What is between the brackets.
    pub(super) content: &'a str,
    /// `#![…]`: about the item that it is in.
    pub(super) is_inner: bool,
}

impl Code {
    pub(super) fn of(source: &str) -> Self {
        let mut line_starts = vec![0];
        line_starts.extend(source.match_indices('\n').map(|(offset, _)| offset + 1));
        Self { blanked: blank::comments_and_literals(source), line_starts }
    }

    /// From 1.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    pub(super) fn len(&self) -> usize {
        self.blanked.len()
    }

    /// Every identifier and keyword, in order.
    pub(super) fn words(&self) -> impl Iterator<Item = Word<'_>> {
        words_in(&self.blanked)
    }

    /// What follows a word or a block, white space left out.
    pub(super) fn after(&self, offset: usize) -> &str {
        self.blanked[offset..].trim_start()
    }

    /// What precedes a word or a block, white space left out.
    pub(super) fn before(&self, offset: usize) -> &str {
        self.blanked[..offset].trim_end()
    }

    pub(super) fn attributes(&self) -> Vec<Attribute<'_>> {
        let mut attributes = Vec::new();
        for (offset, _) in self.blanked.match_indices('#') {
            let after = self.blanked[offset + 1..].strip_prefix('!');
            let is_inner = after.is_some();
            let open = offset + 1 + usize::from(is_inner);
            if self.blanked[open..].starts_with('[')
                && let Some(end) = self.closing(open, b'[', b']')
            {
                let content = &self.blanked[open + 1..end - 1];
                attributes.push(Attribute { range: offset..end, content, is_inner });
            }
        }
        attributes
    }

    /// The `{…}` of the item that starts at `offset`; none for an item that ends with a semicolon.
    pub(super) fn block_after(&self, offset: usize) -> Option<Range<usize>> {
        let mut depth = 0_usize;
        for (index, byte) in self.blanked.bytes().enumerate().skip(offset) {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.checked_sub(1)?,
                b';' if depth == 0 => return None,
                b'{' if depth == 0 => return Some(index..self.closing(index, b'{', b'}')?),
                _ => {}
            }
        }
        None
    }

    /// The blocks of `impl Trait for Type`: the names in them are the trait's choice.
    pub(super) fn trait_implementations(&self) -> Vec<Range<usize>> {
        let mut blocks = Vec::new();
        for word in self.words().filter(|word| word.text == "impl") {
            // Elsewhere `impl` is a type: after a colon, an arrow, a bracket.
            let before = self.before(word.offset);
            let is_item =
                before.is_empty() || before.ends_with(['{', '}', ';', ']']) || before.ends_with("default");
            if is_item && let Some(block) = self.block_after(word.offset) {
                let header = &self.blanked[word.offset..block.start];
                // `for<'a>` is a bound, not the `for` between a trait and a type.
                let is_of_a_trait = words_in(header).any(|word| {
                    word.text == "for" && !header[word.offset + 3..].trim_start().starts_with('<')
                });
                if is_of_a_trait {
                    blocks.push(block);
                }
            }
        }
        blocks
    }

    /// The blocks under `#[cfg(test)]`, `#[test]`, `#[tokio::test]` and their like.
    pub(super) fn tests(&self) -> Vec<Range<usize>> {
        let mut blocks = Vec::new();
        for attribute in self.attributes() {
            let words: Vec<_> = words_in(attribute.content).map(|word| word.text).collect();
            // What `cfg_attr` adds in tests is an attribute of an item that is not one.
            if words.first() == Some(&"cfg_attr") || !words.contains(&"test") || words.contains(&"not") {
                continue;
            }
            if attribute.is_inner {
                blocks.push(0..self.len());
            } else if let Some(block) = self.block_after(attribute.range.end) {
                blocks.push(block);
            }
        }
        blocks
    }

    /// The offset behind the bracket that closes the one at `open`.
    fn closing(&self, open: usize, opening: u8, closing: u8) -> Option<usize> {
        let mut depth = 0_usize;
        for (index, byte) in self.blanked.bytes().enumerate().skip(open) {
            if byte == opening {
                depth += 1;
            } else if byte == closing {
                depth -= 1;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
        }
        None
    }
}

/// The identifiers and keywords of a piece of code; offsets are from its start.
pub(super) fn words_in(code: &str) -> impl Iterator<Item = Word<'_>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let offset = next + code[next..].find(is_of_a_word)?;
        let length = code[offset..].find(|character| !is_of_a_word(character)).unwrap_or(code.len() - offset);
        next = offset + length;
        Some(Word { offset, text: &code[offset..next] })
    })
}

fn is_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_at_its_own_brace_and_a_declaration_has_none() {
        let code = Code::of("fn a(b: [u8; 2]) -> X { if y { z } } fn c();");
        let block = code.block_after(0).unwrap();
        assert_eq!(&code.blanked[block], "{ if y { z } }");
        let declaration = code.blanked.find("fn c").unwrap();
        assert_eq!(code.block_after(declaration), None);
    }

    #[test]
    fn only_implementations_of_traits_count_as_such() {
        let code = Code::of(
            "impl A { fn b(c: impl D) {} }\nimpl<T> E for F<T> { x }\nimpl<G> H<G> where for<'a> G: I<'a> { y }",
        );
        let blocks = code.trait_implementations();
        assert_eq!(blocks.len(), 1);
        assert_eq!(&code.blanked[blocks[0].clone()], "{ x }");
    }

    #[test]
    fn tests_are_found_by_their_attributes() {
        let code = Code::of(
            "#[cfg(not(test))] mod a { b }\n#[cfg(test)]\nmod tests { c }\n#[cfg(test)] mod elsewhere;\n\
             #[cfg_attr(test, derive(D))] struct E { f: G }\n#[tokio::test(start_paused = true)] async fn h() { i }",
        );
        let found: Vec<_> = code.tests().into_iter().map(|range| &code.blanked[range]).collect();
        assert_eq!(found, ["{ c }", "{ i }"]);
        let whole = Code::of("#![cfg(test)]\nfn a() {}");
        assert_eq!(whole.tests().first(), Some(&(0..whole.len())));
    }

    #[test]
    fn lines_count_from_one() {
        let code = Code::of("a\nb\n\nc");
        let lines: Vec<_> = code.words().map(|word| (word.text, code.line_of(word.offset))).collect();
        assert_eq!(lines, [("a", 1), ("b", 2), ("c", 4)]);
    }
}

//! The part of a Rust lexer that tells comments and literals from code.

/// The same text, with a space for every byte of a comment, a string or a character; line ends stay.
pub(super) fn comments_and_literals(source: &str) -> String {
    let mut blanked = Vec::with_capacity(source.len());
    let mut rest = source;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        // `r"` begins a raw string, the same letters at the end of an identifier do not.
        let is_inside_a_word = previous.is_alphanumeric() || previous == '_';
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => 1 + string(&rest[1..]),
            '\'' => character(rest),
            'r' | 'b' | 'c' if !is_inside_a_word => prefixed_literal(rest),
            _ => 0,
        };
        if length == 0 {
            blanked.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[first.len_utf8()..];
            previous = first;
        } else {
            blanked.extend(rest[..length].bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' }));
            rest = &rest[length..];
            previous = ' ';
        }
    }
    String::from_utf8(blanked).expect("whole characters were copied and the rest is ASCII")
}

/// The length of the block comment at the start; they nest.
fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index..].starts_with(b"/*") {
            depth += 1;
            index += 2;
        } else if bytes[index..].starts_with(b"*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += 1;
        }
    }
    bytes.len()
}

/// The length of a string behind its opening quote, the closing one included.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the character literal at the start; 0 for a lifetime or a label.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            // The escaped character itself may be a quote, so the search begins behind it.
            characters.next();
            characters.find(|(_, character)| *character == '\'').map_or(text.len(), |(index, _)| index + 1)
        }
        Some(_) => match characters.next() {
            Some((index, '\'')) => index + 1,
            _ => 0,
        },
        None => 0,
    }
}

/// The length of a literal with a prefix (`r`, `b`, `c`, `br`, `cr`); 0 if none is there.
fn prefixed_literal(text: &str) -> usize {
    let prefix =
        ["br", "cr", "r", "b", "c"].into_iter().find(|prefix| text.starts_with(prefix)).unwrap_or("");
    let behind = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = behind.len() - behind.trim_start_matches('#').len();
        if !behind[hashes..].starts_with('"') {
            return 0;
        }
        let start = prefix.len() + hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        return text[start..].find(&end).map_or(text.len(), |index| start + index + end.len());
    }
    match behind.bytes().next() {
        Some(b'"') => prefix.len() + 1 + string(&behind[1..]),
        Some(b'\'') if prefix == "b" => prefix.len() + character(behind),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn leaves(source: &str, code: &str) {
        let blanked = comments_and_literals(source);
        assert_eq!(blanked.len(), source.len(), "offsets must not move");
        assert_eq!(blanked.split_whitespace().collect::<Vec<_>>().join(" "), code);
    }

    #[test]
    fn comments_go_also_nested_ones() {
        leaves("a // b\nc /* d /* e */ f */ g //", "a c g");
        leaves("/// doc\n//! doc\nfn", "fn");
        leaves("a / b", "a / b");
    }

    #[test]
    fn strings_go_with_their_escapes() {
        leaves(r#"a "b \" c" d "\\" e"#, "a d e");
        leaves("a \"// b\" c", "a c");
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        leaves("a r#\"b \" c\"# d br\"\\\" e r##\"\"#\"## f", "a d e f");
        leaves("r#fn number\"b\" c", "r#fn number c");
    }

    #[test]
    fn characters_go_and_lifetimes_stay() {
        leaves(r"a 'b' '\'' '\\' '\u{41}' b'c' '″' '{' d", "a d");
        leaves("fn a<'b>(c: &'b str) -> &'static d", "fn a<'b>(c: &'b str) -> &'static d");
    }

    #[test]
    fn an_unfinished_literal_takes_the_rest() {
        leaves("a \"b", "a");
        leaves("a /* b", "a");
        leaves("a r#\"b\"", "a");
    }

    #[test]
    fn lines_stay_where_they_are() {
        assert_eq!(comments_and_literals("\"a\nb\"\nc"), "  \n  \nc");
    }
}

//! The mappings that come with the product.

/// Sorted, as the command line lists them.
pub(crate) const NAMES: &[&str] = &["cloudtrail", "windows"];

pub(crate) fn text(name: &str) -> Option<&'static str> {
    match name {
        "cloudtrail" => Some(include_str!("../mappings/cloudtrail.toml")),
        "windows" => Some(include_str!("../mappings/windows.toml")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::Mapping;

    #[test]
    fn every_built_in_mapping_parses_and_has_the_name_it_is_asked_by() {
        for name in Mapping::built_in_names() {
            assert_eq!(Mapping::built_in(name).unwrap().name(), *name);
        }
        assert!(Mapping::built_in("unheard_of").is_none());
    }
}

//! Who is at the command line.

use engine::Actor;

/// Who runs this command, as far as the environment tells: the ledger's own entries name them. Whoever may write to the
/// data directory may set it as they like, so it is a note and no proof.
pub(crate) fn operator() -> Actor {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| {
        let value = std::env::var(name).ok()?;
        let fits = !value.is_empty() && value.len() <= 256 && !value.chars().any(char::is_control);
        fits.then_some(value)
    });
    name.map_or_else(Actor::system, Actor::user)
}

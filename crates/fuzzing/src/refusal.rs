//! What every refusal keeps to, whatever was refused.

use event::{VIOLATIONS_MAX, Violation};

/// Bytes of one violation's texts, and of the memory behind them. A server bounds how many it answers with, so each has to
/// be small by itself.
const TEXT_BYTES_MAX: usize = 1_024;

/// Something is said, and little.
pub(crate) fn is_short(violations: &[Violation]) {
    assert!(!violations.is_empty(), "refused without a reason");
    // Beside those that are listed: that there are more, or two ranges that end before they begin.
    assert!(violations.len() <= VIOLATIONS_MAX + 2, "{} violations", violations.len());
    for violation in violations {
        assert!(violation.member.len() <= 256 + '…'.len_utf8(), "{}", violation.member);
        assert!(violation.member.capacity() <= TEXT_BYTES_MAX, "memory behind {}", violation.member);
        assert!(violation.message.len() <= TEXT_BYTES_MAX, "{}", violation.message);
        assert_eq!(violation.position, None);
    }
}

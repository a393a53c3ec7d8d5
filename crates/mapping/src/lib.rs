//! Foreign audit records to events, by mappings that are data.

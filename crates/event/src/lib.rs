//! Streams, fields, validation, the canonical line, filters and retention rules.

//! The ordered rows of a ledger, committed atomically: the trait, SQLite and memory.

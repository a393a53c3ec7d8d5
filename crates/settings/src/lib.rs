//! File and environment to validated settings.

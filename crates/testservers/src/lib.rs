//! Development only: real object storage servers, started and stopped by tests.

//! When archive runs happen and when they do not: frozen, leased to another process, scheduled, bounded.

mod freezing;
mod leasing;
mod scheduling;
mod status;
mod support;

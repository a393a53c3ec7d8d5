//! Destinations far away, held against real servers: the contract, what goes wrong, what is sent along.

mod contract;
mod headers;
mod places;
mod trouble;

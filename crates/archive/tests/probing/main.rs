//! A destination is tried out before it is trusted, on real servers and on such as lie.

mod bucket;
mod lies;
mod place;
mod truth;

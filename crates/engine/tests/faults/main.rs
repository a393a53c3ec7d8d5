//! Archive runs whose store or destination fails: what is left verifies, nothing is pruned that is not proven, and the
//! next run takes it up.

mod bad_destinations;
mod object_storage;
mod orphans;
mod s3;
mod scene;
mod steps;
mod table;

//! Objects, batches and manifests in object storage: write, re-read, verify.

//! A double of the XML API of Google Cloud Storage.

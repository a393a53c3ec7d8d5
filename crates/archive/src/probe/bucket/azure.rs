//! Azure: public access and immutability of the container. Lifecycle and versions are set up at the account, which the
//! credentials of a container cannot see.

use super::super::finding::ProbeReport;
use super::super::inspector::Inspector;
use super::reason;

pub(in super::super) async fn check(inspector: &Inspector, report: &mut ProbeReport) {
    const ASK: &str = "let the credentials read the container's properties to have it checked";
    let container = match inspector.bucket("?restype=container").await {
        Ok(answer) if answer.is_success() => Ok(answer),
        Ok(answer) => Err(reason(&answer)),
        Err(error) => Err(error),
    };
    match &container {
        Ok(container) => {
            match container.header("x-ms-blob-public-access") {
                None => report.pass("public-access", "nobody without credentials is let in"),
                Some(_) => report.fail(
                    "public-access",
                    "the container lets everybody read",
                    "set its public access level to private, and look at who has read it",
                ),
            }
            let is_on = |name| container.header(name) == Some("true");
            if is_on("x-ms-has-immutability-policy") || is_on("x-ms-has-legal-hold") {
                report.pass("bucket-lock", "an immutability policy or a legal hold is on the container");
            } else if is_on("x-ms-immutable-storage-with-versioning-enabled") {
                report.warn(
                    "bucket-lock",
                    "the container supports immutability of versions, and has no policy",
                    "set a default time-based retention policy on it, and lock it",
                );
            } else {
                report.warn(
                    "bucket-lock",
                    "the container has no immutability policy: blobs can be deleted",
                    "set a time-based retention policy on it, and lock it",
                );
            }
        }
        Err(why) => {
            report.unknown("public-access", why.as_str(), ASK);
            report.unknown("bucket-lock", why.as_str(), ASK);
        }
    }
    report.unknown(
        "lifecycle",
        "lifecycle rules belong to the storage account, which cannot be seen from here",
        "look at the account's lifecycle management: no rule may delete blobs of the archive",
    );
    report.unknown(
        "versioning",
        "versioning belongs to the storage account, which cannot be seen from here",
        "enable blob versioning or soft delete of the account",
    );
}

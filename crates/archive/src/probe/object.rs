//! How an object that was written is kept: lock, encryption, checksum.

use event::Timestamp;

use super::finding::ProbeReport;
use super::inspector::{Answer, Inspector, Signer};
use crate::destination::{Encryption, LockMode, ObjectLock};

const MICROS_PER_DAY: i64 = 86_400_000_000;
const MAY_NOT_ASK: &str = "let the credentials read the object's metadata";

pub(super) async fn check(inspector: &Inspector, key: &str, report: &mut ProbeReport) {
    match inspector.signer {
        Signer::S3(..) => s3(inspector, key, report).await,
        Signer::Gcs(_) => gcs(inspector, key, report).await,
        // Nothing is asked of Azure that an object would show.
        Signer::Azure(..) => {}
    }
}

async fn s3(inspector: &Inspector, key: &str, report: &mut ProbeReport) {
    let options = &inspector.options;
    let answer = match inspector.head(key, &[("x-amz-checksum-mode", "ENABLED")]).await {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) => return not_seen(report, &format!("the server answered {}", answer.status)),
        Err(error) => return not_seen(report, &error),
    };
    match answer.header("x-amz-checksum-sha256") {
        Some(_) => report.pass("checksum", "the server keeps a SHA-256 of what is written"),
        None => report.unknown(
            "checksum",
            "the server does not show a SHA-256 of what was written",
            "nothing: what is written is read back and compared in any case",
        ),
    }
    if let Some(lock) = options.object_lock {
        check_lock(lock, &answer, report);
    }
    check_encryption(options.encryption, options.kms_key.as_deref(), &answer, report);
}

fn not_seen(report: &mut ProbeReport, reason: &str) {
    report.unknown("object-state", format!("how objects are kept cannot be seen: {reason}"), MAY_NOT_ASK);
}

fn check_lock(lock: ObjectLock, answer: &Answer, report: &mut ProbeReport) {
    const ADVICE: &str =
        "make the bucket with Object Lock, and let the credentials use s3:PutObjectRetention";
    let wanted = match lock.mode {
        LockMode::Governance => "GOVERNANCE",
        LockMode::Compliance => "COMPLIANCE",
    };
    let mode = answer.header("x-amz-object-lock-mode");
    let until = answer.header("x-amz-object-lock-retain-until-date");
    let (Some(mode), Some(until)) = (mode, until) else {
        return report.fail("object-lock", "the server took a lock for an object and shows none", ADVICE);
    };
    let end = Timestamp::parse_rfc3339(until).ok();
    // The server's own clock at the time of the answer; without it the lock's length cannot be judged.
    let lasts_from = report.clock.map(|(_, there, _)| there);
    let is_short = match (end, lasts_from) {
        (Some(end), Some(from)) => end.micros() - from.micros() < i64::from(lock.days) * MICROS_PER_DAY,
        (None, _) => true,
        (Some(_), None) => false,
    };
    if mode != wanted || is_short {
        let message = format!("an object is locked as {mode} until {until}, which is not what was asked for");
        return report.fail("object-lock", message, ADVICE);
    }
    report.pass("object-lock", format!("objects are locked as {mode} until {until}"));
}

fn check_encryption(wanted: Encryption, key: Option<&str>, answer: &Answer, report: &mut ProbeReport) {
    const ADVICE: &str = "use a server that encrypts, or say sse = \"none\" and encrypt otherwise";
    let (algorithm, is_key_right) = match wanted {
        Encryption::BucketDefault => return,
        Encryption::S3 => ("AES256", true),
        Encryption::Kms => {
            let found = answer.header("x-amz-server-side-encryption-aws-kms-key-id");
            // The settings may name the key by its id, the server shows its ARN.
            let is_right = match (key, found) {
                (Some(key), _) if key.contains("alias/") => true,
                (Some(key), Some(found)) => found == key || found.ends_with(&format!("/{key}")),
                _ => false,
            };
            ("aws:kms", is_right)
        }
    };
    let found = answer.header("x-amz-server-side-encryption").unwrap_or("nothing");
    if !found.starts_with(algorithm) {
        let message = format!("objects are to be encrypted with {algorithm}, and are with {found}");
        report.fail("encryption", message, ADVICE);
    } else if is_key_right {
        report.pass("encryption", format!("objects are encrypted with {found}"));
    } else {
        report.fail("encryption", "objects are encrypted with another key than the settings name", ADVICE);
    }
}

async fn gcs(inspector: &Inspector, key: &str, report: &mut ProbeReport) {
    let Some(wanted) = &inspector.options.kms_key else { return };
    let answer = match inspector.head(key, &[]).await {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) => return not_seen(report, &format!("the server answered {}", answer.status)),
        Err(error) => return not_seen(report, &error),
    };
    // The server shows the key's version, too.
    match answer.header("x-goog-encryption-kms-key-name") {
        Some(found) if found == wanted || found.starts_with(&format!("{wanted}/cryptoKeyVersions/")) => {
            report.pass("encryption", format!("objects are encrypted with {wanted}"));
        }
        _ => report.fail(
            "encryption",
            "objects are not encrypted with the key that the settings name",
            "let the storage service use the key, and name it as projects/…/cryptoKeys/…",
        ),
    }
}

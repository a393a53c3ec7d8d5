//! S3: versions, public access, lifecycle, Object Lock.

use super::super::document::{element, elements};
use super::super::finding::ProbeReport;
use super::super::inspector::{Answer, Inspector};
use super::{is_too_soon, kept_for, reason};

/// Groups that stand for everybody, and for everybody with an account.
const EVERYBODY: [&str; 2] = ["/groups/global/AllUsers", "/groups/global/AuthenticatedUsers"];

/// What a block of public access consists of.
const BLOCKS: [&str; 4] =
    ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

pub(in super::super) async fn check(
    inspector: &Inspector,
    retain_days_max: Option<u32>,
    report: &mut ProbeReport,
) {
    versioning(inspector.bucket("?versioning").await, report);
    public_access(inspector, report).await;
    lifecycle(inspector, retain_days_max, report).await;
    object_lock(inspector, report).await;
}

fn versioning(answer: Result<Answer, String>, report: &mut ProbeReport) {
    const CHECK: &str = "versioning";
    const ASK: &str = "let the credentials use s3:GetBucketVersioning to have it checked";
    match answer {
        Ok(answer) if answer.is_success() => match element(&answer.body, "Status") {
            Some("Enabled") => report.pass(CHECK, "old versions of objects are kept"),
            _ => report.warn(
                CHECK,
                "old versions of objects are not kept: what is deleted or overwritten is gone",
                "enable versioning of the bucket",
            ),
        },
        Ok(answer) => report.unknown(CHECK, reason(&answer), ASK),
        Err(error) => report.unknown(CHECK, error, ASK),
    }
}

async fn public_access(inspector: &Inspector, report: &mut ProbeReport) {
    const CHECK: &str = "public-access";
    const CLOSE: &str = "block all public access to the bucket, and look at who has read it";
    const ASK: &str = "let the credentials use s3:GetBucketPolicyStatus, s3:GetBucketAcl and \
                       s3:GetBucketPublicAccessBlock to have it checked";
    // What cannot be seen does not end the search: something else may show that everybody is let in.
    let mut unseen = None;
    match asked(inspector, "?publicAccessBlock").await {
        // Whatever is blocked does not count.
        Ok(Some(block)) if BLOCKS.iter().all(|name| element(&block, name) == Some("true")) => {
            return report.pass(CHECK, "all public access is blocked");
        }
        Ok(_) => {}
        Err(why) => unseen = Some(why),
    }
    match asked(inspector, "?policyStatus").await {
        Ok(Some(status)) if element(&status, "IsPublic").is_some_and(is_true) => {
            return report.fail(CHECK, "the bucket's policy lets everybody in", CLOSE);
        }
        Ok(_) => {}
        Err(why) => unseen = Some(why),
    }
    match asked(inspector, "?acl").await {
        Ok(Some(acl)) if EVERYBODY.iter().any(|group| acl.contains(group)) => {
            return report.fail(CHECK, "the bucket's ACL lets everybody in", CLOSE);
        }
        Ok(_) => {}
        Err(why) => unseen = Some(why),
    }
    match unseen {
        Some(why) => report.unknown(CHECK, why, ASK),
        None => report.warn(
            CHECK,
            "the bucket is not public, but nothing keeps it from becoming so",
            "block all public access to the bucket",
        ),
    }
}

/// A part of the bucket's configuration; `None` where there is none. The error says why it cannot be seen.
async fn asked(inspector: &Inspector, query: &str) -> Result<Option<String>, String> {
    match inspector.bucket(query).await? {
        answer if answer.is_success() => Ok(Some(answer.body)),
        answer if answer.status == 404 => Ok(None),
        answer => Err(reason(&answer)),
    }
}

fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

async fn lifecycle(inspector: &Inspector, retain_days_max: Option<u32>, report: &mut ProbeReport) {
    const CHECK: &str = "lifecycle";
    const ASK: &str = "let the credentials use s3:GetLifecycleConfiguration to have it checked";
    let answer = match inspector.bucket("?lifecycle").await {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) if answer.status == 404 => return report.pass(CHECK, "no rule removes objects"),
        Ok(answer) => return report.unknown(CHECK, reason(&answer), ASK),
        Err(error) => return report.unknown(CHECK, error, ASK),
    };
    let removing = elements(&answer.body, "Rule").into_iter().find_map(|rule| {
        let days = removes_after_days(rule, &inspector.prefix)?;
        is_too_soon(days, retain_days_max).then(|| (element(rule, "ID").unwrap_or("without a name"), days))
    });
    match removing {
        Some((rule, days)) => report.fail(
            CHECK,
            format!(
                "the rule {rule} removes objects after {days} days, and they are to be kept {}",
                kept_for(retain_days_max)
            ),
            "change or disable the rule: nothing but `strongroom expire` is to remove archived objects",
        ),
        None => report.pass(CHECK, "no rule removes objects before their time"),
    }
}

/// Days after which a rule removes objects of the archive. A date is as good as at once: it does not move along.
fn removes_after_days(rule: &str, prefix: &str) -> Option<u64> {
    if element(rule, "Status") != Some("Enabled") {
        return None;
    }
    // A rule for another part of the bucket is not ours. A rule for a part of the archive is.
    let of = element(rule, "Prefix").unwrap_or_default();
    if !prefix.starts_with(of) && !of.starts_with(prefix) {
        return None;
    }
    let expiration = element(rule, "Expiration")?;
    match element(expiration, "Days") {
        Some(days) => Some(days.parse().unwrap_or(0)),
        None => element(expiration, "Date").map(|_| 0),
    }
}

async fn object_lock(inspector: &Inspector, report: &mut ProbeReport) {
    const CHECK: &str = "bucket-lock";
    const LOCK: &str = "use a bucket with Object Lock, and set `object_lock` and `object_lock_days`: then not even \
                        administrators can remove evidence before its time";
    let is_asked_for = inspector.options.object_lock.is_some();
    match inspector.bucket("?object-lock").await {
        Ok(answer) if answer.is_success() => {
            let default = element(&answer.body, "DefaultRetention").and_then(|rule| element(rule, "Mode"));
            match default {
                Some(mode) => report.pass(CHECK, format!("Object Lock is on, as {mode} by default")),
                None if is_asked_for => report.pass(CHECK, "Object Lock is on, and each object asks for it"),
                None => report.warn(CHECK, "Object Lock is on, and nothing asks for it", LOCK),
            }
        }
        Ok(answer) if answer.status == 404 => {
            let message = "the bucket has no Object Lock: its administrators can remove evidence";
            if is_asked_for { report.fail(CHECK, message, LOCK) } else { report.warn(CHECK, message, LOCK) }
        }
        Ok(answer) => report.unknown(CHECK, reason(&answer), "let the credentials ask for it"),
        Err(error) => report.unknown(CHECK, error, "let the credentials ask for it"),
    }
}

#[cfg(test)]
mod tests {
    use super::removes_after_days;

    #[test]
    fn a_rule_counts_if_it_is_enabled_removes_and_touches_the_archive() {
        let rule = |status: &str, prefix: &str, expiration: &str| {
            format!(
                "<ID>x</ID><Filter><Prefix>{prefix}</Prefix></Filter><Status>{status}</Status>\
                 <Expiration>{expiration}</Expiration>"
            )
        };
        let days = |rule: &str| removes_after_days(rule, "audit/");
        assert_eq!(days(&rule("Enabled", "", "<Days>30</Days>")), Some(30));
        assert_eq!(days(&rule("Enabled", "audit/batches/", "<Days>30</Days>")), Some(30));
        assert_eq!(days(&rule("Enabled", "", "<Date>2030-01-01T00:00:00Z</Date>")), Some(0));
        assert_eq!(days(&rule("Disabled", "", "<Days>30</Days>")), None);
        assert_eq!(days(&rule("Enabled", "other/", "<Days>30</Days>")), None);
        let delete_markers = "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>";
        assert_eq!(days(&rule("Enabled", "", delete_markers)), None);
    }
}

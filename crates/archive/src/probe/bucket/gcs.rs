//! Google Cloud Storage: versions, public access, lifecycle, retention policy; from the bucket's JSON.

use serde_json::Value;

use super::super::finding::ProbeReport;
use super::super::inspector::Inspector;
use super::{is_too_soon, kept_for, reason};

const SECONDS_PER_DAY: u64 = 86_400;

pub(in super::super) async fn check(
    inspector: &Inspector,
    retain_days_max: Option<u32>,
    report: &mut ProbeReport,
) {
    const ASK: &str = "let the credentials use storage.buckets.get to have it checked";
    let unknown = |report: &mut ProbeReport, why: &str| {
        for check in ["versioning", "public-access", "lifecycle", "bucket-lock"] {
            report.unknown(check, why, ASK);
        }
    };
    let answer = match inspector.description("").await {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) => return unknown(report, &reason(&answer)),
        Err(error) => return unknown(report, &error),
    };
    let Ok(bucket) = serde_json::from_str::<Value>(&answer.body) else {
        return unknown(report, "the answer is not JSON");
    };
    versioning(&bucket, report);
    public_access(inspector, &bucket, report).await;
    lifecycle(&bucket, retain_days_max, report);
    retention(&bucket, retain_days_max, report);
}

fn versioning(bucket: &Value, report: &mut ProbeReport) {
    let keeps_deleted = bucket["softDeletePolicy"]["retentionDurationSeconds"].as_str() != Some("0")
        && !bucket["softDeletePolicy"].is_null();
    if bucket["versioning"]["enabled"] == true {
        report.pass("versioning", "old versions of objects are kept");
    } else if keeps_deleted {
        report.pass("versioning", "what is deleted is kept for a while (soft delete)");
    } else {
        report.warn(
            "versioning",
            "neither old versions nor deleted objects are kept",
            "enable object versioning or soft delete of the bucket",
        );
    }
}

async fn public_access(inspector: &Inspector, bucket: &Value, report: &mut ProbeReport) {
    const CHECK: &str = "public-access";
    const CLOSE: &str = "set publicAccessPrevention to enforced";
    if bucket["iamConfiguration"]["publicAccessPrevention"] == "enforced" {
        return report.pass(CHECK, "public access is prevented");
    }
    let policy = match inspector.description("/iam").await {
        Ok(answer) if answer.is_success() => answer.body,
        Ok(answer) => return report.unknown(CHECK, reason(&answer), CLOSE),
        Err(error) => return report.unknown(CHECK, error, CLOSE),
    };
    if policy.contains("\"allUsers\"") || policy.contains("\"allAuthenticatedUsers\"") {
        report.fail(CHECK, "the bucket's policy lets everybody in", CLOSE);
    } else {
        report.warn(CHECK, "the bucket is not public, but nothing keeps it from becoming so", CLOSE);
    }
}

fn lifecycle(bucket: &Value, retain_days_max: Option<u32>, report: &mut ProbeReport) {
    let rules = bucket["lifecycle"]["rule"].as_array().map_or(&[][..], Vec::as_slice);
    let removing = rules.iter().find_map(|rule| {
        let condition = &rule["condition"];
        let removes_live = rule["action"]["type"] == "Delete"
            && condition["isLive"] != false
            && condition["numNewerVersions"].is_null()
            && condition["daysSinceNoncurrentTime"].is_null();
        // A rule without an age removes by something that does not wait.
        let days = condition["age"].as_u64().unwrap_or(0);
        (removes_live && is_too_soon(days, retain_days_max)).then_some(days)
    });
    match removing {
        Some(days) => report.fail(
            "lifecycle",
            format!(
                "a rule deletes objects after {days} days, and they are to be kept {}",
                kept_for(retain_days_max)
            ),
            "change or remove the rule: nothing but `strongroom expire` is to remove archived objects",
        ),
        None => report.pass("lifecycle", "no rule deletes objects before their time"),
    }
}

fn retention(bucket: &Value, retain_days_max: Option<u32>, report: &mut ProbeReport) {
    const CHECK: &str = "bucket-lock";
    const LOCK: &str = "set a retention policy on the bucket, and lock it";
    let policy = &bucket["retentionPolicy"];
    let seconds = policy["retentionPeriod"].as_str().and_then(|text| text.parse::<u64>().ok());
    let Some(days) = seconds.map(|seconds| seconds / SECONDS_PER_DAY) else {
        return report.warn(CHECK, "the bucket has no retention policy: objects can be deleted", LOCK);
    };
    if policy["isLocked"] != true {
        report.warn(CHECK, format!("the retention policy of {days} days is not locked"), LOCK);
    } else if is_too_soon(days, retain_days_max) {
        let message = format!(
            "the retention policy lasts {days} days, and objects are to be kept {}",
            kept_for(retain_days_max)
        );
        report.warn(CHECK, message, LOCK);
    } else {
        report.pass(CHECK, format!("a locked retention policy keeps objects for {days} days"));
    }
}

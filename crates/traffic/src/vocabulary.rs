//! The words of the traffic. Changing any of it changes the bytes of every seed, so it is a new version of the crate.
//! Nothing here may need JSON escaping: no quotes, backslashes or control characters.

pub(crate) struct Action {
    pub(crate) code: &'static str,
    pub(crate) target_type: &'static str,
    /// Members an audit event lists under `changes`; empty when the action changes no field.
    pub(crate) changes: &'static [Change],
}

pub(crate) struct Change {
    pub(crate) field: &'static str,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
}

const fn plain(code: &'static str, target_type: &'static str) -> Action {
    Action { code, target_type, changes: &[] }
}

const fn changing(code: &'static str, target_type: &'static str, changes: &'static [Change]) -> Action {
    Action { code, target_type, changes }
}

const fn change(field: &'static str, before: &'static str, after: &'static str) -> Change {
    Change { field, before, after }
}

/// Most frequent first: actions are drawn with a skew.
pub(crate) const AUDIT_ACTIONS: [Action; 30] = [
    plain("document.read", "document"),
    plain("session.create", "session"),
    plain("record.read", "record"),
    changing(
        "document.update",
        "document",
        &[change("title", "Draft", "Final"), change("version", "3", "4")],
    ),
    plain("file.download", "file"),
    plain("session.refresh", "session"),
    plain("session.end", "session"),
    changing("record.update", "record", &[change("status", "open", "in_review")]),
    plain("document.create", "document"),
    plain("file.upload", "file"),
    plain("report.view", "report"),
    changing("record.approve", "record", &[change("status", "in_review", "approved")]),
    plain("document.share", "document"),
    plain("report.export", "report"),
    changing(
        "user.update",
        "user",
        &[change("department", "sales", "finance"), change("phone", "<redacted>", "<redacted>")],
    ),
    plain("token.create", "token"),
    plain("record.create", "record"),
    changing("role.grant", "role", &[change("members", "11", "12")]),
    changing(
        "policy.update",
        "policy",
        &[change("mode", "permissive", "enforced"), change("scope", "team", "organization")],
    ),
    plain("document.delete", "document"),
    plain("user.invite", "user"),
    changing("role.revoke", "role", &[change("members", "12", "11")]),
    plain("token.revoke", "token"),
    changing("project.update", "project", &[change("visibility", "internal", "private")]),
    plain("project.create", "project"),
    plain("webhook.create", "webhook"),
    changing("user.disable", "user", &[change("active", "true", "false")]),
    plain("mfa.enroll", "user"),
    changing("setting.update", "setting", &[change("session_minutes", "480", "60")]),
    plain("backup.restore", "backup"),
];

pub(crate) const TOOL_ACTIONS: [&str; 5] =
    ["tool.call", "tool.retry", "graph.step", "job.run", "tool.stream"];
pub(crate) const TOOLS: [&str; 8] = [
    "search_documents",
    "create_ticket",
    "fetch_page",
    "run_report",
    "send_mail",
    "list_calendar",
    "lookup_customer",
    "translate",
];
pub(crate) const GRAPH_NODES: [&str; 5] = ["plan", "retrieve", "act", "review", "answer"];

pub(crate) const DISCOVERY_ACTIONS: [&str; 5] =
    ["message.create", "message.edit", "message.retry", "conversation.create", "message.delete"];
pub(crate) const MESSAGES: [&str; 6] = [
    "Please summarise the open findings of the third quarter and list who owns each of them.",
    "The vendor contract ends in March. Two clauses changed since the last version: liability and notice period.",
    "Which customers were affected by the outage on Tuesday, and has each of them been told?",
    "Here is the draft. I left the figures for the northern region open until finance confirms them.",
    "Done: the access review is complete, four accounts were closed and one was moved to another team.",
    "Can you compare this invoice with the purchase order and tell me where they differ?",
];
pub(crate) const MODELS: [(&str, &str); 3] =
    [("local", "assistant-small"), ("local", "assistant-large"), ("hosted", "general-4")];

pub(crate) const SOURCES: [&str; 6] = ["web", "web", "web", "api", "cli", "worker"];
pub(crate) const REGIONS: [&str; 4] = ["eu-central", "eu-west", "us-east", "ap-south"];

/// Code, message and HTTP status.
pub(crate) const FAILURES: [(&str, &str, u64); 4] = [
    ("conflict", "the version is not the latest one", 409),
    ("timeout", "the upstream did not answer within 30 s", 504),
    ("invalid_input", "a required field is empty", 422),
    ("not_found", "no such object, or not visible", 404),
];
pub(crate) const DENIALS: [(&str, &str, u64); 3] = [
    ("missing_permission", "the role does not allow this action", 403),
    ("session_expired", "sign in again", 401),
    ("policy_blocked", "blocked by the sharing policy", 403),
];

pub(crate) const USER_AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "curl/8.14.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "strongroom-client/0.1",
    "python-requests/2.32.3",
    "okhttp/4.12.0",
];

/// As written, and as it stands in an address.
pub(crate) const FIRST_NAMES: [(&str, &str); 16] = [
    ("Ada", "ada"),
    ("Bilal", "bilal"),
    ("Chiara", "chiara"),
    ("Darya", "darya"),
    ("Emeka", "emeka"),
    ("Fátima", "fatima"),
    ("Goran", "goran"),
    ("Hana", "hana"),
    ("Ingrid", "ingrid"),
    ("João", "joao"),
    ("Keiko", "keiko"),
    ("Liam", "liam"),
    ("Mei", "mei"),
    ("Noor", "noor"),
    ("Óscar", "oscar"),
    ("Priya", "priya"),
];
pub(crate) const LAST_NAMES: [(&str, &str); 16] = [
    ("Abadi", "abadi"),
    ("Bergström", "bergstroem"),
    ("Costa", "costa"),
    ("Dvořák", "dvorak"),
    ("Eze", "eze"),
    ("Fischer", "fischer"),
    ("García", "garcia"),
    ("Haddad", "haddad"),
    ("Ito", "ito"),
    ("Jansen", "jansen"),
    ("Kowalski", "kowalski"),
    ("Lindqvist", "lindqvist"),
    ("Moreau", "moreau"),
    ("Nakamura", "nakamura"),
    ("Okafor", "okafor"),
    ("Patel", "patel"),
];

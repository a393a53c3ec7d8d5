use engine::TokenSummary;

use crate::arguments::Global;
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::open_for_reading;
use crate::output::{Output, counted, remark};

/// Prints the tokens, oldest first.
pub(super) async fn run(global: &Global) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let ledger = open_for_reading(&configuration).await?;
    let (tokens, now) = (ledger.tokens().await?, ledger.now());
    let mut output = Output::new();
    for token in &tokens {
        if global.json {
            output.json(token)?;
        } else {
            output.line(line(token, token.is_valid(now)))?;
        }
    }
    output.flush()?;
    if !global.json {
        remark(global, counted(tokens.len() as u64, "token", "tokens"));
    }
    Ok(Exit::Done)
}

fn line(token: &TokenSummary, is_valid: bool) -> String {
    let TokenSummary { id, name, role, tenant, created_at, expires_at, revoked_at } = token;
    let tenant = tenant.as_ref().map_or_else(|| "any tenant".to_owned(), |tenant| format!("tenant {tenant}"));
    let state = match (revoked_at, expires_at) {
        (Some(revoked_at), _) => format!("revoked at {revoked_at}"),
        (None, Some(expires_at)) if is_valid => format!("expires at {expires_at}"),
        (None, Some(expires_at)) => format!("expired at {expires_at}"),
        (None, None) => "never expires".to_owned(),
    };
    format!("{id}  {:<11}  {tenant}  {name}  made at {created_at}  {state}", role.as_str())
}

use engine::{LastSuperAdmin, Role, TokenSummary};

use crate::arguments::{Global, TokenRevokeArguments};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::OpenEngine;
use crate::operator::operator;
use crate::output::{Output, remark};

/// Revokes a token. Also the last `super_admin`: whoever is here makes another without one.
pub(super) async fn run(global: &Global, arguments: &TokenRevokeArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let open = OpenEngine::open(&configuration).await?;
    let revoked = revoke(&open, &arguments.id).await;
    let closed = open.close().await;
    let (revoked, is_ruled) = revoked?;
    let mut output = Output::new();
    if global.json {
        output.json(&revoked)?;
    } else {
        let TokenSummary { id, name, role, .. } = &revoked;
        output.line(format!("Revoked {id} ({role}, {name})"))?;
    }
    output.flush()?;
    if !is_ruled {
        let hint = "strongroom token create --name NAME --role super_admin";
        remark(global, format!("no super_admin token is left; make another with: {hint}"));
    }
    closed?;
    Ok(Exit::Done)
}

/// The revoked token, and whether a token is left that may do everything.
async fn revoke(open: &OpenEngine, id: &str) -> Result<(TokenSummary, bool), Failure> {
    let revoked =
        open.engine.revoke_token(id, LastSuperAdmin::Revoke, &operator()).await.map_err(|error| {
            let is_absent = error.kind() == engine::ErrorKind::NotFound;
            let failure = Failure::from(error);
            if is_absent { failure.hint("strongroom token list prints the ids") } else { failure }
        })?;
    let ledger = open.engine.ledger();
    let rules_all = |token: &TokenSummary| {
        token.role == Role::SuperAdmin && token.tenant.is_none() && token.is_valid(ledger.now())
    };
    let is_ruled = ledger.tokens().await?.iter().any(rules_all);
    Ok((revoked, is_ruled))
}

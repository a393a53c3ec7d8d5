//! `/v1/tokens`: who may do what. A token's secret is in the answer to its creation and nowhere else.

mod wanted;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri};
use engine::{ErrorKind, LastSuperAdmin, TokenSummary};
use serde::Serialize;

use crate::access::Caller;
use crate::answer::{Answer, json};
use crate::failure::Failure;
use crate::json_body;
use crate::query;
use crate::routes::App;

/// Bytes of a request for a token; its members have a few hundred.
const REQUEST_BYTES_MAX: usize = 16 << 10;

#[derive(Serialize)]
struct Tokens {
    tokens: Vec<TokenSummary>,
}

pub(crate) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>, uri: Uri) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    let mut tokens = app.engine.ledger().tokens().await?;
    tokens.retain(|token| is_visible(&caller, token));
    json(StatusCode::OK, &Tokens { tokens })
}

pub(crate) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer {
    let body = json_body::read(request, REQUEST_BYTES_MAX, &app).await?;
    let new = wanted::read(&body)?;
    let (own, asked) = (caller.tenant(), new.tenant.as_deref());
    if let Some(own) = own.filter(|own| asked != Some(own)) {
        let message =
            format!("the token makes tokens of the tenant {own} only: say so with the member tenant");
        return Err(Failure::forbidden("tenant_forbidden", message));
    }
    if !caller.principal().manages(new.role, asked) {
        let message = format!("a token of the role {} is made by a super_admin only", new.role);
        return Err(Failure::forbidden("role_missing", message));
    }
    let created =
        app.engine.create_token(new, &caller.actor()).await.map_err(|error| match error.kind() {
            ErrorKind::Invalid => wanted::invalid(error.violations().to_vec()),
            _ => error.into(),
        })?;
    json(StatusCode::CREATED, &created)
}

pub(crate) async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    let Path(id) = id.map_err(|_| Failure::malformed("the path is not percent-encoded UTF-8"))?;
    // The same answer for what is not there and for what belongs to somebody else: the difference is a disclosure. Role
    // and tenant of a token never change, so it cannot become somebody else's between here and there.
    let tokens = app.engine.ledger().tokens().await?;
    if !tokens.iter().any(|token| token.id == id && is_visible(&caller, token)) {
        return Err(Failure::not_found("there is no such token"));
    }
    let revoked = app.engine.revoke_token(&id, LastSuperAdmin::Keep, &caller.actor()).await?;
    json(StatusCode::OK, &revoked)
}

fn is_visible(caller: &Caller, token: &TokenSummary) -> bool {
    caller.principal().manages(token.role, token.tenant.as_deref())
}

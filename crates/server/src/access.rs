//! Who is asking, and whether they may.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use engine::{Actor, Principal, Role};
use event::{Field, Filter};

use crate::failure::Failure;
use crate::options::MetricsAccess;
use crate::routes::App;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token. Nothing behind it tells anything about the ledger.
    Open,
    /// Bearers of a token whose role includes this one.
    Role(Role),
    /// Whoever [`MetricsAccess`] lets in.
    Metrics,
}

/// Whoever a valid token speaks for, once it has been found to be allowed on this route.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Principal);

impl Caller {
    /// The one tenant this caller may see and write; `None` for all of them.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.0.tenant.as_deref()
    }

    /// Whoever the token speaks for.
    pub(crate) fn principal(&self) -> &Principal {
        &self.0
    }

    /// Who the ledger's own entries name for what this caller does: the token, by its id. Names are not unique.
    pub(crate) fn actor(&self) -> Actor {
        Actor::service(&self.0.id)
    }

    /// Holds a search to the caller's tenant. Another tenant is not there, as far as this caller is told.
    pub(crate) fn narrow(&self, filter: Filter) -> Result<Filter, Failure> {
        let Some(tenant) = self.tenant() else { return Ok(filter) };
        filter
            .narrowed(Field::Tenant, tenant)
            .ok_or_else(|| Failure::not_found("there is no such tenant for this token"))
    }
}

/// The layer of every route that is not open: token, role and scope, before anything of the body is read.
pub(crate) async fn authorize(
    State((app, needed)): State<(App, Role)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let principal = authenticate(&app, request.headers()).await?;
    check_role(&principal, needed)?;
    request.extensions_mut().insert(Caller(principal));
    Ok(next.run(request).await)
}

/// The layer of `/metrics`. What it shows is of no tenant, so an auditor of any may see it, and so may one of none.
pub(crate) async fn authorize_metrics(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    match app.watch.metrics_access {
        MetricsAccess::Open => {}
        MetricsAccess::Off => {
            return Err(Failure::not_found("there are no metrics here: see server.metrics"));
        }
        MetricsAccess::Token => {
            let principal = authenticate(&app, request.headers()).await?;
            check_includes(&principal, Role::Auditor)?;
        }
    }
    Ok(next.run(request).await)
}

async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Principal, Failure> {
    let token = bearer(headers)?;
    app.engine.ledger().authenticate(token).await?.ok_or_else(|| {
        Failure::unauthenticated(
            "Bearer realm=\"strongroom\", error=\"invalid_token\"",
            "the token is not known here, or it has expired or been revoked",
        )
    })
}

/// The token of RFC 6750, section 2.1. Tokens in the query or the body are not taken: those end up in logs.
fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (given.next(), given.next());
    let token = first.filter(|_| second.is_none()).and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    });
    token.ok_or_else(|| {
        Failure::unauthenticated(
            "Bearer realm=\"strongroom\"",
            "a token is needed: send `Authorization: Bearer <token>`, once",
        )
    })
}

fn check_role(principal: &Principal, needed: Role) -> Result<(), Failure> {
    check_includes(principal, needed)?;
    let role = principal.role;
    // A missing tenant means nothing, never everything.
    if needed != Role::Writer && principal.tenant.is_none() && role != Role::SuperAdmin {
        let message = format!("the token has the role {role} and no tenant, so there is nothing it may see");
        return Err(Failure::forbidden("tenant_missing", message));
    }
    Ok(())
}

fn check_includes(principal: &Principal, needed: Role) -> Result<(), Failure> {
    let role = principal.role;
    if role.may(needed) {
        return Ok(());
    }
    let message = format!("this needs the role {needed}; the token has the role {role}");
    Err(Failure::forbidden("role_missing", message))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn token_of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        bearer(&headers).ok().map(str::to_owned)
    }

    #[test]
    fn a_bearer_token_is_taken_from_one_header_only() {
        assert_eq!(token_of(&["Bearer sr_a"]).as_deref(), Some("sr_a"));
        assert_eq!(token_of(&["bearer  sr_a "]).as_deref(), Some("sr_a"));
        for refused in [&[][..], &["sr_a"], &["Basic sr_a"], &["Bearer "], &["Bearer a", "Bearer b"]] {
            assert_eq!(token_of(refused), None, "{refused:?}");
        }
    }

    fn checked(role: Role, tenant: Option<&str>, needed: Role) -> bool {
        let tenant = tenant.map(str::to_owned);
        let principal = Principal { id: "1".to_owned(), name: "n".to_owned(), role, tenant };
        check_role(&principal, needed).is_ok()
    }

    #[test]
    fn g1_unbound_auditors_and_admins_see_nothing() {
        assert!(!checked(Role::Auditor, None, Role::Auditor));
        assert!(!checked(Role::Admin, None, Role::Auditor));
        assert!(checked(Role::Auditor, Some("7"), Role::Auditor));
        assert!(checked(Role::SuperAdmin, None, Role::Auditor));
        assert!(checked(Role::Writer, None, Role::Writer));
        assert!(!checked(Role::Auditor, Some("7"), Role::Writer));
    }
}

use engine::{CreatedToken, NewToken};

use crate::arguments::{Global, TokenCreateArguments};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::OpenEngine;
use crate::operator::operator;
use crate::output::Output;

/// Makes a token and prints it, once.
pub(super) async fn run(global: &Global, arguments: &TokenCreateArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let open = OpenEngine::open(&configuration).await?;
    let TokenCreateArguments { name, role, tenant, days } = arguments;
    let new = NewToken { name: name.clone(), role: *role, tenant: tenant.clone(), days: *days };
    let made = open.engine.create_token(new, &operator()).await;
    // Closed before it is shown: what was committed is signed, whatever becomes of the output.
    let closed = open.close().await;
    let made = made?;
    print(global, &made)?;
    closed?;
    Ok(Exit::Done)
}

/// A token that nobody read works all the same, so a closed pipe is a failure that says which one to revoke.
fn print(global: &Global, made: &CreatedToken) -> Result<(), Failure> {
    let account = format!("the token {} was made and not shown: strongroom token revoke {0}", made.id);
    let mut output = Output::new();
    let shown = if global.json { output.json(made) } else { output.text(&text(made)) };
    shown.and_then(|()| output.flush()).map_err(|failure| failure.after(&account))
}

fn text(made: &CreatedToken) -> String {
    let tenant = made.tenant.as_deref().unwrap_or("any");
    let expires = made.expires_at.map_or_else(|| "never".to_owned(), |time| time.to_string());
    format!(
        "\
id       {}
name     {}
role     {}
tenant   {tenant}
expires  {expires}
token    {}

The token is not shown again: keep it where you keep secrets.
",
        made.id, made.name, made.role, made.token
    )
}

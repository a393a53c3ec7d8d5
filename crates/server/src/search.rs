//! `GET /v1/audit/events`, `…/discovery`, `…/tools`: search, one path a stream.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use engine::{ErrorKind, Page};
use event::{Field, Filter, Stream, Violation, rule};

use crate::access::Caller;
use crate::answer::{Answer, json_text};
use crate::failure::Failure;
use crate::query;
use crate::routes::App;

pub(crate) async fn audit(app: State<App>, caller: Extension<Caller>, uri: Uri) -> Answer {
    search(app, caller, &uri, Stream::Audit).await
}

pub(crate) async fn discovery(app: State<App>, caller: Extension<Caller>, uri: Uri) -> Answer {
    search(app, caller, &uri, Stream::Discovery).await
}

pub(crate) async fn tool(app: State<App>, caller: Extension<Caller>, uri: Uri) -> Answer {
    search(app, caller, &uri, Stream::Tool).await
}

async fn search(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    uri: &Uri,
    stream: Stream,
) -> Answer {
    let (filter, page) = read(uri, stream)?;
    let filter = caller.narrow(filter)?;
    let found = app.engine.ledger().search(&filter, &page).await.map_err(|error| match error.kind() {
        // The only thing left to be wrong is the cursor, and that stands in the query.
        ErrorKind::Invalid if error.violations().is_empty() => {
            Failure::query(vec![Violation::new("cursor", rule::FORMAT, error.to_string())])
        }
        ErrorKind::Invalid => Failure::query(error.violations().to_vec()),
        _ => error.into(),
    })?;
    Ok(json_text(StatusCode::OK, found.to_json()))
}

/// Reads filter and page; reports everything that is wrong with either.
fn read(uri: &Uri, stream: Stream) -> Result<(Filter, Page), Failure> {
    let mut pairs = query::pairs(uri)?;
    let page = Page::from_pairs(&mut pairs);
    let filter = Filter::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .and_then(|filter| {
            filter.narrowed(Field::Stream, stream.as_str()).ok_or_else(|| {
                let message =
                    format!("is {stream} on this path; leave it out, or ask on the stream's own path");
                vec![Violation::new("stream", rule::CHOICE, message)]
            })
        });
    match (filter, page) {
        (Ok(filter), Ok(page)) => Ok((filter, page)),
        (filter, page) => {
            let mut violations = filter.err().unwrap_or_default();
            violations.extend(page.err().unwrap_or_default());
            Err(Failure::query(violations))
        }
    }
}

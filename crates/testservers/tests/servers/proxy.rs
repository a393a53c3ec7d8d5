//! Every rule of the proxy, before a server that checks signatures.

use std::time::Duration;

use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig};
use testservers::{Action, LocalStack, Proxy, Rule, S3Bucket, S3sServer};

/// A client that gives up at once.
fn client(bucket: &S3Bucket) -> AmazonS3 {
    let retry = RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() };
    bucket.builder().with_retry(retry).build().unwrap()
}

struct Fixture {
    _server: S3sServer,
    proxy: Proxy,
    direct: AmazonS3,
    through: AmazonS3,
}

impl Fixture {
    fn new() -> Self {
        let server = S3sServer::start();
        let bucket = server.bucket();
        let proxy = Proxy::before(bucket.endpoint());
        let (direct, through) = (client(&bucket), client(&bucket.behind(&proxy)));
        Self { _server: server, proxy, direct, through }
    }
}

fn path() -> Path {
    Path::parse("a/b=c%2F~").unwrap()
}

async fn text(store: &AmazonS3) -> Result<String, Error> {
    let body = store.get(&path()).await?.bytes().await?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn without_rules_it_is_transparent_and_counts() {
    let f = Fixture::new();
    f.through.put(&path(), "0123456789".into()).await.unwrap();
    assert_eq!(text(&f.through).await.unwrap(), "0123456789");
    assert_eq!(f.through.get_range(&path(), 2..5).await.unwrap(), "234");
    assert_eq!(f.through.head(&path()).await.unwrap().size, 10);
    assert_eq!(f.proxy.response_body_bytes(), 13);
    assert_eq!(f.proxy.request_body_bytes(), 10);
    let methods: Vec<_> =
        f.proxy.requests().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(methods, ["PUT", "GET", "GET", "HEAD"]);
}

#[tokio::test]
async fn deletes_and_overwrites_can_be_refused() {
    let f = Fixture::new();
    let delete = f.proxy.add(Rule::refuse_delete());
    let overwrite = f.proxy.add(Rule::refuse_overwrite());
    let create = PutOptions::from(PutMode::Create);
    f.through.put_opts(&path(), "first".into(), create).await.unwrap();
    assert!(matches!(f.through.put(&path(), "second".into()).await, Err(Error::PermissionDenied { .. })));
    assert!(f.through.delete(&path()).await.is_err());
    assert_eq!(text(&f.through).await.unwrap(), "first");
    assert_eq!((delete.seen(), overwrite.seen()), (1, 1));
}

#[tokio::test]
async fn an_answer_of_its_own_keeps_the_request_from_the_server() {
    let f = Fixture::new();
    for status in [403, 500, 503, 507] {
        let rule = f.proxy.add(Rule::new(Action::Answer(status)).method("PUT"));
        assert!(f.through.put(&path(), "text".into()).await.is_err(), "{status}");
        f.proxy.remove(&rule);
    }
    assert!(matches!(text(&f.direct).await, Err(Error::NotFound { .. })));
    f.through.put(&path(), "text".into()).await.unwrap();
    f.proxy.add(Rule::new(Action::Answer(404)).path("a/b=c%2F~"));
    assert!(matches!(text(&f.through).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_dropped_reply_leaves_what_the_server_did() {
    let f = Fixture::new();
    f.proxy.add(Rule::new(Action::DropReply).method("PUT").times(1));
    assert!(f.through.put(&path(), "text".into()).await.is_err());
    assert_eq!(text(&f.direct).await.unwrap(), "text");
    f.through.put(&path(), "again".into()).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_never_answered_waits() {
    let f = Fixture::new();
    let rule = f.proxy.add(Rule::new(Action::NeverAnswer));
    let path = path();
    let put = f.through.put(&path, "text".into());
    assert!(tokio::time::timeout(Duration::from_millis(200), put).await.is_err());
    assert_eq!(rule.seen(), 1);
}

#[tokio::test]
async fn what_is_read_can_be_cut_torn_and_altered() {
    let f = Fixture::new();
    f.direct.put(&path(), "0123456789".into()).await.unwrap();
    let with = |action| f.proxy.add(Rule::new(action).method("GET"));

    let rule = with(Action::Truncate(4));
    assert_eq!(text(&f.through).await.unwrap(), "0123");
    f.proxy.remove(&rule);

    let rule = with(Action::Tear(4));
    assert!(text(&f.through).await.is_err());
    f.proxy.remove(&rule);

    let rule = with(Action::FlipBit(3));
    assert_eq!(text(&f.through).await.unwrap(), "0122456789");
    f.proxy.remove(&rule);

    with(Action::Delay(Duration::from_millis(1)));
    assert_eq!(text(&f.through).await.unwrap(), "0123456789");
}

#[tokio::test]
async fn a_server_that_does_not_know_create_only_is_made_by_taking_the_header_away() {
    // Before a server that checks no signatures: they cover the header.
    let bucket = LocalStack::shared().bucket();
    let proxy = Proxy::before(bucket.endpoint());
    proxy.add(Rule::new(Action::StripRequestHeader("if-none-match")).method("PUT"));
    let store = client(&bucket.behind(&proxy));
    for text in ["first", "second"] {
        store.put_opts(&path(), text.into(), PutOptions::from(PutMode::Create)).await.unwrap();
    }
    assert_eq!(text(&client(&bucket)).await.unwrap(), "second", "it said yes twice, and overwrote");
}

#[tokio::test]
async fn rules_have_their_turn() {
    let f = Fixture::new();
    let rule = f.proxy.add(Rule::new(Action::Answer(500)).method("GET").after(1).times(2));
    f.direct.put(&path(), "text".into()).await.unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(text(&f.through).await.is_ok());
    }
    assert_eq!(outcomes, [true, false, false, true]);
    assert_eq!(rule.seen(), 4);
}

#[tokio::test]
async fn headers_of_answers_can_be_changed() {
    let f = Fixture::new();
    f.direct.put(&path(), "text".into()).await.unwrap();
    let date = "Thu, 01 Jan 2004 00:00:00 GMT".to_owned();
    f.proxy.add(Rule::new(Action::SetResponseHeader("last-modified", date)));
    assert_eq!(
        f.through.head(&path()).await.unwrap().last_modified.to_rfc3339(),
        "2004-01-01T00:00:00+00:00"
    );
}

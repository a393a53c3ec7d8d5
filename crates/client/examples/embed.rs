//! What a service that records evidence looks like: it runs with the server's URL and a token in its environment.
//!
//! `STRONGROOM_URL=http://127.0.0.1:7717 STRONGROOM_TOKEN=sr_… cargo run -p client --example embed`
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::time::Duration;

use client::{Actor, Appended, Client, Event, Outcome, Target};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("STRONGROOM_URL")?;
    let token = std::env::var("STRONGROOM_TOKEN")?;
    let client = Client::builder(url, token)
        .deadline(Duration::from_secs(5))
        .spool("./strongroom-spool", 256 << 20)
        .build()
        .await?;

    // What must be on record before the caller is answered: an error here fails the request that caused it.
    let granted = Event::audit("7", Actor::user("user-81").ip("192.0.2.17"), "role.grant")
        .target(Target::new("user", "user-93"))
        .outcome(Outcome::Success)
        .request_id("req-5d1f")
        .metadata("reason", "on call");
    match client.append(&granted).await? {
        Appended::Recorded(receipt) => println!("entry {} with leaf hash {}", receipt.seq, receipt.leaf_hash),
        Appended::Spooled { event_id, .. } => println!("{event_id} is on this disk until the server is back"),
    }

    // What only must not be lost: synced to this disk, and on its way.
    let called = Event::tool("7", Actor::service("runner-3"), "tool.call", "search")
        .outcome(Outcome::Success)
        .member("duration_ms", 12.5);
    let submitted = client.submit(&called).await?;
    println!("{} is spooled", submitted.event_id);

    client.close(Duration::from_secs(10)).await?;
    Ok(())
}

//! Sending until there is an answer or the deadline passes.

use super::Client;
use crate::error::{Error, Unavailable};
use crate::prepared::PreparedEvent;
use crate::retry::Attempts;
use crate::transport::{Failure, Request, Trouble};

impl Client {
    /// Sends a request as often as the deadline allows. `read` finds the answer in a successful body; where it finds
    /// none, somebody else than Strongroom answered, and the request is sent again.
    pub(super) async fn send<T>(
        &self,
        request: &Request,
        events: &[PreparedEvent],
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Error> {
        let mut attempts = Attempts::within(self.inner.deadline);
        loop {
            let trouble = match self.inner.transport.post(request, attempts.left()).await {
                Ok(answer) => match read(&answer.body) {
                    Some(answer) => return Ok(answer),
                    None => Trouble::new("the answer is not Strongroom's"),
                },
                Err(Failure::Refused(refusal)) => return Err(refusal.into()),
                Err(Failure::Trouble(trouble)) => trouble,
            };
            let Some(wait) = attempts.next(trouble.retry_after) else {
                return Err(Error::Unavailable(Box::new(Unavailable {
                    events: events.to_vec(),
                    attempts: attempts.failures(),
                    waited: attempts.waited(),
                    retry_after: trouble.retry_after,
                    reason: trouble.reason,
                })));
            };
            tracing::debug!(reason = trouble.reason, wait_ms = wait.as_millis() as u64, "trying again");
            tokio::time::sleep(wait).await;
        }
    }
}

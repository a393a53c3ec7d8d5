/// Who asked for something that the ledger records about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub(crate) kind: event::ActorType,
    pub(crate) id: Option<String>,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.id.as_deref().unwrap_or(self.kind.as_str()))
    }
}

impl Actor {
    /// A person at the command line or in the pages.
    pub fn user(id: impl Into<String>) -> Self {
        Self { kind: event::ActorType::User, id: Some(id.into()) }
    }

    /// A program with a token.
    pub fn service(id: impl Into<String>) -> Self {
        Self { kind: event::ActorType::Service, id: Some(id.into()) }
    }

    /// Strongroom itself.
    pub fn system() -> Self {
        Self { kind: event::ActorType::System, id: None }
    }
}

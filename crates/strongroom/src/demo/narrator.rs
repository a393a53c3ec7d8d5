use crate::failure::Failure;
use crate::output::Output;

/// Tells the tour, step by step, as it happens.
pub(super) struct Narrator {
    output: Output,
    step: u32,
}

impl Narrator {
    pub(super) fn new() -> Self {
        Self { output: Output::new(), step: 0 }
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, title: &str) -> Result<(), Failure> {
        self.step += 1;
        self.output.line(format!("\n{}. {title}", self.step))?;
        self.output.flush()
    }

    /// Something that happened.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.output.line(format!("   {text}"))?;
        self.output.flush()
    }

    /// The heading.
    pub(super) fn title(&mut self, text: &str) -> Result<(), Failure> {
        self.output.line(text)?;
        self.output.flush()
    }
}

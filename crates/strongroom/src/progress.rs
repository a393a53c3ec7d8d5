//! Progress of long work, drawn on stderr where that is a terminal.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::Global;

/// Draws what the engine and the archive tell about their work.
pub(crate) struct Bar {
    shown: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    /// A bar that draws only where someone looks.
    pub(crate) fn new(global: &Global) -> Self {
        let shown = !global.quiet && !global.json && stderr().is_terminal();
        Self { shown, bar: Mutex::new(None) }
    }

    fn begin(&self, what: &str, total: Option<u64>) {
        if !self.shown {
            return;
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total)
                .with_style(style("{msg:<28} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}")),
            None => ProgressBar::new_spinner().with_style(style("{msg:<28} {human_pos} {per_sec} {elapsed}")),
        };
        bar.set_message(what.to_owned());
        if let Some(earlier) = self.replace(Some(bar)) {
            earlier.finish_and_clear();
        }
    }

    fn advance(&self, by: u64) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            bar.inc(by);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.replace(None) {
            bar.finish_and_clear();
        }
    }

    fn replace(&self, bar: Option<ProgressBar>) -> Option<ProgressBar> {
        std::mem::replace(&mut *self.bar.lock().unwrap_or_else(PoisonError::into_inner), bar)
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl engine::Progress for Bar {
    fn begin(&self, what: &str, total: Option<u64>) {
        Self::begin(self, what, total);
    }

    fn advance(&self, by: u64) {
        Self::advance(self, by);
    }

    fn end(&self) {
        Self::end(self);
    }
}

impl archive::Progress for Bar {
    fn object(&self, _bytes: u64, entries: u64) {
        self.advance(entries);
    }
}

//! Progress of long work, drawn on stderr where that is a terminal.

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::arguments::Global;

/// Draws what the engine and the archive tell about their work.
pub(crate) struct Bar {
    shown: bool,
    drawn: Mutex<Option<ProgressBar>>,
    bytes_read: Arc<AtomicU64>,
}

impl Bar {
    /// A bar that draws only where someone looks.
    pub(crate) fn new(global: &Global) -> Self {
        let shown = !global.quiet && !global.json && stderr().is_terminal();
        Self { shown, drawn: Mutex::new(None), bytes_read: Arc::default() }
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

    /// Begins a step whose entries are in so many stored bytes, which are told too.
    pub(crate) fn begin_bytes(&self, what: &str, entries: u64, bytes: u64) {
        if !self.shown {
            return;
        }
        let read = self.bytes_read.clone();
        read.store(0, Relaxed);
        let rate = move |state: &ProgressState, text: &mut dyn fmt::Write| {
            let seconds = state.elapsed().as_secs_f64().max(0.001);
            let megabytes = read.load(Relaxed) as f64 / 1e6;
            // A bar is drawn or it is not: nobody could be told.
            let _ = write!(
                text,
                "{megabytes:.0} of {:.0} MB, {:.1} MB/s",
                bytes as f64 / 1e6,
                megabytes / seconds
            );
        };
        let style = style("{msg} {wide_bar} {human_pos}/{human_len} {per_sec}, {stored}, {eta} left")
            .with_key("stored", rate);
        let bar = ProgressBar::new(entries).with_style(style);
        bar.set_message(what.to_owned());
        if let Some(earlier) = self.replace(Some(bar)) {
            earlier.finish_and_clear();
        }
    }

    /// So many entries more, from so many stored bytes.
    pub(crate) fn advance_bytes(&self, entries: u64, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Relaxed);
        self.advance(entries);
    }

    fn advance(&self, by: u64) {
        if let Some(bar) = self.drawn.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            bar.inc(by);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.replace(None) {
            bar.finish_and_clear();
        }
    }

    fn replace(&self, bar: Option<ProgressBar>) -> Option<ProgressBar> {
        std::mem::replace(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner), bar)
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

//! The log of the library, of which a target sees the lines of its own thread.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

thread_local!(static LINES: RefCell<String> = const { RefCell::new(String::new()) });

/// Returns what was logged on this thread since the last call.
pub fn take() -> String {
    static START: Once = Once::new();
    START.call_once(|| tracing::subscriber::set_global_default(Lines).expect("the only subscriber"));
    LINES.take()
}

struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tango_token")
    }

    fn event(&self, event: &Event<'_>) {
        LINES.with_borrow_mut(|lines| event.record(&mut Text(lines)));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        writeln!(self.0, "{value:?}").expect("writing to a string cannot fail");
    }
}

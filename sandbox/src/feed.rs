//! What the pages of the inspector are told: the newest requests, and each change. Pages read it as Server-Sent Events.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body::Frame;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

/// Requests that a page gets when it opens.
const MAX_ENTRIES: usize = 200;
/// A page that is further behind is disconnected. It connects again, and gets the newest requests.
const MAX_BEHIND: usize = 512;
const MAX_PAGES: usize = 16;

/// Entries are JSON objects, so that this module need not know what they say.
#[derive(Default)]
pub struct Feed {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    next_number: u64,
    entries: VecDeque<(u64, String)>,
    pages: Vec<mpsc::Sender<Bytes>>,
}

impl Feed {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of the next request.
    pub fn next_number(&self) -> u64 {
        let mut inner = self.inner();
        inner.next_number += 1;
        inner.next_number
    }

    /// Adds or replaces the entry of a request, and sends it to every page.
    pub fn publish_request(&self, number: u64, entry: String) {
        let mut inner = self.inner();
        inner.send(&event("request", &entry));
        let known = inner.entries.iter_mut().rev().find(|(known, _)| *known == number);
        if let Some((_, known)) = known {
            *known = entry;
        } else {
            inner.entries.push_back((number, entry));
            if inner.entries.len() > MAX_ENTRIES {
                inner.entries.pop_front();
            }
        }
        drop(inner);
        self.state_changed();
    }

    /// Sends the state of the server to every page.
    pub fn publish_state(&self, state: &str) {
        self.inner().send(&event("state", state));
    }

    /// Forgets every request, on every page as well.
    pub fn clear(&self) {
        let mut inner = self.inner();
        inner.entries.clear();
        inner.send(&event("cleared", "{}"));
        drop(inner);
        self.state_changed();
    }

    /// Makes [`wait_for_change`](Self::wait_for_change) return.
    pub fn state_changed(&self) {
        self.changed.notify_one();
    }

    /// Waits until the state has changed, or for this long.
    pub async fn wait_for_change(&self, at_most: Duration) {
        let _ = timeout(at_most, self.changed.notified()).await;
    }

    /// Opens the stream of a page: first `state` and the newest requests, then each change. Returns nothing if there
    /// are too many pages.
    pub fn open_page(&self, state: &str) -> Option<PageStream> {
        let mut inner = self.inner();
        inner.pages.retain(|page| !page.is_closed());
        if inner.pages.len() >= MAX_PAGES {
            return None;
        }
        let entries: Vec<_> = inner.entries.iter().map(|(_, entry)| entry.as_str()).collect();
        let opening = format!(r#"{{"state":{state},"requests":[{}]}}"#, entries.join(","));
        let (sender, receiver) = mpsc::channel(MAX_BEHIND);
        // There is room: the channel is new.
        let _ = sender.try_send(event("opened", &opening));
        inner.pages.push(sender);
        Some(PageStream(receiver))
    }
}

impl Inner {
    fn send(&mut self, event: &Bytes) {
        self.pages.retain(|page| page.try_send(event.clone()).is_ok());
    }
}

/// Returns an event. JSON has no line breaks of its own, so it fits on one line.
fn event(name: &str, json: &str) -> Bytes {
    format!("event: {name}\ndata: {json}\n\n").into()
}

/// The body of the response to a page.
pub struct PageStream(mpsc::Receiver<Bytes>);

impl http_body::Body for PageStream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(stream: &mut PageStream) -> Vec<String> {
        let events = std::iter::from_fn(|| stream.0.try_recv().ok());
        events.map(|event| String::from_utf8(event.to_vec()).unwrap()).collect()
    }

    #[test]
    fn page_gets_the_newest_requests_and_each_change() {
        let feed = Feed::default();
        let number = feed.next_number();
        feed.publish_request(number, r#"{"a":1}"#.into());
        feed.publish_request(number, r#"{"a":2}"#.into());
        let mut page = feed.open_page("{}").unwrap();
        assert_eq!(received(&mut page), ["event: opened\ndata: {\"state\":{},\"requests\":[{\"a\":2}]}\n\n"]);
        feed.publish_state("{}");
        feed.clear();
        assert_eq!(received(&mut page), ["event: state\ndata: {}\n\n", "event: cleared\ndata: {}\n\n"]);
        let mut second = feed.open_page("{}").unwrap();
        assert_eq!(received(&mut second), ["event: opened\ndata: {\"state\":{},\"requests\":[]}\n\n"]);
    }

    #[test]
    fn oldest_request_is_dropped_when_the_limit_is_reached() {
        let feed = Feed::default();
        for _ in 0..=MAX_ENTRIES {
            let number = feed.next_number();
            feed.publish_request(number, number.to_string());
        }
        let inner = feed.inner();
        assert_eq!((inner.entries.len(), inner.entries[0].0), (MAX_ENTRIES, 2));
    }

    #[test]
    fn page_that_does_not_read_is_disconnected() {
        let feed = Feed::default();
        let mut page = feed.open_page("{}").unwrap();
        for _ in 0..MAX_BEHIND {
            feed.publish_state("{}");
        }
        assert_eq!(received(&mut page).len(), MAX_BEHIND);
        assert!(page.0.is_closed() && feed.inner().pages.is_empty());
    }

    #[test]
    fn number_of_pages_is_limited() {
        let feed = Feed::default();
        let mut pages: Vec<_> = (0..MAX_PAGES).map(|_| feed.open_page("{}").unwrap()).collect();
        assert!(feed.open_page("{}").is_none());
        pages.pop();
        assert!(feed.open_page("{}").is_some());
    }
}

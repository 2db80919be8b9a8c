//! The files of the page, as they stand in `page/`.

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

use super::Inspector;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Stands in `index.html` for the key of the page.
const KEY_PLACEHOLDER: &str = "@KEY@";

/// Path, media type and contents of each file except `index.html`.
const FILES: [(&str, &str, &str); 14] = [
    ("/icon.svg", SVG, include_str!("page/icon.svg")),
    ("/colours.css", CSS, include_str!("page/colours.css")),
    ("/layout.css", CSS, include_str!("page/layout.css")),
    ("/parts.css", CSS, include_str!("page/parts.css")),
    ("/controls.css", CSS, include_str!("page/controls.css")),
    ("/inspector.js", JAVASCRIPT, include_str!("page/inspector.js")),
    ("/server.js", JAVASCRIPT, include_str!("page/server.js")),
    ("/elements.js", JAVASCRIPT, include_str!("page/elements.js")),
    ("/list.js", JAVASCRIPT, include_str!("page/list.js")),
    ("/request.js", JAVASCRIPT, include_str!("page/request.js")),
    ("/proof.js", JAVASCRIPT, include_str!("page/proof.js")),
    ("/status.js", JAVASCRIPT, include_str!("page/status.js")),
    ("/faults.js", JAVASCRIPT, include_str!("page/faults.js")),
    ("/explain.js", JAVASCRIPT, include_str!("page/explain.js")),
];

/// Returns the routes of the files. `key` allows the page to make changes.
pub fn routes(key: &str) -> Router<Arc<Inspector>> {
    let index = include_str!("page/index.html").replace(KEY_PLACEHOLDER, key);
    let mut router = Router::new().route("/", get(async || ([(CONTENT_TYPE, HTML)], index)));
    for (path, media_type, contents) in FILES {
        router = router.route(path, get(async move || ([(CONTENT_TYPE, media_type)], contents)));
    }
    router
}

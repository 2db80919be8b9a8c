//! `tango-token headers`.

use serde_json::Value;

use crate::support::World;

#[test]
fn headers_are_printed_one_on_each_line() {
    let world = World::new("headers", &["--dpop", "strict"]);
    let url = world.api("/accounts");
    let headers = world.run(&["headers", "GET", &url, "--dpop", "required"]).success();
    let lines: Vec<_> = headers.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("Authorization: DPoP ") && lines[1].starts_with("DPoP: "),
        "{headers}"
    );
    let document = world.run(&["headers", "GET", &url, "--dpop", "required", "--json"]).success();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(format!("Authorization: {}", document["Authorization"].as_str().unwrap()), lines[0]);
    assert!(document["DPoP"].is_string() && document.as_object().unwrap().len() == 2);
}

#[test]
fn bearer_token_has_one_header() {
    let world = World::new("headers-bearer", &[]);
    let headers = world.run(&["headers", "GET", &world.api("/accounts")]).success();
    assert!(headers.starts_with("Authorization: Bearer ") && headers.lines().count() == 1, "{headers}");
}

#[test]
fn origin_that_may_get_no_token_is_refused_before_one_is_requested() {
    let world = World::new("headers-origin", &[]);
    let message = world.run(&["headers", "GET", "https://elsewhere.example/"]).failure(2);
    assert!(message.contains("elsewhere.example"), "{message}");
    assert_eq!(world.sandbox.token_requests(), 0);
    let allowed = ["headers", "GET", "https://elsewhere.example/", "--allow-origin", "https://elsewhere.example"];
    world.run(&allowed).success();
}

#[test]
fn wrong_usage_gives_2() {
    let world = World::new("headers-usage", &[]);
    world.run(&["headers", "GET"]).failure(2);
    world.run(&["headers"]).failure(2);
}

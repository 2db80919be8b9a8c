//! `tango-token inspect`.

use std::fs;

use serde_json::Value;

use crate::support::{Home, World, command, end, end_with_input};

#[test]
fn headers_of_a_request_are_checked_with_each_other() {
    let world = World::new("inspect-headers", &["--dpop", "strict"]);
    let url = world.api("/accounts");
    let headers = world.run(&["headers", "GET", &url, "--dpop", "required"]).success();
    let mut inspect = world.command(&["inspect", "--method", "GET", "--url", &url]);
    let text = end_with_input(&mut inspect, &headers).success();
    for found in ["An access token", "it is bound to the key of the proof", "ath is the hash of the token", "RFC 9449"]
    {
        assert!(text.contains(found), "{text}");
    }
    let parts = headers.split_whitespace().filter(|word| word.split('.').count() == 3);
    for signature in parts.map(|jwt| jwt.rsplit_once('.').unwrap().1) {
        assert!(!text.contains(signature), "{text}");
    }
    assert_eq!(world.sandbox.token_requests(), 1);
}

#[test]
fn files_of_the_cache_are_explained() {
    let world = World::new("inspect-cache", &[]);
    let token = world.run(&["token"]).success();
    let files: Vec<_> =
        fs::read_dir(world.home.join("cache/tango-token")).unwrap().map(|file| file.unwrap().path()).collect();
    let inspected = |kind: &str| {
        let path = files.iter().find(|path| path.extension().is_some_and(|extension| extension == kind)).unwrap();
        let path = path.to_str().unwrap();
        (world.run(&["inspect", path]).success(), world.run(&["inspect", path, "--json"]).success())
    };
    let (text, json) = inspected("ledger");
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((document["kind"].as_str(), &document["members"]["issues"]), (Some("ledger"), &1.into()), "{json}");
    assert_eq!(document["identities"].as_array().unwrap().len(), 1, "{json}");
    assert!(text.contains("the last token was requested "), "{text}");
    let (text, _) = inspected("record");
    assert!(text.contains("sealed") && !text.contains(token.trim_end()), "{text}");
}

#[test]
fn key_is_shown_without_its_private_part() {
    let home = Home::new("inspect-key");
    let pem = end(&mut command(&home, &["key", "generate"])).success();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let text = end_with_input(&mut command(&home, &["inspect"]), &pem).success();
    assert!(text.contains("ES256") && !text.contains(&body[..40]), "{text}");
    let mut show = command(&home, &["key", "show", "-"]);
    let jwk = end_with_input(&mut show, &pem).success();
    let text = end_with_input(&mut command(&home, &["inspect", "-"]), &jwk).success();
    let thumbprint = end_with_input(&mut command(&home, &["key", "thumbprint", "-"]), &pem).success();
    assert!(text.contains("A public key") && text.contains(thumbprint.trim_end()), "{text}");
}

#[test]
fn token_that_has_expired_fails() {
    let home = Home::new("inspect-expired");
    // {"alg":"HS256"}.{"exp":1}
    let ended = end_with_input(&mut command(&home, &["inspect"]), "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl\n");
    assert!(ended.status == Some(1) && ended.stdout.contains("it expired ") && ended.stderr.is_empty(), "{ended:?}");
    assert!(!ended.stdout.contains("c2lnbmF0dXJl"));
}

#[test]
fn something_else_is_a_failure() {
    let home = Home::new("inspect-other");
    home.write("other", "two words\n");
    assert!(end(&mut command(&home, &["inspect", "other"])).failure(1).contains("other: neither a proof"));
    assert!(end(&mut command(&home, &["inspect", "missing"])).failure(1).contains("missing: "));
    assert!(end(&mut command(&home, &["inspect"])).failure(1).contains("standard input: there is nothing in it"));
    end(&mut command(&home, &["inspect", "other", "more"])).failure(2);
    end(&mut command(&home, &["inspect", "-", "--token-file", "-"])).failure(2);
}

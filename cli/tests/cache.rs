//! `tango-token cache` as a process, with a real directory and a real Redis server.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use support::fleet::wait_until;
use support::{Ended, World, end};

impl World {
    /// The command with a cache in the user's home, in a time zone that is its own.
    fn cache_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("TANGO_CACHE", format!("file:{}", self.home.join("tokens").display())).env("TZ", "XYZ-3");
        command
    }

    fn cache(&self, arguments: &[&str]) -> Ended {
        end(&mut self.cache_command(arguments))
    }

    fn document(&self) -> Value {
        serde_json::from_str(&self.cache(&["cache", "status", "--json"]).success()).unwrap()
    }
}

#[test]
fn status_of_an_empty_cache_says_that_a_request_is_possible() {
    let world = World::new("cache-empty", &[]);
    let status = world.cache(&["cache", "status"]).success();
    assert!(status.starts_with("no token; a request is possible now\n"), "{status}");
    let document = world.document();
    assert_eq!((&document["usable"], &document["record"]), (&json!(false), &json!({"state": "missing"})));
    assert_eq!((&document["lock"]["state"], &document["ledger"]["state"]), (&json!("free"), &json!("missing")));
    assert_eq!(world.sandbox.token_requests(), 0);
}

#[test]
fn status_shows_whose_token_it_is_and_until_when_in_local_time_without_a_secret() {
    let world = World::new("cache-token", &["--dpop", "strict"]);
    let command = |arguments: &[&str]| {
        let mut command = world.cache_command(arguments);
        end(command.env("TANGO_DPOP", "required")).success()
    };
    let token = command(&["token"]);
    let status = command(&["cache", "status"]);
    assert!(status.starts_with("usable DPoP token until "), "{status}");
    for part in
        [" XYZ (in 1 d)", "the daily limit allows the next one in 20 h", "sandbox-client", "raas.all", "held by"]
    {
        assert_eq!(status.contains(part), part != "held by", "{part}: {status}");
    }
    let json = command(&["cache", "status", "--json"]);
    for secret in [token.trim_end(), world.secrets()[0], world.secrets()[1]] {
        assert!(!status.contains(secret) && !json.contains(secret));
    }
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&document["usable"], &document["identity"]["dpop"]), (&json!(true), &json!("required")));
    let jkt = document["record"]["jkt"].as_str().unwrap();
    assert!(jkt.len() == 43 && status.contains(jkt), "{status}");
    assert!(document["record"]["expires_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(world.sandbox.token_requests(), 1);
}

#[test]
fn status_says_until_when_no_request_is_sent_and_why() {
    let world = World::new("cache-quota", &[]);
    world.sandbox.script(&json!([{"status": 400, "body": "it has exceeded the daily rate limit"}]));
    assert_eq!(world.cache(&["token"]).status, Some(75));
    let status = world.cache(&["cache", "status"]).success();
    assert!(status.starts_with("no token; no request before "), "{status}");
    assert!(status.contains("cool-down until") && status.contains("QUOTA_REFUSED: the daily limit"), "{status}");
    let document = world.document();
    assert_eq!(document["refusal"]["status"], "QUOTA_REFUSED");
    assert_eq!(document["next_request_at"], document["ledger"]["cool_down_until"]);
}

#[test]
fn clear_is_confirmed_on_a_terminal_or_by_a_flag() {
    let world = World::new("cache-clear", &[]);
    assert!(world.cache(&["cache", "clear"]).success().contains("holds nothing of this client"));
    world.cache(&["token"]).success();

    let refused = world.cache(&["cache", "clear"]).failure(2);
    assert!(refused.contains("one token in 20 hours") && refused.contains("--yes"), "{refused}");
    for (reply, expected, is_usable) in [("n\n", "nothing was changed", true), ("y\n", "were removed", false)] {
        let shown = on_a_terminal(&world.cache_command(&["cache", "clear"]), reply);
        assert!(shown.contains("[y/N]") && shown.contains(expected), "{shown}");
        assert_eq!(world.document()["usable"], is_usable);
    }

    world.sandbox.reset();
    world.cache(&["token"]).success();
    world.cache(&["cache", "clear", "--yes"]).success();
    let document = world.document();
    assert_eq!((&document["record"]["state"], &document["ledger"]["state"]), (&json!("missing"), &json!("missing")));
    assert_eq!(world.sandbox.token_requests(), 1);
}

/// Runs a command on a pseudoterminal and types a reply.
fn on_a_terminal(command: &Command, reply: &str) -> String {
    let words: Vec<_> = [command.get_program()].into_iter().chain(command.get_args()).collect();
    let line = words.iter().map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ");
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(reply.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn lock_of_a_directory_is_kept_by_the_system_for_a_process_that_is_named() {
    let world = World::new("cache-unlock", &[]);
    assert_eq!(world.cache(&["cache", "unlock"]).success(), "nobody holds the lock\n");
    world.sandbox.hold();
    let mut holder = Holder(world.cache_command(&["token"]).stdout(Stdio::null()).spawn().unwrap());
    world.sandbox.wait_for("token_requests", 1);
    let document = world.document();
    assert_eq!(document["lock"]["state"], "held");
    assert!(document["ledger"]["in_flight_since"].is_string());
    let status = world.cache(&["cache", "status"]).success();
    assert!(status.starts_with("no token; a process began to request a token "), "{status}");
    let message = world.cache(&["cache", "unlock"]).failure(1);
    assert!(message.contains("the system releases it when that process ends"), "{message}");
    if cfg!(target_os = "linux") {
        assert_eq!(document["lock"]["process_id"], holder.0.id());
        assert!(message.contains(&format!("process {}", holder.0.id())), "{message}");
    }
    world.sandbox.release();
    assert!(holder.0.wait().unwrap().success());
}

/// A process that is killed with its test.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn lock_of_a_dead_process_in_redis_is_removed() {
    let world = World::new("cache-redis", &[]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut redis = Command::new("redis-server");
    redis.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"]).arg(&*world.home);
    let _redis = Holder(redis.stdout(Stdio::null()).spawn().unwrap());
    let command = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        // A long lease, so that only the command removes the lock.
        command
            .env("TANGO_CACHE", format!("redis://127.0.0.1:{port}"))
            .env("TANGO_ATTEMPT_TIMEOUT_MS", "100000")
            .env("TANGO_TOTAL_TIMEOUT_MS", "100000");
        command
    };
    let cache = |arguments: &[&str]| end(&mut command(arguments));
    wait_until("redis-server responds", || cache(&["cache", "status"]).status == Some(0));

    world.sandbox.hold();
    let mut holder = Holder(command(&["token"]).stdout(Stdio::null()).spawn().unwrap());
    world.sandbox.wait_for("token_requests", 1);
    holder.0.kill().unwrap();
    holder.0.wait().unwrap();
    world.sandbox.release();

    let status = cache(&["cache", "status"]).success();
    let holder = format!("held by process {} (owner {}-", holder.0.id(), holder.0.id());
    assert!(status.contains(&holder) && status.contains("min") && status.contains("request in flight"), "{status}");
    let refused = cache(&["cache", "unlock"]).failure(2);
    assert!(refused.contains("--yes") && refused.contains("holds the lock"), "{refused}");
    assert!(cache(&["cache", "unlock", "--yes"]).success().contains("was removed"));
    assert_eq!(cache(&["cache", "unlock", "--yes"]).success(), "nobody holds the lock\n");
}

#[test]
fn cache_in_memory_and_one_that_cannot_be_read_are_errors() {
    let world = World::new("cache-none", &[]);
    for command in ["clear", "unlock"] {
        let message = world.run(&["cache", command, "--cache", "memory", "--yes"]).failure(2);
        assert!(message.contains("memory of each process"), "{message}");
    }
    let status = world.run(&["cache", "status", "--cache", "memory"]).success();
    assert!(status.starts_with("no shared cache"), "{status}");
    fs::write(world.home.join("a-file"), "").unwrap();
    let broken = format!("file:{}", world.home.join("a-file/cache").display());
    let message = world.run(&["cache", "status", "--cache", &broken]).failure(1);
    assert!(message.contains("the shared cache cannot be used"), "{message}");
}

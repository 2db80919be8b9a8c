//! `tango-token token`, and what all commands with a client have in common.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Home, World, command, end, end_with_input};

#[test]
fn token_is_printed_and_the_next_command_finds_it() {
    let world = World::new("token-twice", &[]);
    let token = world.run(&["token"]).success();
    assert!(token.trim_end().split('.').count() == 3 && token.ends_with('\n'), "{token}");
    assert_eq!(world.run(&["token"]).success(), token);
    assert_eq!(world.sandbox.token_requests(), 1);
}

#[test]
fn formats_contain_the_same_token() {
    let world = World::new("token-formats", &[]);
    let token = world.run(&["token"]).success().trim_end().to_owned();
    assert_eq!(world.run(&["token", "--header"]).success(), format!("Authorization: Bearer {token}\n"));
    let document: Value = serde_json::from_str(&world.run(&["token", "--json"]).success()).unwrap();
    assert_eq!((&document["access_token"], &document["token_type"]), (&token.as_str().into(), &"Bearer".into()));
    assert!(document["expires_in"].as_u64().unwrap() > 86_000 && document["expires_at"].is_string(), "{document}");
    assert_eq!(world.run(&["token", "--env", "sh"]).success(), format!("export TANGO_ACCESS_TOKEN='{token}'\n"));
    world.run(&["token", "--env", "fish", "--json"]).failure(2);
    world.run(&["token", "--env", "tcsh"]).failure(2);
}

#[test]
#[cfg(unix)]
fn shell_reads_the_assignment() {
    let world = World::new("token-shell", &[]);
    let token = world.run(&["token"]).success();
    let script = r#"eval "$("$0" token --env sh)"; sh -c 'echo "$TANGO_ACCESS_TOKEN"'"#;
    let mut shell = world.command(&[]);
    let variables: Vec<_> =
        shell.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    shell = Command::new("sh");
    for (name, value) in variables {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let ended = end(shell.args(["-c", script, env!("CARGO_BIN_EXE_tango-token")]));
    assert_eq!(ended.success(), token);
}

#[test]
fn bound_token_names_its_key() {
    let world = World::new("token-bound", &["--dpop", "strict"]);
    let document = world.run(&["token", "--dpop", "required", "--json"]).success();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["token_type"], "DPoP");
    assert_eq!(document["jkt"].as_str().unwrap().len(), 43);
}

#[test]
fn refused_credentials_give_77_and_no_secret() {
    let world = World::new("token-refused", &[]);
    let ended = end(world.command(&["token"]).env("TANGO_PASSWORD", "hunter2"));
    let message = ended.failure(77);
    assert!(message.starts_with("error: ") && !message.contains("hunter2"), "{message}");
    assert!(world.secrets().iter().all(|secret| !message.contains(secret)), "{message}");
}

#[test]
fn daily_limit_gives_75_and_says_when_to_try_again() {
    let world = World::new("token-quota", &[]);
    world.run(&["token", "--cache", "memory"]).success();
    let message = world.run(&["token", "--cache", "memory"]).failure(75);
    assert!(message.contains("\n  try again in ") && message.contains(", at 2"), "{message}");
}

#[test]
fn missing_configuration_gives_78_and_names_everything() {
    let home = Home::new("token-nothing");
    let message = end(&mut command(&home, &["token"])).failure(78);
    for name in ["TANGO_ENVIRONMENT", "TANGO_CLIENT_ID", "TANGO_CLIENT_SECRET", "TANGO_USERNAME", "TANGO_PASSWORD"] {
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn flag_wins_over_its_variable() {
    let world = World::new("token-flags", &[]);
    let id = world.sandbox.variable("TANGO_CLIENT_ID").to_owned();
    let mut wrong = world.command(&["token", "--client-id", &id]);
    end(wrong.env("TANGO_CLIENT_ID", "another")).success();
}

#[test]
fn secrets_come_from_a_file_and_from_standard_input() {
    let world = World::new("token-secrets", &[]);
    let [secret, password] = world.secrets();
    let file = world.home.write("secret", &format!("{secret}\n"));
    let arguments = ["token", "--client-secret-file", file.to_str().unwrap(), "--password-file", "-"];
    let mut token = world.command(&arguments);
    token.env_remove("TANGO_CLIENT_SECRET").env_remove("TANGO_PASSWORD");
    end_with_input(&mut token, &format!("{password}\r\n")).success();

    let both = ["token", "--client-secret-file", "-", "--password-file", "-"];
    let message = end_with_input(&mut world.command(&both), password).failure(2);
    assert!(
        message.contains("only one of --client-secret-file and --password-file can read standard input"),
        "{message}"
    );
    let message = end_with_input(&mut world.command(&["token", "--password-file", "-"]), "\n").failure(2);
    assert!(message.contains("--password-file: standard input is empty"), "{message}");
    let message = world.run(&["token", "--password-file", "missing"]).failure(1);
    assert!(message.contains("missing: "), "{message}");
}

#[test]
fn secret_on_the_command_line_is_refused_and_not_repeated() {
    let world = World::new("token-unsafe", &[]);
    for (arguments, advice) in [
        (["--client-secret", "hunter2"], "TANGO_CLIENT_SECRET"),
        (["--client-secret=hunter2", "--verbose"], "--client-secret-file"),
        (["--password", "hunter2"], "TANGO_PASSWORD"),
        (["--proxy", "http://user:hunter2@proxy.example:3128"], "TANGO_PROXY"),
        (["--cache", "rediss://:hunter2@cache.example"], "TANGO_CACHE"),
        (["--token-url", "https://user:hunter2@auth.example/"], "TANGO_TOKEN_URL"),
    ] {
        let message = world.run(&["token", arguments[0], arguments[1]]).failure(2);
        assert!(message.contains(advice) && !message.contains("hunter2"), "{message}");
    }
    assert_eq!(world.sandbox.token_requests(), 0);
}

#[test]
fn wrong_flag_or_value_gives_2() {
    let world = World::new("token-usage", &[]);
    for arguments in [
        &[][..],
        &["tokens"],
        &["token", "--no-such-flag"],
        &["token", "--environment", "staging"],
        &["token", "--dpop", "on"],
        &["token", "--total-timeout-ms", "5s"],
        &["token", "--allow-plain-http=perhaps"],
        &["token", "extra"],
    ] {
        assert!(!world.run(arguments).failure(2).is_empty(), "{arguments:?}");
    }
}

#[test]
fn verbose_logs_without_secrets() {
    let world = World::new("token-verbose", &["--quota-window-seconds", "0"]);
    for (command, level) in [(&["token", "--verbose", "--cache", "memory"][..], ""), (&["token"], "debug")] {
        let ended = end(world.command(command).env("TANGO_LOG", level));
        assert!(ended.stderr.lines().count() > 1 && ended.status == Some(0), "{ended:?}");
        for secret in world.secrets().into_iter().chain([ended.stdout.trim_end()]) {
            assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_a_failure() {
    let world = World::new("token-full", &[]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = world.command(&["token"]).stdout(Stdio::from(full)).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"), "{output:?}");
}

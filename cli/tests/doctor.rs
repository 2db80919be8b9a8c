//! The doctor as a terminal and a script see it. tests/diagnosis.rs has the checks themselves.
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use support::sandbox::Sandbox;
use support::{command, root};

const BEGIN: &str = "<!-- Begin of the session: made by cli/tests/doctor.rs, do not edit. -->\n";
const END: &str = "<!-- End of the session. -->\n";

/// A directory with a configuration file of two profiles, one for the sandbox.
struct Home(support::Home);

impl Home {
    fn new(name: &str, sandbox: &Sandbox) -> Self {
        let directory = support::Home::new(name);
        let keys = ["token_url", "api_url", "ca_file", "client_id", "client_secret", "username", "password"];
        let keys = keys.map(|key| {
            let value = sandbox.variable(&format!("TANGO_{}", key.to_uppercase()));
            format!("{key} = \"{value}\"\n")
        });
        let content = format!(
            "[production]\nenvironment = \"production\"\n\n[sandbox]\nproxy = \"none\"\n{}cache = \"file:{}/cache\"\n",
            keys.concat(),
            directory.display()
        );
        directory.write("config.toml", &content);
        let home = Self(directory);
        home.chmod(0o600);
        home
    }

    fn file(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    fn chmod(&self, mode: u32) {
        fs::set_permissions(self.file(), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn doctor(&self, arguments: &[&str]) -> Output {
        let mut command = command(&self.0, &["doctor"]);
        command.args(arguments).env("TANGO_CONFIG_FILE", self.file()).output().unwrap()
    }
}

fn text(output: &[u8]) -> &str {
    std::str::from_utf8(output).unwrap()
}

#[test]
fn exit_status_and_json_tell_whether_a_check_failed() {
    let sandbox = Sandbox::start(&[]);
    let home = Home::new("doctor-json", &sandbox);
    let output = home.doctor(&["--profile", "sandbox", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["ok"], document["checks"].as_array().unwrap().len()), (&Value::Bool(true), 11));
    assert_eq!(document["advice"], serde_json::json!([]));
    assert_eq!(document["checks"][4]["name"], "tls");
    let password = document["checks"][0]["details"]["password"].as_str().unwrap();
    assert_eq!(password, format!("[set] (profile sandbox of {})", home.file().display()));

    let output = home.doctor(&["--profile", "sandbox", "--json", "--token-url", "https://localhost:1/token"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["ok"], &document["checks"][3]["outcome"]), (&Value::Bool(false), &"failure".into()));
    let token_url = &document["checks"][0]["details"]["token_url"];
    assert_eq!(token_url, "https://localhost:1/token (flag)");
    let document: Value = serde_json::from_slice(&home.doctor(&["--json"]).stdout).unwrap();
    assert_eq!(document["checks"][0]["details"]["cache"], "file (default of this command)");
    assert_eq!(home.doctor(&["--no-such-flag"]).status.code(), Some(2));
}

#[test]
fn configuration_file_that_cannot_be_used_is_diagnosed_as_well() {
    let sandbox = Sandbox::start(&[]);
    let home = Home::new("doctor-profile", &sandbox);
    for (mode, profile, advice) in [
        (0o644, "sandbox", format!("se chmod 600 {}", home.file().display())),
        (0o600, "staging", "hoose one of production, sandbox".to_owned()),
    ] {
        home.chmod(mode);
        let output = home.doctor(&["--profile", profile]);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{shown}");
        assert!(shown.starts_with("failure  configuration") && shown.contains(&advice), "{shown}");
        assert!(!shown.contains(sandbox.variable("TANGO_PASSWORD")), "{shown}");
    }
}

#[test]
fn session_in_the_documents_is_what_the_command_prints() {
    let sandbox = Sandbox::start(&["--clock-offset-seconds", "600"]);
    let home = Home::new("doctor-session", &sandbox);
    let key = command(&home.0, &["key", "generate"]).output().unwrap();
    fs::write(home.0.join("key.pem"), &key.stdout).unwrap();
    fs::set_permissions(home.0.join("key.pem"), PermissionsExt::from_mode(0o644)).unwrap();
    let mut profile = fs::read_to_string(home.file()).unwrap();
    profile.push_str("dpop = \"required\"\ndpop_key_file = \"key.pem\"\n");
    fs::write(home.file(), profile).unwrap();
    let output = home.doctor(&["--profile", "sandbox"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let session = documented(text(&output.stdout), &sandbox, &home);
    let session = format!("\n```console\n$ tango-token doctor --profile sandbox\n{session}```\n\n");

    let path = root().join("docs/doctor.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}{session}{END}{after}")).unwrap();
    } else {
        assert_eq!(found, session, "UPDATE_DOCS=1 writes the session into docs/doctor.md");
    }
}

/// Returns the output with other values for what differs from run to run.
fn documented(output: &str, sandbox: &Sandbox, home: &Home) -> String {
    let port = |variable: &str| sandbox.variable(variable).split([':', '/']).nth(4).unwrap().to_owned();
    let mut text = output.to_owned();
    for (found, shown) in [
        (sandbox.variable("TANGO_CA_FILE"), "/home/me/ca.pem"),
        (home.0.to_str().unwrap(), "/home/me/.config/tango-token"),
        (&port("TANGO_TOKEN_URL"), "8443"),
        (&port("TANGO_API_URL"), "8443"),
        ("9 min 59 s", "10 min 0 s"),
        ("10 min 1 s", "10 min 0 s"),
    ] {
        text = text.replace(found, shown);
    }
    text.lines().map(varying).map(|line| line + "\n").collect()
}

/// Returns the line, with another value if that differs from run to run.
fn varying(line: &str) -> String {
    if line.contains(" name resolution ") {
        return "ok       name resolution  localhost has 127.0.0.1".into();
    }
    let Some((name, _)) = line.trim_start().split_once("  ").filter(|_| line.starts_with("    ")) else {
        return line.to_owned();
    };
    let value = match name {
        "time" => "1.4 ms",
        "difference_seconds" => "-600",
        "thumbprint" => "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        "free space" => "20480 MiB",
        "access" => "owner 1000 (this user), mode 0700",
        name if name.starts_with("certificate") => {
            let (names, _) = line.split_once(", valid").unwrap();
            // The sandbox gives its authority another number each time.
            let (names, _) = names.rsplit_once(' ').unwrap();
            return format!("{names} 4013c1a7, valid from 27 Nov 2026 12:30 UTC until 27 Nov 2027 12:30 UTC");
        }
        _ => return line.to_owned(),
    };
    format!("{:11}{name:27}{value}", "")
}

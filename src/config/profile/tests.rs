use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;
use crate::config::env::ValueType;
use crate::config::options::PROFILE_KEYS;
use crate::config::{Config, ExplainedOption, ValueSource};

/// A directory with a configuration file, which is removed after the test.
struct Home(PathBuf);

impl Home {
    fn new(content: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("tango-profile-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let home = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&home.0).unwrap();
        fs::write(home.file(), content).unwrap();
        home.chmod(0o600);
        home
    }

    fn file(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    fn chmod(&self, mode: u32) {
        fs::set_permissions(self.file(), PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Loads the environment with these variables and the profile `test`.
    fn load(&self, config: &mut Config, variables: &[(&str, &str)]) -> Result<(), Error> {
        config.load(|name| match name {
            PROFILE => Some("test".into()),
            CONFIG_FILE => Some(self.file().into()),
            _ => variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()),
        })
    }

    fn loaded(&self) -> Config {
        let mut config = Config::new();
        self.load(&mut config, &[]).unwrap();
        config
    }

    fn error(&self) -> String {
        let error = self.load(&mut Config::new(), &[]).unwrap_err();
        assert_eq!(error.status(), Status::InvalidConfiguration);
        error.message().trim_start_matches("the configuration cannot be used: ").to_owned()
    }

    /// Writes a script that the profile names as its command.
    fn with_command(script: &str) -> Self {
        let home = Self::new("");
        let path = home.0.join("command");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
        fs::write(home.file(), format!("[test]\ncredential_process = \"{}\"\n", path.display())).unwrap();
        home
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn explained(config: &Config, name: &str) -> ExplainedOption {
    config.explain().into_iter().find(|explained| explained.name == name).unwrap()
}

#[test]
fn code_wins_over_variables_and_variables_win_over_the_profile() {
    let home = Home::new("[test]\nscope = \"profile\"\naudience = \"profile\"\nclient_id = \"profile\"\n");
    let mut config = Config::new();
    config.scope("code");
    home.load(&mut config, &[("TANGO_SCOPE", "variable"), ("TANGO_AUDIENCE", "variable")]).unwrap();
    let found = ["scope", "audience", "client_id", "cache", "username"].map(|option| explained(&config, option));
    let values = found.each_ref().map(|found| found.value.as_deref());
    assert_eq!(values, [Some("code"), Some("variable"), Some("profile"), Some("memory"), None]);
    let sources = [
        ValueSource::Code,
        ValueSource::Variable("TANGO_AUDIENCE".into()),
        ValueSource::Profile { name: "test".into(), file: home.file() },
        ValueSource::Default,
        ValueSource::NotSet,
    ];
    assert_eq!(found.map(|found| found.source), sources);
}

#[test]
fn every_variable_has_a_key() {
    for (option, variable, value_type) in PROFILE_KEYS {
        let value = match value_type {
            ValueType::Boolean => "true",
            ValueType::Integer => "1_000",
            ValueType::Strings => "[\"https://a.example\", \"https://b.example\"]",
            ValueType::Path => "\"file\"",
            ValueType::String if variable == "TANGO_ENVIRONMENT" => "\"production\"",
            ValueType::String if variable == "TANGO_DPOP" => "\"required\"",
            ValueType::String => "\"a value\"",
        };
        let home = Home::new(&format!("[test]\n{} = {value}\n", env::key(variable)));
        fs::write(home.0.join("file"), "a secret").unwrap();
        let config = home.loaded();
        assert!(matches!(explained(&config, option).source, ValueSource::Profile { .. }), "{variable}");
        assert_eq!(config.effective().names(), [option], "{variable}");
    }
}

#[test]
fn relative_path_begins_at_the_directory_of_the_file() {
    let home = Home::new("[test]\nca_file = \"ca.pem\"\nclient_secret_file = \"secret\"\n");
    fs::write(home.0.join("secret"), "hush\n").unwrap();
    let options = home.loaded().effective();
    assert_eq!(options.ca_file.unwrap(), home.0.join("ca.pem"));
    assert_eq!(options.client_secret.unwrap().expose_secret(), "hush");
}

#[test]
fn mistake_is_named_with_file_and_line_and_no_value() {
    for (content, line, problem) in [
        ("[test]\nhush", 2, "the file is not TOML"),
        ("[test]\nscope = 1\nscope = \"hush\"", 3, "the file is not TOML"),
        ("\nhush = 1\n[test]\n", 2, "outside of the sections"),
        ("[test]\n\nclient_secrets = \"hush\"", 3, "the key client_secrets is not known; docs"),
        ("[test]\nTANGO_CLIENT_ID = \"hush\"", 2, "TANGO_CLIENT_ID is not known; write client_id"),
        ("[test]\ntotal_timeout = 5000", 2, "write total_timeout_ms"),
        ("[test]\n\"hush hush\" = 5000", 2, "a key is not known"),
        ("[test]\nclient_id = 815", 2, "client_id must be a string"),
        ("[test]\ntotal_timeout_ms = \"hush\"", 2, "total_timeout_ms must be a whole number of milliseconds"),
        ("[test]\ntotal_timeout_ms = 0x7d0", 2, "total_timeout_ms must be a whole number of milliseconds"),
        ("[test]\ntotal_timeout_ms = -1", 2, "total_timeout_ms must be a whole number of milliseconds"),
        ("[test]\nallow_plain_http = \"hush\"", 2, "allow_plain_http must be true or false"),
        ("[test]\nallowed_origins = [\"https://hush\", 1]", 2, "allowed_origins must be a string or an array"),
        ("[test]\nenvironment = \"hush\"", 2, "environment must be `sandbox` or `production`"),
        ("[test]\npassword_file = \"none\"\n", 2, "password_file"),
        ("[test]\npassword_file = \"none\"\npassword = \"hush\"", 3, "are both set; unset one of them"),
        ("[test]\ncredential_process = \"say 'hush'\"", 2, "write an array of words"),
        ("[test]\ncredential_process = []", 2, "credential_process is empty"),
    ] {
        let home = Home::new(content);
        let error = home.error();
        let place = format!("{}:{line}: ", home.file().display());
        assert!(error.contains(&place) && error.contains(problem) && !error.contains("hush"), "{error}");
    }
}

#[test]
fn missing_profile_names_those_that_exist() {
    let error = Home::new("[sandbox]\n[production]\n").error();
    assert!(error.ends_with("no section for the chosen profile; choose one of production, sandbox"), "{error}");
    let home = Home::new("");
    assert!(home.error().ends_with("; add one"));
    fs::remove_file(home.file()).unwrap();
    let error = home.error();
    assert!(error.contains("No such file") && error.contains("a profile is a section of this file"), "{error}");
}

#[test]
fn file_with_a_secret_that_others_can_read_is_refused() {
    for secret in [
        "[other]\nclient_secret = \"hush\"\n[test]\n",
        "[test]\npassword = \"hush\"\n",
        "[test]\ncache = \"rediss://me:hush@host\"\n",
        "[test]\ncache = \"redis://a?cluster=true redis://me:hush@b\"\n",
        "[test]\nproxy = \"http://me:hush@host\"\n",
    ] {
        let home = Home::new(secret);
        home.loaded();
        for mode in [0o640, 0o604, 0o440] {
            home.chmod(mode);
            let error = home.error();
            let advice = format!("use chmod 600 {}", home.file().display());
            assert!(error.contains(&advice) && !error.contains("hush"), "{error}");
        }
    }
    let home = Home::new("[test]\nclient_id = \"id\"\ncache = \"redis://host\"\npassword_file = \"config.toml\"\n");
    home.chmod(0o644);
    home.loaded();
}

#[test]
fn file_that_others_can_change_is_refused() {
    let home = Home::new("[test]\nclient_id = \"id\"\n");
    for mode in [0o620, 0o602] {
        home.chmod(mode);
        assert!(home.error().contains("use chmod go-w"));
    }
    if nix::unistd::geteuid().is_root() {
        home.chmod(0o644);
        home.loaded();
        std::os::unix::fs::chown(home.file(), Some(65_534), None).unwrap();
        assert!(home.error().contains("belongs to another user"));
    }
}

#[test]
fn error_of_a_value_names_the_key_and_the_profile() {
    let home = Home::new("[test]\ntoken_url = \"ftp://host\"\nclient_id = \"id\"\n");
    let error = home.loaded().resolve().err().unwrap();
    let place = format!("; it uses the profile test of {}", home.file().display());
    assert!(error.message().contains("token_url in the profile must be https://"), "{error}");
    assert!(error.message().contains("TANGO_USERNAME is missing") && error.message().ends_with(&place), "{error}");
}

#[test]
fn nothing_is_read_without_a_profile() {
    let mut config = Config::new();
    config.load(|name| (name == CONFIG_FILE).then(|| "/no/such/file".into())).unwrap();
    assert!(config.profile.is_none());
}

#[test]
fn user_directory_for_configuration_has_the_file() {
    let with = |variables: &[(&str, &str)]| {
        path(&|name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    };
    assert_eq!(with(&[("HOME", "/home/me")]).unwrap(), Path::new("/home/me/.config/tango-token/config.toml"));
    let xdg = [("HOME", "/home/me"), ("XDG_CONFIG_HOME", "/xdg")];
    assert_eq!(with(&xdg).unwrap(), Path::new("/xdg/tango-token/config.toml"));
    assert_eq!(with(&[("TANGO_CONFIG_FILE", "here.toml")]).unwrap(), Path::new("here.toml"));
    assert!(with(&[("HOME", "")]).unwrap_err().contains("set TANGO_CONFIG_FILE"));
}

#[test]
fn no_secret_can_be_reached_through_the_explanation() {
    let secrets = "client_secret = \"hush\"\npassword = \"hush\"\nproxy = \"http://me:hush@host\"\n\
                   cache = \"rediss://me:hush@host/1?prefix=hush\"\ntoken_url = \"https://host/t?key=hush\"\n";
    let config = Home::new(&format!("[test]\n{secrets}")).loaded();
    let shown = format!("{:?} {:?}", config.explain(), config);
    assert!(!shown.contains("hush"), "{shown}");
    assert!(explained(&config, "password").source.is_set());
    assert_eq!(explained(&config, "cache").value.unwrap(), "rediss://host");
}

#[test]
fn secret_in_a_file_is_explained_by_the_variable_of_the_file() {
    let home = Home::new("hush");
    let mut config = Config::new();
    let path = home.file();
    config.load(|name| (name == "TANGO_PASSWORD_FILE").then(|| path.clone().into())).unwrap();
    assert_eq!(explained(&config, "password").source, ValueSource::Variable("TANGO_PASSWORD_FILE".into()));
}

#[test]
fn command_returns_the_credentials_that_are_missing() {
    let output =
        r#"{"client_id": "id", "client_secret": "s\"cret", "username": "name", "password": "hush", "more": 1}"#;
    let home = Home::with_command(&format!("echo '{output}'"));
    let mut file = fs::read_to_string(home.file()).unwrap();
    file.push_str("username = \"of the file\"\n");
    fs::write(home.file(), file).unwrap();
    let mut config = Config::new();
    home.load(&mut config, &[("TANGO_CLIENT_ID", "variable")]).unwrap();
    let options = config.effective();
    assert_eq!((options.client_id.as_deref(), options.username.as_deref()), (Some("variable"), Some("of the file")));
    let secrets = [options.client_secret, options.password].map(|secret| secret.unwrap().expose_secret().to_owned());
    assert_eq!(secrets, ["s\"cret", "hush"]);
    assert!(matches!(explained(&config, "password").source, ValueSource::CredentialProcess { .. }));
    assert!(matches!(explained(&config, "username").source, ValueSource::Profile { .. }));
}

#[test]
fn command_is_not_run_if_nothing_is_missing() {
    let home = Home::with_command("exit 1");
    let credentials = ["TANGO_CLIENT_ID", "TANGO_CLIENT_SECRET", "TANGO_USERNAME", "TANGO_PASSWORD"];
    home.load(&mut Config::new(), &credentials.map(|name| (name, "a value"))).unwrap();
    assert!(
        home.load(&mut Config::new(), &credentials[1..].iter().map(|name| (*name, "v")).collect::<Vec<_>>()).is_err()
    );
}

#[test]
fn command_that_fails_is_named_and_its_output_is_not() {
    for (script, problem) in [
        ("echo hush; exit 7", "it ended with exit status 7"),
        ("echo hush; kill -9 $$", "it was ended by a signal"),
        ("", "its output is empty"),
        ("echo hush", "its output is not one JSON object"),
        ("echo '{\"password\": \"hush\"} {}'", "its output is not one JSON object"),
        ("echo '{\"password\": [\"hush\"]}'", "has a password that is not a string"),
        ("echo '{\"hush\": \"hush\"}'", "has none of client_id, client_secret, username, password"),
        ("head -c 70000 /dev/zero | tr '\\\\0' h", "it wrote more than 64 KiB"),
        ("exec yes hush", "it wrote more than 64 KiB"),
    ] {
        let home = Home::with_command(script);
        let error = home.error();
        assert!(error.contains("/command failed: ") && error.contains(problem) && !error.contains("hush"), "{error}");
        assert!(error.starts_with(&format!("{}:2: credential_process: ", home.file().display())), "{error}");
    }
    let missing = Home::new("[test]\ncredential_process = [\"/no/such/command\", \"hush\"]\n").error();
    assert!(missing.contains("/no/such/command failed: No such file") && !missing.contains("hush"), "{missing}");
}

#[test]
fn command_that_does_not_end_is_stopped() {
    let short = Duration::from_millis(300);
    let sleeping = process::Command::parse(&["sleep 600"]).unwrap();
    let error = sleeping.run_within(short).err().unwrap();
    assert!(error.contains("the command sleep failed: it did not finish within"), "{error}");
    let silent = process::Command::parse(&["sh", "-c", "exec >&-; sleep 600"]).unwrap();
    assert!(silent.run_within(short).is_err());
}

#[test]
fn command_with_a_relative_path_is_that_beside_the_file() {
    let home = Home::with_command("echo '{\"username\": \"name\"}'");
    for command in ["./command", "../*/command"] {
        let command = command.replace('*', home.0.file_name().unwrap().to_str().unwrap());
        fs::write(home.file(), format!("[test]\ncredential_process = \"{command}\"\n")).unwrap();
        assert_eq!(home.loaded().effective().username.as_deref(), Some("name"), "{command}");
    }
}

#[test]
fn message_about_a_file_of_another_kind_is_short() {
    let keys = (0..100_000).map(|number| format!("k{number} = 1\n")).collect::<Vec<_>>().concat();
    let error = Home::new(&format!("[test]\n{}", &keys[..1024 * 1024 - 16])).error();
    assert!(error.len() < 8_192, "{}", error.len());
}

#[test]
fn command_gets_no_input_and_no_profile_of_its_own() {
    let script = "read line && exit 1; test -z \"$TANGO_PROFILE\" || exit 2; echo '{\"username\": \"name\"}'";
    assert_eq!(Home::with_command(script).loaded().effective().username.as_deref(), Some("name"));
}

/// In a process of its own, which begins with SIGCHLD ignored, as some hosts have it.
#[test]
fn program_that_ignores_the_end_of_its_children_gets_the_credentials() {
    const ALONE: &str = "PROFILE_SIGCHLD_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let mut alone = std::process::Command::new("env");
        alone.arg("--ignore-signal=CHLD").arg(std::env::current_exe().unwrap()).env(ALONE, "1");
        alone.args([
            "--exact",
            "config::profile::tests::program_that_ignores_the_end_of_its_children_gets_the_credentials",
        ]);
        let output = alone.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let home = Home::with_command("echo '{\"username\": \"name\"}'");
    assert_eq!(home.loaded().effective().username.as_deref(), Some("name"));
}

proptest! {
    /// Lines that are nearly those of a configuration file.
    #[test]
    fn no_content_makes_the_reader_panic_or_repeat_a_value(
        lines in proptest::collection::vec(
            ("(\\[test\\]|\\[a.b\\]|[a-z_]{1,12}|password|dpop|total_timeout_ms|credential_process)?", "( = | =|=\\[)?",
             "(\"hush\"|\"hush\\]\"|\"\"\"hush|'hush'|\\{hush|hush|true|1|0x1|\\[\"hush\"|2026-01-01)?", "[\\]\"}#\t\r é]{0,2}"),
            0..6,
        ),
    ) {
        let lines = lines.into_iter().map(|(key, sign, value, end)| format!("{key}{sign}{value}{end}\n"));
        let text = format!("[test]\n{}", lines.collect::<String>());
        // A file without permissions of its own.
        if let Err(error) = Section::find(&text, "test", Path::new("/dev/null"), &[]) {
            let names_a_key = text.contains("hush =") || text.contains("hush.");
            prop_assert!(names_a_key || !error.message().contains("hush"), "{text} {error}");
        }
    }
}

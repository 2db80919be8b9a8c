//! Help, version, completions and manual pages.

use std::fs;
use std::process::Command;

use crate::support::{Home, command, end, end_with_input};

#[test]
fn help_and_version_are_printed() {
    let home = Home::new("meta");
    let help = end(&mut command(&home, &["--help"])).success();
    assert!(help.contains("Exit status:") && !help.contains('\u{1b}'), "{help}");
    assert!(end(&mut command(&home, &["--version"])).success().starts_with("tango-token "));
    let help = end(&mut command(&home, &["token", "--help"])).success();
    assert!(help.contains("--client-secret-file") && !help.contains("--client-secret "), "{help}");
}

#[test]
fn colours_are_for_terminals() {
    let home = Home::new("meta-colours");
    let mut inspect = command(&home, &["inspect"]);
    let ended = end_with_input(&mut inspect, "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl");
    assert!(!ended.stdout.contains('\u{1b}'));
    let forced = end_with_input(inspect.env("CLICOLOR_FORCE", "1"), "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl");
    assert!(forced.stdout.contains('\u{1b}'));
    assert!(end(command(&home, &["token"]).env("NO_COLOR", "1")).failure(78).starts_with("error: "));
}

#[test]
fn completions_exist_for_each_shell() {
    let home = Home::new("meta-completions");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = end(&mut command(&home, &["completions", shell])).success();
        assert!(script.contains("tango-token") && script.contains("client-secret-file"), "{shell}");
        assert!(!script.contains("--password ") && !script.contains("--client-secret "), "{shell}");
    }
    end(&mut command(&home, &["completions", "tcsh"])).failure(2);
}

#[test]
#[cfg(unix)]
fn bash_completes_a_command() {
    let home = Home::new("meta-bash");
    let script = end(&mut command(&home, &["completions", "bash"])).success();
    let file = home.write("completions", &script);
    let complete = "source \"$0\"; COMP_WORDS=(tango-token ins); COMP_CWORD=1; _tango__token tango-token ins tango-token; \
                    echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["--norc", "-c", complete]).arg(file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "inspect\n", "{output:?}");
}

#[test]
fn manual_has_a_page_for_each_command() {
    let home = Home::new("meta-man");
    end(&mut command(&home, &["man", "--out", "pages"])).success();
    for page in ["tango-token.1", "tango-token-token.1", "tango-token-exec.1", "tango-token-key-generate.1"] {
        let text = fs::read_to_string(home.join("pages").join(page)).unwrap();
        assert!(text.contains(".SH NAME") && text.contains("tango"), "{page}");
    }
    end(&mut command(&home, &["man"])).failure(2);
}

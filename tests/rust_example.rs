//! The program of `examples/rust`, run as a reader runs it.

mod support;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use support::sandbox::Sandbox;
use support::{root, succeed};

#[test]
fn example_lists_the_accounts_with_bearer_tokens_and_with_proofs() {
    let sandbox = Sandbox::start(&["--dpop-nonce", "required", "--quota-window-seconds", "0"]);
    for mode in ["off", "required"] {
        let output = run(&sandbox, "TANGO_DPOP", mode);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(printed.starts_with("200 OK\n") && printed.contains("sandbox-account"), "{printed}");
    }
}

#[test]
fn example_prints_the_error_when_the_credentials_are_wrong() {
    let output = run(&Sandbox::start(&[]), "TANGO_PASSWORD", "wrong");
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains(" does not accept the credentials"), "{printed}");
}

fn run(sandbox: &Sandbox, variable: &str, value: &str) -> Output {
    Command::new(example())
        .arg(format!("{}/accounts", sandbox.variable("TANGO_API_URL")))
        .envs(&sandbox.variables)
        .envs([("TANGO_PROXY", "none"), ("NO_PROXY", "localhost"), (variable, value)])
        .output()
        .unwrap()
}

/// `cargo test` builds it with the tests; `cargo test --test rust_example` alone does not.
fn example() -> &'static PathBuf {
    static EXAMPLE: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        succeed(Command::new(env!("CARGO")).args(["build", "--example", "accounts"]).current_dir(root()));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        target.join("debug/examples/accounts")
    })
}

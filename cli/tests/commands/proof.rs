//! `tango-token proof`.

use crate::support::{Home, command, end, end_with_input};

const URL: &str = "https://api.example/accounts?page=1";

#[test]
fn proof_passes_the_checks_of_inspect() {
    let home = Home::new("proof");
    end(&mut command(&home, &["key", "generate", "--out", "key.pem"])).success();
    home.write("token", "the-token\n");
    let proof = ["proof", "POST", URL, "--key-file", "key.pem", "--nonce", "n1", "--token-file", "token"];
    let proof = end(&mut command(&home, &proof)).success();
    let inspect = ["inspect", "--method", "POST", "--url", URL, "--nonce", "n1", "--token-file", "token"];
    let text = end_with_input(&mut command(&home, &inspect), &proof).success();
    assert!(text.contains("ath is the hash of the token") && !text.contains("FAIL"), "{text}");
    let other = end_with_input(&mut command(&home, &["inspect", "--method", "GET"]), &proof);
    assert!(other.status == Some(1) && other.stdout.contains("FAIL"), "{other:?}");
}

#[test]
fn key_comes_from_the_variable_and_the_token_from_standard_input() {
    let home = Home::new("proof-variable");
    let key = home.join("key.pem");
    end(&mut command(&home, &["key", "generate", "--out", "key.pem"])).success();
    let mut proof = command(&home, &["proof", "GET", URL, "--token-file", "-"]);
    let proof = end_with_input(proof.env("TANGO_DPOP_KEY_FILE", key), "the-token").success();
    home.write("token", "the-token");
    end_with_input(&mut command(&home, &["inspect", "--token-file", "token"]), &proof).success();
}

#[test]
fn wrong_usage_and_wrong_input_are_refused() {
    let home = Home::new("proof-usage");
    let message = end(&mut command(&home, &["proof", "GET", URL])).failure(2);
    assert!(message.contains("--key-file") && message.contains("TANGO_DPOP_KEY_FILE"), "{message}");
    end(&mut command(&home, &["proof", "GET"])).failure(2);
    end(&mut command(&home, &["proof", "GET", URL, "--key-file", "-", "--token-file", "-"])).failure(2);
    end(&mut command(&home, &["proof", "GET", URL, "--key-file", "missing"])).failure(78);
    end(&mut command(&home, &["key", "generate", "--out", "key.pem"])).success();
    end(&mut command(&home, &["proof", "GET", "not a URL", "--key-file", "key.pem"])).failure(2);
}

//! `tango-token key`.

use std::fs;

use serde_json::Value;

use crate::support::{Home, command, end, end_with_input};

#[test]
fn key_of_each_algorithm_is_generated_and_shown() {
    let home = Home::new("key");
    for (algorithm, kind) in [("ES256", "EC"), ("es384", "EC"), ("EdDSA", "OKP"), ("RS256", "RSA"), ("PS256", "RSA")] {
        let file = format!("{algorithm}.pem");
        let arguments = ["key", "generate", "--algorithm", algorithm, "--out", &file, "--json"];
        let made: Value = serde_json::from_str(&end(&mut command(&home, &arguments)).success()).unwrap();
        assert_eq!(made["file"], *file);
        let shown: Value = serde_json::from_str(&end(&mut command(&home, &["key", "show", &file])).success()).unwrap();
        assert_eq!((&shown, &shown["kty"]), (&made["public_jwk"], &kind.into()));
        assert!(shown.get("d").is_none());
        let thumbprint = end(&mut command(&home, &["key", "thumbprint", &file])).success();
        assert_eq!(thumbprint.trim_end(), made["thumbprint"]);
    }
}

#[test]
#[cfg(unix)]
fn file_of_a_key_is_of_the_user_alone_and_is_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new("key-file");
    let said = end(&mut command(&home, &["key", "generate", "--out", "key.pem"])).success();
    assert!(said.starts_with("ES256 key in key.pem, thumbprint "), "{said}");
    let path = home.join("key.pem");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    let message = end(&mut command(&home, &["key", "generate", "--out", "key.pem"])).failure(1);
    assert!(message.contains("key.pem exists"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn key_passes_through_a_pipe() {
    let home = Home::new("key-pipe");
    let pem = end(&mut command(&home, &["key", "generate"])).success();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.ends_with("-----END PRIVATE KEY-----\n"));
    let thumbprint = end_with_input(&mut command(&home, &["key", "thumbprint", "-"]), &pem).success();
    assert_eq!(thumbprint.trim_end().len(), 43);
}

#[test]
fn file_that_is_no_key_gives_78() {
    let home = Home::new("key-wrong");
    home.write("certificate.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for command_name in ["show", "thumbprint"] {
        let message = end(&mut command(&home, &["key", command_name, "certificate.pem"])).failure(78);
        assert!(message.contains("certificate.pem"), "{message}");
        assert!(end(&mut command(&home, &["key", command_name, "missing"])).failure(78).contains("missing"));
    }
}

#[test]
fn wrong_usage_gives_2() {
    let home = Home::new("key-usage");
    for arguments in
        [&["key"][..], &["key", "show"], &["key", "generate", "--algorithm", "HS256"], &["key", "generate", "--json"]]
    {
        end(&mut command(&home, arguments)).failure(2);
    }
}

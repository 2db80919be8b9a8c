//! The statuses exist once, in src/error.rs. The header is made from there, and what Python, Go, .NET and docs/c-api.md say of
//! them from the header; each of these is compared where it is tested. What people wrote of them is compared here.

use std::fs;
use std::path::Path;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// All statuses by their names without `TANGO_STATUS_`.
fn names() -> Vec<String> {
    let header = read("include/tango_token.h");
    let members = header.lines().filter_map(|line| line.trim().strip_prefix("TANGO_STATUS_")?.split_once(" = "));
    let names: Vec<_> = members.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names[0], "OK");
    names
}

#[test]
fn the_readme_says_of_each_status_once_what_to_do() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("### When it fails").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let first_cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    let mut said: Vec<_> =
        first_cells.flat_map(|(cell, _)| cell.split(", ")).map(|name| name.trim_matches('`')).collect();
    said.push("OK");
    said.sort_unstable();
    let mut names = names();
    names.sort_unstable();
    assert_eq!(said, names);
}

/// The others come of what a program does (cancels, waits inside a callback, brings a key or a signer), or are a defect; the
/// tests of each language bring them about.
#[test]
fn every_status_that_a_server_can_bring_about_is_in_a_case_of_conformance() {
    let cases = read("tests/conformance/cases.json");
    let mut lacking = names();
    lacking.retain(|name| !cases.contains(&format!("\"TANGO_STATUS_{name}\"")));
    assert_eq!(lacking, ["OK", "CANCELLED", "WOULD_BLOCK", "INTERNAL", "KEY_REJECTED", "SIGNING_FAILED"]);
}

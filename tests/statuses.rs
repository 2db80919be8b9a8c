//! The statuses exist once, in src/error.rs. The header is generated from there, and Python, Go, .NET and docs/c-api.md from
//! the header; each of these is compared where it is tested. The documents that people write are compared here.

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
fn the_table_of_errors_has_each_status_once() {
    let page = read("docs/errors.md");
    let (_, section) = page.split_once("## When it fails").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let first_cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    let mut listed: Vec<_> =
        first_cells.flat_map(|(cell, _)| cell.split(", ")).map(|name| name.trim_matches('`')).collect();
    listed.push("OK");
    listed.sort_unstable();
    let mut names = names();
    names.sort_unstable();
    assert_eq!(listed, names);
}

#[test]
fn troubleshooting_has_a_section_for_each_status() {
    let page = read("docs/troubleshooting.md");
    let sections: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut lacking = names();
    lacking.retain(|name| !sections.contains(&name.as_str()));
    assert_eq!(lacking, ["OK"]);
}

#[test]
fn glossary_names_files_that_exist() {
    let page = read("docs/glossary.md");
    let rows = page.lines().filter(|line| line.starts_with('|'));
    let quoted = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let missing: Vec<_> = quoted
        .filter(|path| path.ends_with(".rs") || path.ends_with('/'))
        .filter(|path| !Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The program causes the other ones (it cancels, waits inside a callback, passes a key or a signer), or a defect does; the
/// tests of each language cover them.
#[test]
fn conformance_has_a_case_for_each_status_that_a_server_can_cause() {
    let cases = read("tests/conformance/cases.json");
    let mut lacking = names();
    lacking.retain(|name| !cases.contains(&format!("\"TANGO_STATUS_{name}\"")));
    assert_eq!(lacking, ["OK", "CANCELLED", "WOULD_BLOCK", "INTERNAL", "KEY_REJECTED", "SIGNING_FAILED"]);
}

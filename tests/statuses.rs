//! The statuses are defined once, in src/error.rs. The header is generated from them, and the enums of other languages
//! and docs/c-api.md from the header; their own tests compare those. These tests compare what is written by hand.

use std::fs;
use std::path::Path;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Returns the names of all statuses without `TANGO_STATUS_`.
fn names() -> Vec<String> {
    let header = read("include/tango_token.h");
    let members = header.lines().filter_map(|line| line.trim().strip_prefix("TANGO_STATUS_")?.split_once(" = "));
    let names: Vec<_> = members.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names[0], "OK");
    names
}

#[test]
fn document_about_errors_explains_each_status_once() {
    let document = read("docs/errors.md");
    let (_, section) = document.split_once("## When it fails").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut explained = first_cells(section);
    explained.push("OK");
    explained.sort_unstable();
    let mut names = names();
    names.sort_unstable();
    assert_eq!(explained, names);
}

#[test]
fn readme_names_only_statuses_that_exist() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("## When it fails").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let names = names();
    let shown = first_cells(section);
    assert!(!shown.is_empty() && shown.iter().all(|shown| names.iter().any(|name| name == shown)), "{shown:?}");
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
fn troubleshooting_lists_three_causes_of_each_status() {
    let page = read("docs/troubleshooting.md");
    let (_, sections) = page.split_once("\n## Each status\n").unwrap();
    for section in sections.split("\n### ").skip(1) {
        let name = section.lines().next().unwrap();
        let numbers: Vec<_> = section.lines().filter_map(|line| line.split_once(". ")?.0.parse::<u8>().ok()).collect();
        assert_eq!(numbers, [1, 2, 3], "{name}");
    }
}

#[test]
fn glossary_names_files_that_exist() {
    let page = read("docs/glossary.md");
    let rows = page.lines().filter(|line| line.starts_with('|'));
    let quoted = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let missing: Vec<_> = quoted
        .filter(|path| path.ends_with('/') || Path::new(path).extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Returns the names in the first column of a table.
fn first_cells(table: &str) -> Vec<&str> {
    let cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    cells.flat_map(|(cell, _)| cell.split(", ")).map(|name| name.trim_matches('`')).collect()
}

/// The other statuses come from what a program does (cancel, wait inside a callback, pass a key or a signer) or from a
/// defect; the tests of each language cover them.
#[test]
fn conformance_cases_have_every_status_that_a_server_can_cause() {
    let cases = read("tests/conformance/cases.json");
    let mut lacking = names();
    lacking.retain(|name| !cases.contains(&format!("\"TANGO_STATUS_{name}\"")));
    assert_eq!(lacking, ["OK", "CANCELLED", "WOULD_BLOCK", "INTERNAL", "KEY_REJECTED", "SIGNING_FAILED"]);
}

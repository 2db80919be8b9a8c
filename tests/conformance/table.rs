//! Writes docs/conformance.md: which case passes in which language.

use std::fmt::Write;

use super::Language;
use super::case::Case;

const HEAD: &str = "\
# One set of cases for every language

`make conformance` runs all cases and writes this page: do not edit. The cases are in
[tests/conformance/cases.json](../tests/conformance/cases.json), and
[tests/conformance/README.md](../tests/conformance/README.md) says how to add a case or a language. Each case is a
scripted server, the calls of a program, and everything that the program gets and sends, field by field.
";

pub fn compose(cases: &[Case], languages: &[&Language]) -> String {
    let mut table =
        format!("{HEAD}\n{}\n\n| language | how each case is run |\n| --- | --- |\n", summary(cases, languages));
    for language in languages {
        writeln!(table, "| {} | {} |", language.name, language.how).unwrap();
    }
    let names: Vec<_> = languages.iter().map(|language| language.name).collect();
    let head = format!("| case | {} |\n| --- |{}\n", names.join(" | "), " :-: |".repeat(names.len()));
    let mut subject = "";
    for (number, case) in cases.iter().enumerate() {
        if case.subject != subject {
            subject = &case.subject;
            write!(table, "\n## {subject}\n\n{head}").unwrap();
        }
        let cells: Vec<_> = languages.iter().map(|language| mark(language, number)).collect();
        writeln!(table, "| {} | {} |", case.name, cells.join(" | ")).unwrap();
    }
    table
}

fn mark(language: &Language, case: usize) -> &'static str {
    if language.failures()[case].is_empty() { "✓" } else { "✗" }
}

pub fn summary(cases: &[Case], languages: &[&Language]) -> String {
    let passed = |language: &&Language| language.failures().iter().filter(|failures| failures.is_empty()).count();
    let passed: usize = languages.iter().map(passed).sum();
    let (count, languages) = (cases.len(), languages.len());
    format!("{count} cases in {languages} languages: {passed} of {} pass.", count * languages)
}

//! docs/conformance.md: which case passes in which language, as a run found it.

use std::fmt::Write;

use super::Language;
use super::case::Case;

const HEAD: &str = "\
# One set of cases for every language

Made by `make conformance`, which runs them all: do not edit. The cases are in
[tests/conformance/cases.json](../tests/conformance/cases.json), and
[tests/conformance/README.md](../tests/conformance/README.md) says how to add one, and how to add a language. Each is a
scripted server, the calls of a program, and all that it gets and sends, field by field.
";

pub fn compose(cases: &[Case], languages: &[&Language]) -> String {
    let mut text =
        format!("{HEAD}\n{}\n\n| language | how each case is run |\n| --- | --- |\n", summary(cases, languages));
    for language in languages {
        writeln!(text, "| {} | {} |", language.name, language.how).unwrap();
    }
    let names: Vec<_> = languages.iter().map(|language| language.name).collect();
    let head = format!("| case | {} |\n| --- |{}\n", names.join(" | "), " :-: |".repeat(names.len()));
    let mut subject = "";
    for (number, case) in cases.iter().enumerate() {
        if case.subject != subject {
            subject = &case.subject;
            write!(text, "\n## {subject}\n\n{head}").unwrap();
        }
        let cells: Vec<_> = languages.iter().map(|language| mark(language, number)).collect();
        writeln!(text, "| {} | {} |", case.name, cells.join(" | ")).unwrap();
    }
    text
}

fn mark(language: &Language, case: usize) -> &'static str {
    if language.failures()[case].is_empty() { "✓" } else { "✗" }
}

fn summary(cases: &[Case], languages: &[&Language]) -> String {
    let passed = |language: &&Language| language.failures().iter().filter(|failures| failures.is_empty()).count();
    let passed: usize = languages.iter().map(passed).sum();
    let (count, languages) = (cases.len(), languages.len());
    format!("{count} cases in {languages} languages: {passed} of {} pass.", count * languages)
}

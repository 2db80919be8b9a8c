//! Assignments for shells.

use clap::ValueEnum;

/// A shell that can set a variable from the output of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// POSIX shells: sh, bash, zsh
    Sh,
    /// fish
    Fish,
    /// PowerShell
    #[value(name = "powershell")]
    Power,
}

impl Shell {
    /// Returns the line that sets and exports a variable.
    pub fn assignment(self, name: &str, value: &str) -> String {
        // Nothing is special inside single quotes, except what is replaced here.
        match self {
            Self::Sh => format!("export {name}='{}'", value.replace('\'', r"'\''")),
            Self::Fish => format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
            Self::Power => {
                // PowerShell takes typographic quotes for quotes as well.
                let quotes = ['\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'];
                let doubled: String = value
                    .chars()
                    .flat_map(|c| std::iter::repeat_n(c, if quotes.contains(&c) { 2 } else { 1 }))
                    .collect();
                format!("$env:{name} = '{doubled}'")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_of_each_shell_are_escaped() {
        let value = r"a'b\c $d `e`";
        assert_eq!(Shell::Sh.assignment("T", value), r"export T='a'\''b\c $d `e`'");
        assert_eq!(Shell::Fish.assignment("T", value), r"set -gx T 'a\'b\\c $d `e`'");
        assert_eq!(Shell::Power.assignment("T", value), r"$env:T = 'a''b\c $d `e`'");
        assert_eq!(Shell::Power.assignment("T", "\u{2019}"), "$env:T = '\u{2019}\u{2019}'");
    }
}

//! `tango-token completions` and `tango-token man`: what a shell and `man` need to know of this command.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::CommandLine;
use crate::failure::Failure;

#[derive(Args)]
#[command(after_help = "\
Examples:
  tango-token completions bash > ~/.local/share/bash-completion/completions/tango-token
  tango-token completions zsh > ~/.zfunc/_tango-token
  tango-token completions fish > ~/.config/fish/completions/tango-token.fish")]
pub struct Completions {
    shell: Shell,
}

/// Writes a page for the command and one for each of its commands.
#[derive(Args)]
pub struct Man {
    /// Directory for the pages
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Completions {
    pub fn run(&self) -> Result<(), Failure> {
        let mut command = CommandLine::command();
        let name = command.get_name().to_owned();
        // Into memory first: the generator panics where a pipe is closed.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        Ok(io::stdout().write_all(&script)?)
    }
}

impl Man {
    pub fn run(&self) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::new(format!("{}: {error}", self.out.display()));
        fs::create_dir_all(&self.out).map_err(failed)?;
        clap_mangen::generate_to(CommandLine::command(), &self.out).map_err(failed)
    }
}

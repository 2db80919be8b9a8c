//! `tango-token doctor`: checks everything that a client needs, and says what to do.

use clap::Args;
use serde_json::{Map, Value, json};
use tango_token::{Check, CheckOutcome, Diagnosis};

use crate::client;
use crate::failure::{FAILURE, Failure};
use crate::options::Options;
use crate::output::{self, ERROR, GOOD, WARNING};
use crate::profile;

/// Longer than the name of each check.
const NAME_WIDTH: usize = 17;
const DETAIL_WIDTH: usize = 27;

#[derive(Args)]
#[command(after_help = "\
No token request is sent: the token endpoint gets one GET request, which cannot issue a token. The shared cache gets
entries under names that no client uses, which are removed again.

Exit status:
   0  no check failed; there can be warnings
   1  a check failed
   2  wrong usage")]
pub struct Doctor {
    /// Print a JSON object with all checks
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

impl Doctor {
    pub fn run(&self) -> Result<i32, Failure> {
        let mut config = self.options.flags()?;
        let mut diagnosis = match profile::load(&mut config) {
            Ok(()) => {
                client::choose_cache(&mut config);
                config.diagnose()?
            }
            Err(error) => Diagnosis::of_unreadable_configuration(&error),
        };
        self.name_sources(&mut diagnosis);
        if self.json {
            output::json(&document(&diagnosis))?;
        } else {
            print(&diagnosis)?;
        }
        Ok(if diagnosis.has_no_failure() { 0 } else { FAILURE })
    }

    /// Replaces the source that the library calls code: a flag, or `choose_cache`.
    fn name_sources(&self, diagnosis: &mut Diagnosis) {
        for (name, value) in diagnosis.checks.iter_mut().flat_map(|check| &mut check.details) {
            let is_chosen = name == "cache" && self.options.cache.is_none();
            if let Some(shown) = value.strip_suffix("(code)") {
                *value = format!("{shown}({})", if is_chosen { "default of this command" } else { "flag" });
            }
        }
    }
}

fn document(diagnosis: &Diagnosis) -> Value {
    let check = |check: &Check| {
        let details: Map<_, _> =
            check.details.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        json!({
            "name": check.name,
            "outcome": check.outcome.name(),
            "summary": check.summary,
            "details": details,
            "advice": check.advice,
        })
    };
    json!({
        "ok": diagnosis.has_no_failure(),
        "checks": diagnosis.checks.iter().map(check).collect::<Vec<_>>(),
        "advice": diagnosis.advice(),
    })
}

fn print(diagnosis: &Diagnosis) -> Result<(), Failure> {
    for check in &diagnosis.checks {
        let style = match check.outcome {
            CheckOutcome::Ok => GOOD,
            CheckOutcome::Warning => WARNING,
            CheckOutcome::Failure => ERROR,
            _ => anstyle::Style::new(),
        };
        let (outcome, name, summary) = (check.outcome.name(), check.name, &check.summary);
        output::line(format!("{style}{outcome:9}{style:#}{name:NAME_WIDTH$}{summary}"))?;
        for (name, value) in &check.details {
            output::line(format!("{:11}{name:DETAIL_WIDTH$}{value}", ""))?;
        }
    }
    let advice = diagnosis.advice();
    if advice.is_empty() {
        return output::line("\nNothing has to be done.");
    }
    output::line("\nWhat to do:")?;
    for (sentence, number) in advice.into_iter().zip(1..) {
        output::line(format!("{number:3}. {sentence}"))?;
    }
    Ok(())
}

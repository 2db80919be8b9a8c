//! The names by which errors call options: a variable or a key if the value comes from it, else the option.

use super::options::Options;
use super::origin::Origin;

impl Options {
    /// Makes errors call a required option that nobody has set by its variable.
    pub fn expect_in_environment(&mut self) {
        let is_unset = [
            ("environment", self.environment.is_none()),
            ("token_url", self.token_url.is_none()),
            ("client_id", self.client_id.is_none()),
            ("client_secret", self.client_secret.is_none()),
            ("username", self.username.is_none()),
            ("password", self.password.is_none()),
        ];
        let unset = is_unset.into_iter().filter(|(_, is_unset)| *is_unset).map(|(option, _)| option);
        self.origins.extend(unset.map(|option| (option, Origin::Variable)));
    }

    /// Returns how an error calls the value of an option: by the variable or the key that it comes from, or by the
    /// option's name.
    pub fn label(&self, option: &'static str) -> &'static str {
        match self.origin(option) {
            Some(Origin::Variable) => Self::variable(option),
            Some(Origin::Profile) => Self::profile_key(option),
            None => option,
        }
    }

    /// Returns where a value comes from. `None` if the program has set it.
    pub fn origin(&self, option: &str) -> Option<Origin> {
        self.origins.iter().find(|(name, _)| *name == option).map(|(_, origin)| *origin)
    }
}

//! The names by which errors call options: a variable if the value comes from it, else the option.

use super::options::Options;

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
        self.loaded.extend(is_unset.into_iter().filter(|(_, is_unset)| *is_unset).map(|(option, _)| option));
    }

    /// Returns how an error calls the value of an option: by the variable that it comes from, or by the option's name.
    pub fn label(&self, option: &'static str) -> &'static str {
        if self.loaded.contains(&option) { Self::variable(option) } else { option }
    }
}

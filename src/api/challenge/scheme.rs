//! The schemes with which tokens are sent.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Scheme {
    Dpop,
    Bearer,
    #[default]
    Other,
}

impl Scheme {
    pub fn of(name: &str) -> Self {
        match name {
            name if name.eq_ignore_ascii_case("DPoP") => Self::Dpop,
            name if name.eq_ignore_ascii_case("Bearer") => Self::Bearer,
            _ => Self::Other,
        }
    }
}

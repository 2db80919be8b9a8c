//! Where the value of an option comes from, if the program does not set it.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Variable,
    Profile,
}

//! `tango-token key`: the keys that tokens are bound to (RFC 9449).

use std::io::{self, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tango_token::{Algorithm, DpopKey};

use crate::failure::Failure;
use crate::files;
use crate::input::Input;
use crate::output;

#[derive(Subcommand)]
pub enum Key {
    /// Generate a private key, in PEM (PKCS#8)
    Generate(Generate),
    /// Print the public key as a JWK (RFC 7517)
    Show(KeyFile),
    /// Print the thumbprint of the public key (RFC 7638), which is the `jkt` of a token that is bound to it
    Thumbprint(KeyFile),
}

#[derive(Args)]
pub struct Generate {
    /// Signature algorithm
    #[arg(long, value_name = "ALGORITHM", default_value = "ES256", value_parser = algorithm(), ignore_case = true)]
    algorithm: Algorithm,
    /// File to write, which only you can read; an existing one is kept [default: standard output, if it is no terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print a JSON object with the thumbprint and the public JWK; needs --out
    #[arg(long, requires = "out")]
    json: bool,
}

#[derive(Args)]
pub struct KeyFile {
    /// Private key, in PEM or as a JWK; `-` is standard input
    file: Input,
}

fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(["ES256", "ES384", "EdDSA", "RS256", "PS256"]).try_map(|name| name.parse::<Algorithm>())
}

impl Key {
    pub fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Generate(generate) => generate.run(),
            Self::Show(file) => {
                let public: Option<Value> = serde_json::from_str(read(&file.file)?.public_jwk()).ok();
                output::json(&public.ok_or_else(|| Failure::new("the public key is not JSON"))?)
            }
            Self::Thumbprint(file) => output::line(read(&file.file)?.thumbprint()),
        }
    }
}

impl Generate {
    fn run(&self) -> Result<(), Failure> {
        if self.out.is_none() && io::stdout().is_terminal() {
            return Err(Failure::usage(
                "a private key does not belong on a terminal; write it to a file with --out FILE",
            ));
        }
        let key = DpopKey::generate(self.algorithm)?;
        let pem = key.to_pem()?;
        let Some(path) = &self.out else {
            return output::secret(pem.expose_secret().trim_end());
        };
        write(path, pem.expose_secret())?;
        if self.json {
            let public: Option<Value> = serde_json::from_str(key.public_jwk()).ok();
            return output::json(&json!({
                "file": path,
                "algorithm": key.algorithm().name(),
                "thumbprint": key.thumbprint(),
                "public_jwk": public,
            }));
        }
        output::line(format_args!("{} key in {}, thumbprint {}", key.algorithm(), path.display(), key.thumbprint()))
    }
}

fn write(path: &Path, pem: &str) -> Result<(), Failure> {
    files::create_new(path, pem).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::new(format!("{} exists, and a key in use must not be lost; name another file", path.display()))
        }
        _ => Failure::new(format!("{}: {error}", path.display())),
    })
}

/// Reads a private key, in PEM or as a JWK.
pub fn read(input: &Input) -> Result<DpopKey, Failure> {
    match input {
        Input::File(path) => Ok(DpopKey::from_file(path)?),
        Input::Stdin => {
            let text = input.read()?;
            let is_jwk = text.trim_start().starts_with('{');
            Ok(if is_jwk { DpopKey::from_jwk(&text) } else { DpopKey::from_pem(&text, None) }?)
        }
    }
}

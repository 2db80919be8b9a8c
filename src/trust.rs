//! The certificate authorities that TLS connections trust.
//!
//! They are read for each connection: a connection is made hours after the last one, its authorities may have been
//! replaced meanwhile, and a process that finds its token in the cache needs none.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use zeroize::Zeroizing;

use crate::input_file::{self, Expected, Pipe};
use crate::{causes, pem, tls_provider};

const FILE_VARIABLE: &str = "SSL_CERT_FILE";
const DIRECTORY_VARIABLE: &str = "SSL_CERT_DIR";

/// All authorities of the world have less than 1 MiB.
const AUTHORITIES: Expected = Expected {
    max_length: 16 * 1024 * 1024,
    too_long: "the file is larger than 16 MiB; name one that holds the certificates of authorities alone",
    check: |_, _| Ok(()),
    pipe: Pipe::Refused,
};

/// The place of the authorities. No error of a method repeats the content of a file.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// The file that an option names.
    File { option: &'static str, path: PathBuf },
    /// The file and the directories that the variables of OpenSSL name.
    Variables { file: Option<PathBuf>, directories: Vec<PathBuf> },
    /// The authorities that the system provides.
    System,
}

impl Trust {
    /// The authorities in the file that `option` names, which is read to see that it can be used.
    pub fn file(option: &'static str, path: &Path) -> Result<Self, String> {
        let trust = Self::File { option, path: path.to_owned() };
        trust.given_authorities()?;
        Ok(trust)
    }

    /// The authorities of the system, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name instead. Reads no file.
    pub fn system(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, String> {
        let file = lookup(FILE_VARIABLE).map(PathBuf::from);
        let directories = lookup(DIRECTORY_VARIABLE).map(|value| directories(&value));
        if let Some(file) = &file {
            check_file(file)?;
        }
        match (file, directories) {
            (None, None) => Ok(Self::System),
            (None, Some(directories)) if !directories.iter().any(|directory| directory.is_dir()) => {
                Err(format!("{DIRECTORY_VARIABLE} names no directory that exists; correct or unset it"))
            }
            (file, directories) => Ok(Self::Variables { file, directories: directories.unwrap_or_default() }),
        }
    }

    /// Reads the authorities and returns a configuration that trusts them.
    pub fn client_config(&self) -> Result<ClientConfig, String> {
        self.client_config_watched(|verifier| verifier)
    }

    /// Does the same with a verifier around the one that decides.
    pub fn client_config_watched(
        &self,
        watch: impl FnOnce(Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier>,
    ) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(tls_provider::shared());
        // TLS 1.2 and 1.3.
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let builder = builder.dangerous().with_custom_certificate_verifier(watch(self.verifier()?));
        Ok(builder.with_no_client_auth())
    }

    /// Reads the authorities and returns the verifier that trusts them.
    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let provider = tls_provider::shared();
        match self.given_authorities()? {
            Some(authorities) => {
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), provider).build();
                Ok(verifier.map_err(|error| error.to_string())?)
            }
            None => Verifier::new(provider).map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>).map_err(
                |error| {
                    format!(
                        "the certificate authorities of this machine cannot be used: {error}; \
                         install them (ca-certificates), or set ca_file or {FILE_VARIABLE}"
                    )
                },
            ),
        }
    }

    /// Returns the content of the file of authorities, if there is one, for a library that reads PEM.
    pub fn pem(&self) -> Result<Option<Vec<u8>>, String> {
        let (setting, path) = match self {
            Self::File { option, path } => (*option, path),
            Self::Variables { file: Some(path), .. } => (FILE_VARIABLE, path),
            Self::Variables { file: None, .. } | Self::System => return Ok(None),
        };
        let content = read(setting, path)?;
        // The redis crate parses it again, with a stricter parser.
        Ok(Some(pem::normalized(&content).to_vec()))
    }

    /// Reads the authorities, unless they are the system's.
    fn given_authorities(&self) -> Result<Option<RootCertStore>, String> {
        let mut authorities = RootCertStore::empty();
        match self {
            Self::File { option, path } => add_file(&mut authorities, option, path)?,
            Self::Variables { file, directories } => {
                if let Some(path) = file {
                    add_file(&mut authorities, FILE_VARIABLE, path)?;
                }
                // Directories also hold certificates that are damaged, outdated or no authorities, and other files.
                for directory in directories {
                    let found = rustls_native_certs::load_certs_from_paths(None, Some(directory));
                    authorities.add_parsable_certificates(found.certs);
                }
                if authorities.is_empty() {
                    return Err(format!("the directories of {DIRECTORY_VARIABLE} hold no PEM certificate"));
                }
            }
            Self::System => return Ok(None),
        }
        Ok(Some(authorities))
    }
}

/// Shows where the authorities are.
impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { option, path } => write!(f, "{} ({option})", path.display()),
            Self::Variables { file, directories } => {
                let file = file.iter().map(|path| format!("{} ({FILE_VARIABLE})", path.display()));
                let all = directories.iter().map(|path| format!("{} ({DIRECTORY_VARIABLE})", path.display()));
                f.write_str(&file.chain(all).collect::<Vec<_>>().join(", "))
            }
            Self::System => f.write_str("those of the system"),
        }
    }
}

fn directories(value: &OsString) -> Vec<PathBuf> {
    env::split_paths(value).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// Checks the file of the variable without reading it.
fn check_file(path: &Path) -> Result<(), String> {
    let problem = match fs::metadata(path) {
        _ if path.as_os_str().is_empty() => {
            return Err(format!("{FILE_VARIABLE} is empty; name a file of PEM certificates, or unset it"));
        }
        Ok(metadata) if metadata.is_dir() => format!("it is a directory, for which there is {DIRECTORY_VARIABLE}"),
        Ok(metadata) if !metadata.is_file() => input_file::SPECIAL.into(),
        Ok(metadata) if metadata.len() == 0 => "the file is empty".into(),
        Ok(_) => return Ok(()),
        Err(error) => causes::reason(&error),
    };
    Err(format!("{FILE_VARIABLE} {}: {problem}", path.display()))
}

fn read(setting: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    input_file::read(path, AUTHORITIES).map_err(|problem| format!("{setting} {}: {problem}", path.display()))
}

fn add_file(authorities: &mut RootCertStore, setting: &str, path: &Path) -> Result<(), String> {
    let problem = |what: &dyn std::fmt::Display| format!("{setting} {}: {what}", path.display());
    let content = read(setting, path)?;
    let certificates = pem::certificates(&content).map_err(|what| problem(&format_args!("the file {what}")))?;
    for (certificate, number) in certificates.into_iter().zip(1..) {
        let added = authorities.add(certificate);
        added.map_err(|_| problem(&format_args!("what its certificate {number} contains is not one of X.509")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(variables: &[(&str, &str)]) -> Result<Trust, String> {
        Trust::system(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    /// A file that the test run removes.
    fn file(name: &str, content: &[u8]) -> String {
        let path = env::temp_dir().join(format!("tango-trust-{}-{name}", std::process::id()));
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn variables_of_openssl_replace_the_authorities_of_the_system() {
        let authorities = file("authorities.pem", certificate().as_bytes());
        let directory = env::temp_dir().join(format!("tango-trust-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("ca.pem"), certificate()).unwrap();
        fs::write(directory.join("README"), "no certificate").unwrap();
        let directory = directory.to_str().unwrap();
        let count = |variables: &[(&str, &str)]| {
            system(variables).unwrap().given_authorities().unwrap().map(|authorities| authorities.len())
        };
        assert_eq!(count(&[]), None);
        assert_eq!(count(&[("SSL_CERT_FILE", &authorities)]), Some(1));
        let both = env::join_paths(["/nowhere", directory]).unwrap();
        assert_eq!(count(&[("SSL_CERT_DIR", both.to_str().unwrap())]), Some(1));
        assert_eq!(count(&[("SSL_CERT_FILE", &authorities), ("SSL_CERT_DIR", directory)]), Some(2));
        assert_eq!(count(&[("SSL_CERT_FILE", &authorities), ("SSL_CERT_DIR", "/nowhere")]), Some(1));
        fs::remove_file(authorities).unwrap();
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn variable_that_cannot_be_used_is_an_error_that_names_it() {
        let empty = file("empty.pem", b"");
        for (name, value) in [
            ("SSL_CERT_FILE", ""),
            ("SSL_CERT_FILE", "\"\""),
            ("SSL_CERT_FILE", "/nowhere.pem"),
            ("SSL_CERT_FILE", "/"),
            ("SSL_CERT_FILE", &empty),
            ("SSL_CERT_DIR", ""),
            ("SSL_CERT_DIR", "/nowhere:/dev/null"),
        ] {
            let problem = system(&[(name, value)]).unwrap_err();
            assert!(problem.starts_with(&format!("{name} ")), "{name}={value}: {problem}");
        }
        fs::remove_file(empty).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn file_that_is_a_pipe_or_has_no_end_is_refused_at_once() {
        let pipe = env::temp_dir().join(format!("tango-trust-{}-pipe", std::process::id()));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            let expected = format!("{}: it is a pipe or a device", path.display());
            let option = Trust::file("ca_file", path).unwrap_err();
            assert!(option.starts_with(&format!("ca_file {expected}")) && option.contains("regular file"), "{option}");
            let variable = system(&[("SSL_CERT_FILE", path.to_str().unwrap())]).unwrap_err();
            assert!(variable.starts_with(&format!("SSL_CERT_FILE {expected}")), "{variable}");
        }
        fs::remove_file(pipe).unwrap();
    }

    #[test]
    fn file_that_is_larger_than_all_authorities_of_the_world_is_refused() {
        let path = file("large.pem", b"");
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(16 * 1024 * 1024 + 1).unwrap();
        let problem = Trust::file("ca_file", Path::new(&path)).unwrap_err();
        assert!(problem.starts_with(&format!("ca_file {path}: the file is larger than 16 MiB; ")), "{problem}");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn content_of_the_file_is_checked_when_a_connection_is_made() {
        let path = file("later.pem", b"no certificate");
        let trust = system(&[("SSL_CERT_FILE", &path)]).unwrap();
        let problem = trust.client_config().unwrap_err();
        assert!(problem.starts_with(&format!("SSL_CERT_FILE {path}: ")), "{problem}");
        fs::write(&path, certificate()).unwrap();
        assert!(trust.client_config().is_ok());
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn file_of_an_option_is_checked_at_once_and_read_again() {
        let path = file("option.pem", certificate().as_bytes());
        let trust = Trust::file("ca_file", Path::new(&path)).unwrap();
        fs::write(&path, format!("{}{}", certificate(), certificate())).unwrap();
        assert_eq!(trust.given_authorities().unwrap().unwrap().len(), 2);
        let damaged = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
        for (content, what) in [
            ("", "the file is empty"),
            ("no certificate", "the file holds no PEM certificate"),
            (
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                "the file holds a PEM block that is damaged or has no end",
            ),
            (&damaged.replace("CERTIFICATE", "PRIVATE KEY"), "the file holds a private key, and no PEM certificate"),
            (damaged, "what its certificate 1 contains is not one of X.509"),
            (&format!("{}{damaged}", certificate()), "what its certificate 2 contains is not one of X.509"),
        ] {
            fs::write(&path, content).unwrap();
            let problem = Trust::file("ca_file", Path::new(&path)).unwrap_err();
            assert_eq!(problem, format!("ca_file {path}: {what}"));
        }
        fs::remove_file(path).unwrap();
    }
}

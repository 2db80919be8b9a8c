//! The shared cache that the configuration names, checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::options::Options;
use super::{CacheSource, authorities, characters};
use crate::store::{Blocking, FileCache, Names, Redis, RedisAddress, SharedCache, Store};
use crate::threads::Code;
use crate::workers::Workers;

/// A directory as errors show it.
const EXAMPLE: &str = if cfg!(windows) { r"file:C:\a\directory" } else { "file:/a/directory" };
/// A refresh needs one thread, and abandons it if a call hangs.
const MAX_WORKERS: u32 = 8;

#[derive(Clone)]
pub(crate) struct CacheSettings {
    place: Place,
    /// Whether a token is requested even if the cache cannot be used.
    pub allow_fetch_without_cache: bool,
    workers: Workers,
}

/// The kind of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheKind {
    /// The token is kept in the memory of each process. There is nothing to look at from outside.
    Memory,
    /// A directory.
    Directory,
    /// A Redis server or cluster.
    Redis,
    /// A custom cache.
    Custom,
}

/// The place of a cache, and how to reach it.
#[derive(Clone)]
pub(crate) enum Place {
    Memory,
    Directory(PathBuf),
    Redis(RedisAddress),
    Custom(Arc<dyn SharedCache>),
}

impl CacheSettings {
    /// Returns a store for one refresh, or `None` if the token is kept in memory only. Opens and connects nothing yet.
    pub fn store(&self, names: &Names) -> Option<Box<dyn Store>> {
        let names = names.clone();
        match &self.place {
            Place::Memory => None,
            Place::Directory(directory) => {
                let name = format!("the directory {}", directory.display());
                Some(self.blocking(Arc::new(FileCache::new(directory)), name, names))
            }
            Place::Redis(address) => Some(Box::new(Redis::new(address.clone(), names))),
            Place::Custom(cache) => Some(self.blocking(Arc::clone(cache), "the custom cache".into(), names)),
        }
    }

    /// Returns the cache as a person knows it, without passwords.
    pub fn name(&self) -> String {
        match &self.place {
            Place::Memory => "memory".into(),
            Place::Directory(directory) => format!("file:{}", directory.display()),
            Place::Redis(address) => format!("redis:{address}"),
            Place::Custom(_) => "custom".into(),
        }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn kind(&self) -> CacheKind {
        match &self.place {
            Place::Memory => CacheKind::Memory,
            Place::Directory(_) => CacheKind::Directory,
            Place::Redis(_) => CacheKind::Redis,
            Place::Custom(_) => CacheKind::Custom,
        }
    }

    fn blocking(&self, cache: Arc<dyn SharedCache>, name: String, names: Names) -> Box<dyn Store> {
        Box::new(Blocking::new(cache, name, names, self.workers.clone()))
    }

    pub fn passwords(&self) -> Vec<SecretString> {
        match &self.place {
            Place::Redis(address) => address.passwords().collect(),
            _ => Vec::new(),
        }
    }
}

impl Options {
    pub(super) fn resolve_cache(&self) -> Result<CacheSettings, String> {
        let place = match &self.cache {
            None => Place::Memory,
            Some(CacheSource::Custom(cache)) => Place::Custom(Arc::clone(cache)),
            Some(CacheSource::Named(name)) => self.resolve_place(name.expose_secret())?,
        };
        let code = if matches!(place, Place::Custom(_)) { Code::Program } else { Code::Library };
        Ok(CacheSettings {
            place,
            allow_fetch_without_cache: self.allow_fetch_without_cache.unwrap_or_default(),
            workers: Workers::new("tango-cache", code, MAX_WORKERS),
        })
    }

    /// No error repeats `name`: it may contain a password.
    fn resolve_place(&self, name: &str) -> Result<Place, String> {
        let label = self.label("cache");
        characters::name(name).map_err(|problem| format!("{label} {problem}"))?;
        match name.split_once(':') {
            None if name.is_empty() || name == "memory" => Ok(Place::Memory),
            None if name == "file" => FileCache::default_directory()
                .map(Place::Directory)
                .ok_or_else(|| format!("{label}: there is no home directory; name a directory ({EXAMPLE})")),
            Some(("file", path)) if Path::new(path).is_absolute() => Ok(Place::Directory(path.into())),
            Some(("file", _)) => Err(format!("{label}: the directory must be an absolute path ({EXAMPLE})")),
            Some(("redis" | "rediss", _)) => {
                let mut address =
                    RedisAddress::parse(name).map_err(|problem| format!("{label}: the address {problem}"))?;
                let (label, ca_file) = (self.label("cache_ca_file"), self.cache_ca_file.as_deref());
                address.trust(authorities::resolve(label, ca_file, address.has_tls())?);
                Ok(Place::Redis(address))
            }
            _ => Err(format!("{label} must be `memory`, `file`, `{EXAMPLE}`, or a redis:// or rediss:// URL")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Config;

    fn resolved(config: &Config) -> Result<CacheSettings, String> {
        config.set.resolve_cache()
    }

    fn named(cache: &str) -> Result<CacheSettings, String> {
        resolved(Config::new().cache(cache))
    }

    #[test]
    fn cache_is_chosen_by_name_directory_or_url() {
        for name in ["", "memory"] {
            assert!(matches!(named(name).unwrap().place, Place::Memory));
        }
        assert!(matches!(resolved(&Config::new()).unwrap().place, Place::Memory));
        let directory = EXAMPLE.strip_prefix("file:").unwrap();
        assert!(matches!(named(EXAMPLE).unwrap().place, Place::Directory(found) if found == Path::new(directory)));
        assert!(matches!(named("file").unwrap().place, Place::Directory(_)));
        for name in ["redis://localhost", "rediss://me:pw@host:1/2?cluster=true"] {
            assert!(matches!(named(name).unwrap().place, Place::Redis(_)), "{name}");
        }
        assert_eq!(named("rediss://me:hush@host").unwrap().passwords().len(), 1);
    }

    #[test]
    fn bad_cache_is_explained_and_not_repeated() {
        for name in [
            "file\n",
            "file:/hush ",
            "memory\0",
            " file",
            "hush",
            "file:hush",
            "file:",
            "redis://",
            "rediss://me:hush@host?hush=1",
            "http://hush",
        ] {
            let problem = named(name).err().unwrap();
            assert!(problem.starts_with("cache") && !problem.contains("hush"), "{problem}");
        }
        let problem = resolved(Config::new().cache("rediss://host").cache_ca_file("/no/such.pem")).err().unwrap();
        assert!(problem.starts_with("cache_ca_file /no/such.pem"), "{problem}");
    }

    #[test]
    fn byte_order_mark_before_a_cache_ca_file_is_ignored() {
        let authority = rcgen::generate_simple_self_signed(Vec::new()).unwrap().cert.pem();
        let path = std::env::temp_dir().join(format!("tango-cache-ca-{}.pem", std::process::id()));
        fs::write(&path, format!("\u{feff}{authority}")).unwrap();
        let settings = resolved(Config::new().cache("rediss://host").cache_ca_file(&path));
        fs::remove_file(path).unwrap();
        assert!(matches!(settings.unwrap().place, Place::Redis(_)));
    }
}

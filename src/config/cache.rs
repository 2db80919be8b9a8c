//! Which shared cache, checked.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::{CacheSource, Config};
use crate::store::{Blocking, FileCache, Names, Redis, RedisAddress, SharedCache, Store, Workers};

#[derive(Clone)]
pub(crate) struct CacheSettings {
    place: Place,
    /// Whether a token is fetched although the cache cannot be used.
    pub allow_fetch_without_cache: bool,
    workers: Workers,
}

#[derive(Clone)]
enum Place {
    Memory,
    Directory(PathBuf),
    Redis(RedisAddress),
    Custom(Arc<dyn SharedCache>),
}

impl CacheSettings {
    /// The store for one fetch; `None` where the token lives in memory alone. Opens and connects nothing yet.
    pub fn store(&self, names: &Names) -> Option<Box<dyn Store>> {
        let names = names.clone();
        match &self.place {
            Place::Memory => None,
            Place::Directory(folder) => Some(self.blocking(Arc::new(FileCache::new(folder.clone())), names)),
            Place::Redis(address) => Some(Box::new(Redis::new(address.clone(), names))),
            Place::Custom(cache) => Some(self.blocking(Arc::clone(cache), names)),
        }
    }

    fn blocking(&self, cache: Arc<dyn SharedCache>, names: Names) -> Box<dyn Store> {
        Box::new(Blocking::new(cache, names, self.workers.clone()))
    }

    pub fn passwords(&self) -> Vec<SecretString> {
        match &self.place {
            Place::Redis(address) => address.passwords().collect(),
            _ => Vec::new(),
        }
    }
}

impl Config {
    pub(super) fn resolve_cache(&self) -> Result<CacheSettings, String> {
        let place = match &self.cache {
            None => Place::Memory,
            Some(CacheSource::Custom(cache)) => Place::Custom(Arc::clone(cache)),
            Some(CacheSource::Named(name)) => self.resolve_place(name.expose_secret())?,
        };
        Ok(CacheSettings {
            place,
            allow_fetch_without_cache: self.allow_fetch_without_cache,
            workers: Workers::default(),
        })
    }

    /// What is not understood is not repeated: it may hold a password.
    fn resolve_place(&self, name: &str) -> Result<Place, String> {
        match name.split_once(':') {
            None if name.is_empty() || name == "memory" => Ok(Place::Memory),
            None if name == "file" => FileCache::default_directory()
                .map(Place::Directory)
                .ok_or_else(|| "cache: there is no home directory; name a folder (file:/a/folder)".into()),
            Some(("file", folder)) if folder.starts_with('/') => Ok(Place::Directory(folder.into())),
            Some(("file", _)) => Err("cache: the folder must be an absolute path (file:/a/folder)".into()),
            Some(("redis" | "rediss", _)) => {
                let mut address =
                    RedisAddress::parse(name).map_err(|problem| format!("cache: the address {problem}"))?;
                address.trust(self.read_cache_authorities()?);
                Ok(Place::Redis(address))
            }
            _ => Err("cache must be `memory`, `file`, `file:/a/folder`, or a redis:// or rediss:// URL".into()),
        }
    }

    fn read_cache_authorities(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(path) = &self.cache_ca_file else { return Ok(None) };
        super::settings::read_authorities(path).map_err(|problem| format!("cache_{problem}"))?;
        fs::read(path).map(Some).map_err(|error| format!("cache_ca_file {}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(cache: &str) -> Result<CacheSettings, String> {
        Config::new().cache(cache).resolve_cache()
    }

    #[test]
    fn a_cache_has_a_name_or_an_address() {
        for name in ["", "memory"] {
            assert!(matches!(resolved(name).unwrap().place, Place::Memory));
        }
        assert!(matches!(Config::new().resolve_cache().unwrap().place, Place::Memory));
        assert!(
            matches!(resolved("file:/a/b").unwrap().place, Place::Directory(folder) if folder.to_str() == Some("/a/b"))
        );
        assert!(matches!(resolved("file").unwrap().place, Place::Directory(_)));
        for name in ["redis://localhost", "rediss://me:pw@host:1/2?cluster=true"] {
            assert!(matches!(resolved(name).unwrap().place, Place::Redis(_)), "{name}");
        }
        assert_eq!(resolved("rediss://me:hush@host").unwrap().passwords().len(), 1);
    }

    #[test]
    fn a_bad_one_is_explained_and_never_repeated() {
        for name in ["hush", "file:hush", "file:", "redis://", "rediss://me:hush@host?hush=1", "http://hush"] {
            let problem = resolved(name).err().unwrap();
            assert!(problem.starts_with("cache") && !problem.contains("hush"), "{problem}");
        }
        let problem = Config::new().cache("rediss://host").cache_ca_file("/no/such.pem").resolve_cache().err().unwrap();
        assert!(problem.starts_with("cache_ca_file /no/such.pem"), "{problem}");
    }
}

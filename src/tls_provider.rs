//! The cryptography of TLS: that of rustls, inside sections, so that no forked child inherits its locks.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret,
    SupportedKxGroup,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, ProtocolVersion, SupportedProtocolVersion};

use crate::process::section::{self, GeneratorLocked, Section};

/// Returns the provider of a TLS connection.
pub(crate) fn shared() -> Arc<CryptoProvider> {
    Arc::new(provider())
}

/// Makes it the provider of libraries that ask for the default one, unless the program has chosen another.
pub(crate) fn install() {
    let _ = provider().install_default();
}

fn provider() -> CryptoProvider {
    let groups = [&X25519, &SECP256R1, &SECP384R1, &X25519MLKEM768];
    CryptoProvider {
        kx_groups: groups.map(|group| group as &dyn SupportedKxGroup).to_vec(),
        secure_random: &Random,
        ..default_provider()
    }
}

#[derive(Debug)]
struct Random;

impl SecureRandom for Random {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        let _section = section::enter().map_err(|_| GetRandomFailed)?;
        aws_lc_rs::rand::fill(buffer).map_err(|_| GetRandomFailed)
    }
}

/// A group whose keys are generated and used inside sections.
#[derive(Debug)]
struct Group(&'static dyn SupportedKxGroup);

static X25519: Group = Group(kx_group::X25519);
static SECP256R1: Group = Group(kx_group::SECP256R1);
static SECP384R1: Group = Group(kx_group::SECP384R1);
static X25519MLKEM768: Group = Group(kx_group::X25519MLKEM768);

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let _section = enter()?;
        Ok(Box::new(Exchange(self.0.start()?)))
    }

    fn start_and_complete(&self, peer_pub_key: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let _section = enter()?;
        self.0.start_and_complete(peer_pub_key)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        self.0.ffdhe_group()
    }

    fn name(&self) -> NamedGroup {
        self.0.name()
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        self.0.usable_for_version(version)
    }
}

struct Exchange(Box<dyn ActiveKeyExchange>);

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, Error> {
        let _section = enter()?;
        self.0.complete(peer_pub_key)
    }

    fn complete_for_tls_version(
        self: Box<Self>,
        peer_pub_key: &[u8],
        tls_version: &SupportedProtocolVersion,
    ) -> Result<SharedSecret, Error> {
        let _section = enter()?;
        self.0.complete_for_tls_version(peer_pub_key, tls_version)
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        self.0.hybrid_component()
    }

    fn complete_hybrid_component(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, Error> {
        let _section = enter()?;
        self.0.complete_hybrid_component(peer_pub_key)
    }

    fn pub_key(&self) -> &[u8] {
        self.0.pub_key()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        self.0.ffdhe_group()
    }

    fn group(&self) -> NamedGroup {
        self.0.group()
    }
}

fn enter() -> Result<Section, Error> {
    section::enter().map_err(|locked: GeneratorLocked| Error::General(locked.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_offers_the_groups_of_rustls() {
        let names = |provider: CryptoProvider| provider.kx_groups.iter().map(|group| group.name()).collect::<Vec<_>>();
        assert_eq!(names(provider()), names(default_provider()));
    }
}

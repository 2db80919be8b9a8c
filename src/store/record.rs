//! The plain text of a record: everything that another process needs to use the token.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use zeroize::{Zeroize, Zeroizing};

use super::clock_mapping::ClockMapping;
use crate::clock::BootTime;
use crate::dpop::{Binding, DpopKey};
use crate::policy::MAX_LIFETIME;
use crate::token::{Fitness, HeldToken, TokenHash, is_presentable};

/// A record from further in the future is not used: nobody knows how old its token is.
const MAX_CLOCK_ERROR: Duration = Duration::from_secs(3600);

/// A token from the shared cache.
pub(crate) struct Record {
    pub access_token: SecretString,
    /// The key that the token is bound to.
    pub key: Option<DpopKey>,
    pub scope: String,
    pub requested: BootTime,
    pub lifetime: Duration,
    /// How the token fits the client that reads the record.
    pub fitness: Fitness,
}

impl Record {
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.access_token.expose_secret())
    }
}

/// Returns the plain text of a record. It includes the private key that the token is bound to, if this process holds
/// it, so that other processes can use the token. The key of a custom signer cannot be included.
pub(super) fn write(held: &HeldToken, mapping: &ClockMapping) -> Zeroizing<Vec<u8>> {
    let (token, lifetime) = (held.token(), held.lifetime());
    let key = token.dpop_key();
    let private_key = key.and_then(|key| key.to_base64_pkcs8().ok());
    let plain_fields = json!({
        "clock": mapping.stamp(),
        "requested_ms": mapping.unix_ms(lifetime.requested()),
        "expires_ms": mapping.unix_ms(lifetime.expires()),
        "scope": token.scope(),
        "token_type": token.token_type(),
        "dpop_jkt": key.map(DpopKey::thumbprint),
        "dpop_alg": key.map(|key| key.algorithm().name()),
        "proof_ignored": held.fitness == Fitness::ProofIgnored,
    })
    .to_string();
    let private_key = private_key.as_ref().map(ExposeSecret::expose_secret);
    // Written by hand into a vector with enough capacity: a JSON library would leave copies of the secrets behind.
    let secrets = [("access_token", Some(token.value())), ("dpop_key", private_key)];
    let capacity = plain_fields.len()
        + secrets.iter().map(|(name, secret)| name.len() + 2 * secret.map_or(0, str::len) + 8).sum::<usize>();
    let mut plain = Zeroizing::new(Vec::with_capacity(capacity));
    plain.extend_from_slice(plain_fields.strip_suffix('}').unwrap_or_default().as_bytes());
    for (name, secret) in secrets.into_iter().filter_map(|(name, secret)| Some((name, secret?))) {
        plain.extend_from_slice(format!(",\"{name}\":").as_bytes());
        // Writing a string into memory cannot fail.
        let _ = serde_json::to_writer(&mut *plain, secret);
    }
    plain.push(b'}');
    plain
}

/// The reason why this client cannot use a record that it could open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnusableRecord {
    /// The record is not what this version writes.
    Malformed,
    /// The record has a Bearer token where a bound one is required, or a bound one where no proofs are made.
    WrongType,
    /// The token is bound to a key that this client does not have.
    UnknownKey,
    /// The token was requested in the future.
    FromTheFuture,
}

impl fmt::Display for UnusableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is malformed",
            Self::WrongType => {
                "its token type does not fit the DPoP mode of this client; configure the same mode everywhere"
            }
            Self::UnknownKey => {
                "it is bound to a key that this client does not have; configure the same key everywhere"
            }
            Self::FromTheFuture => {
                "it was written by a clock that is more than an hour ahead of this one; set the clocks right"
            }
        })
    }
}

/// Reads the plain text of a record for a client with this `binding`.
pub(super) fn read(plain: &[u8], mapping: &ClockMapping, binding: Option<&Binding>) -> Result<Record, UnusableRecord> {
    let mut fields = Fields::parse(plain).ok_or(UnusableRecord::Malformed)?;
    let mapping = mapping.corrected_by(fields.0.get("clock"));
    let access_token = fields.take_secret("access_token").ok_or(UnusableRecord::Malformed)?;
    let private_key = fields.take_secret("dpop_key");
    let string = |name: &str| fields.0.get(name).and_then(Value::as_str);
    let time = |name: &str| fields.0.get(name).and_then(Value::as_i64).ok_or(UnusableRecord::Malformed);
    let scope = string("scope").filter(|scope| !scope.contains(char::is_control)).ok_or(UnusableRecord::Malformed)?;
    let key = match (string("token_type").ok_or(UnusableRecord::Malformed)?, binding) {
        ("Bearer", None) => None,
        ("Bearer", Some(binding)) if !binding.required => None,
        ("DPoP", Some(binding)) => Some(key(string("dpop_jkt"), string("dpop_alg"), private_key.as_ref(), binding)?),
        ("Bearer" | "DPoP", _) => return Err(UnusableRecord::WrongType),
        _ => return Err(UnusableRecord::Malformed),
    };
    let (requested, expires) = (mapping.boot_time(time("requested_ms")?), mapping.boot_time(time("expires_ms")?));
    let lifetime = expires.since(requested);
    if !is_presentable(access_token.expose_secret()) || lifetime.is_zero() {
        return Err(UnusableRecord::Malformed);
    }
    // A request in the near future was sent by a process whose clock is ahead of this one.
    if requested > mapping.now().after(MAX_CLOCK_ERROR) {
        return Err(UnusableRecord::FromTheFuture);
    }
    let lifetime = lifetime.min(MAX_LIFETIME);
    let was_ignored = fields.0.get("proof_ignored").and_then(Value::as_bool) == Some(true);
    let fitness = fitness(key.as_ref(), was_ignored, binding);
    let requested = requested.min(mapping.now());
    Ok(Record { access_token, key, scope: scope.into(), requested, lifetime, fitness })
}

fn fitness(key: Option<&DpopKey>, was_proof_ignored: bool, binding: Option<&Binding>) -> Fitness {
    match (key, binding) {
        (None, _) if was_proof_ignored => Fitness::ProofIgnored,
        (None, Some(_)) => Fitness::NoProofSent,
        (Some(key), Some(binding)) if binding.is_configured && key.thumbprint() != binding.key.thumbprint() => {
            Fitness::OtherKey
        }
        _ => Fitness::Fits,
    }
}

/// Returns the client's own key if the token is bound to it, else the key in the record.
fn key(
    jkt: Option<&str>,
    algorithm: Option<&str>,
    private_key: Option<&SecretString>,
    binding: &Binding,
) -> Result<DpopKey, UnusableRecord> {
    let jkt = jkt.ok_or(UnusableRecord::Malformed)?;
    if binding.key.thumbprint() == jkt {
        return Ok(binding.key.clone());
    }
    let private_key = private_key.ok_or(UnusableRecord::UnknownKey)?;
    let algorithm = algorithm.and_then(crate::dpop::Algorithm::from_name).ok_or(UnusableRecord::Malformed)?;
    let der =
        STANDARD.decode(private_key.expose_secret()).map(Zeroizing::new).map_err(|_| UnusableRecord::Malformed)?;
    let key = DpopKey::from_pkcs8(&der, algorithm).map_err(|_| UnusableRecord::Malformed)?;
    if key.thumbprint() == jkt { Ok(key) } else { Err(UnusableRecord::Malformed) }
}

/// The fields of a record. Their strings are zeroised when they are dropped.
struct Fields(Map<String, Value>);

impl Fields {
    fn parse(plain: &[u8]) -> Option<Self> {
        match serde_json::from_slice(plain) {
            Ok(Value::Object(fields)) => Some(Self(fields)),
            _ => None,
        }
    }

    fn take_secret(&mut self, name: &str) -> Option<SecretString> {
        match self.0.remove(name) {
            Some(Value::String(secret)) => Some(secret.into()),
            _ => None,
        }
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        for field in self.0.values_mut() {
            if let Value::String(string) = field {
                string.zeroize();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::clock::manual::ManualClock;
    use crate::dpop::Algorithm;
    use crate::policy::TokenLifetime;
    use crate::token::HeldToken;

    const DAY: Duration = Duration::from_secs(86_400);

    fn written(clock: &Arc<ManualClock>, key: Option<&DpopKey>) -> Zeroizing<Vec<u8>> {
        let lifetime = TokenLifetime::new(clock.now(), DAY, 0.0);
        let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
        let held = HeldToken::new(&"the-\"token\"".into(), key.cloned(), "raas.all", lifetime, Arc::clone(&clock));
        write(&held, &ClockMapping::of_machine(&*clock))
    }

    fn binding(required: bool) -> Binding {
        Binding { key: DpopKey::generate(Algorithm::Es256).unwrap(), required, is_configured: false }
    }

    #[test]
    fn record_holds_the_token_and_its_remaining_lifetime() {
        let clock = Arc::new(ManualClock::new());
        let plain = written(&clock, None);
        clock.advance(DAY / 3);
        let record = read(&plain, &ClockMapping::of_machine(&*clock), None).unwrap();
        assert_eq!((record.access_token.expose_secret(), record.scope.as_str()), ("the-\"token\"", "raas.all"));
        assert_eq!((clock.now().since(record.requested), record.lifetime), (DAY / 3, DAY));
    }

    #[test]
    fn record_of_a_bound_token_holds_its_key_for_every_algorithm() {
        let clock = Arc::new(ManualClock::new());
        for algorithm in Algorithm::ALL {
            let key = DpopKey::generate(algorithm).unwrap();
            let record =
                read(&written(&clock, Some(&key)), &ClockMapping::of_machine(&*clock), Some(&binding(true))).unwrap();
            let found = record.key.unwrap();
            assert_eq!((found.thumbprint(), found.algorithm()), (key.thumbprint(), algorithm));
        }
    }

    #[test]
    fn key_of_a_custom_signer_is_not_in_the_record() {
        let clock = Arc::new(ManualClock::new());
        let own = DpopKey::generate(Algorithm::Es256).unwrap();
        let hidden = own.clone();
        let signer =
            DpopKey::from_signer(Algorithm::Es256, own.public_jwk(), move |message| Ok(hidden.sign_for_test(message)));
        let binding_of = |key: DpopKey| Binding { key, required: true, is_configured: false };
        let signer = signer.unwrap();
        let plain = written(&clock, Some(&signer));
        let mapping = ClockMapping::of_machine(&*clock);
        assert!(!String::from_utf8_lossy(&plain).contains("dpop_key"));
        assert!(
            read(&plain, &mapping, Some(&binding_of(signer))).unwrap().key.is_some(),
            "a client with the key can use the token"
        );
        assert_eq!(read(&plain, &mapping, Some(&binding(true))).err(), Some(UnusableRecord::UnknownKey));
    }

    #[test]
    fn token_of_a_type_that_the_client_does_not_accept_is_unusable() {
        let clock = Arc::new(ManualClock::new());
        let mapping = ClockMapping::of_machine(&*clock);
        let bearer = written(&clock, None);
        assert!(read(&bearer, &mapping, Some(&binding(false))).is_ok());
        assert_eq!(read(&bearer, &mapping, Some(&binding(true))).err(), Some(UnusableRecord::WrongType), "a downgrade");
        let bound = written(&clock, Some(&DpopKey::generate(Algorithm::Es256).unwrap()));
        assert_eq!(read(&bound, &mapping, None).err(), Some(UnusableRecord::WrongType));
    }

    /// The record of a token that is requested `ahead` from now and lives for `lifetime`, by a boot before this one.
    fn of_another_boot(clock: &Arc<ManualClock>, ahead: Duration, lifetime: Duration) -> Vec<u8> {
        let mut fields: Map<String, Value> = serde_json::from_slice(&written(clock, None)).unwrap();
        let requested = clock.wall_ms() + i64::try_from(ahead.as_millis()).unwrap();
        fields.insert("requested_ms".into(), requested.into());
        fields.insert("expires_ms".into(), (requested + i64::try_from(lifetime.as_millis()).unwrap()).into());
        fields.insert("clock".into(), json!({"boot_id": "another"}));
        Value::Object(fields).to_string().into_bytes()
    }

    /// The clock of a machine is set back by its restart: the record would look fresh until the clock has caught up.
    #[test]
    fn record_from_the_future_is_unusable_but_for_an_hour_of_clock_error() {
        let clock = Arc::new(ManualClock::new());
        let mapping = ClockMapping::of_machine(&*clock);
        let near = read(&of_another_boot(&clock, MAX_CLOCK_ERROR, DAY), &mapping, None).unwrap();
        assert_eq!((near.requested, near.lifetime), (clock.now(), DAY), "it is not younger than now");
        let far = of_another_boot(&clock, 2 * MAX_CLOCK_ERROR, DAY);
        assert_eq!(read(&far, &mapping, None).err(), Some(UnusableRecord::FromTheFuture));
    }

    #[test]
    fn lifetime_in_a_record_is_bounded() {
        let clock = Arc::new(ManualClock::new());
        let mapping = ClockMapping::of_machine(&*clock);
        let long = read(&of_another_boot(&clock, Duration::ZERO, 4000 * DAY), &mapping, None).unwrap();
        assert_eq!(long.lifetime, MAX_LIFETIME);
        let none = of_another_boot(&clock, Duration::ZERO, Duration::ZERO);
        assert_eq!(read(&none, &mapping, None).err(), Some(UnusableRecord::Malformed));
    }

    #[test]
    fn missing_or_invalid_fields_make_a_record_malformed() {
        let clock = Arc::new(ManualClock::new());
        let mapping = ClockMapping::of_machine(&*clock);
        let complete = written(&clock, None);
        for field in ["access_token", "scope", "token_type", "requested_ms", "expires_ms"] {
            let mut fields: Map<String, Value> = serde_json::from_slice(&complete).unwrap();
            for wrong in [None, Some(json!(true)), Some(json!("a\u{0}b"))] {
                match wrong {
                    None => fields.remove(field),
                    Some(value) => fields.insert(field.into(), value),
                };
                let plain = Value::Object(fields.clone()).to_string();
                assert_eq!(read(plain.as_bytes(), &mapping, None).err(), Some(UnusableRecord::Malformed), "{plain}");
            }
        }
        assert_eq!(read(b"[]", &mapping, None).err(), Some(UnusableRecord::Malformed));
    }
}

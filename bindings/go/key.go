package tangotoken

import (
	"fmt"
	"runtime"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// Key is a key pair for DPoP proofs (RFC 9449). It prints without its private key.
type Key struct {
	library *native.Library
	handle  *native.Handle[native.DPoPKey]
}

// GenerateKey generates a new key.
func GenerateKey(algorithm Algorithm) (*Key, error) {
	return newKey(func(library *native.Library, key *native.DPoPKey, failure *native.Error) {
		library.DPoPKeyGenerate(int32(algorithm), key, failure)
	})
}

// KeyFromPEM reads a private key in PEM: PKCS#8, SEC1 or PKCS#1, not encrypted. The algorithm 0 chooses the one that
// fits the key, PS256 for RSA.
func KeyFromPEM(pem string, algorithm Algorithm) (*Key, error) {
	return newKey(func(library *native.Library, key *native.DPoPKey, failure *native.Error) {
		library.DPoPKeyFromPEM(native.CString(pem), int32(algorithm), key, failure)
	})
}

// KeyFromJWK reads a private key from a JWK (RFC 7517). Its alg member, if present, is the signature algorithm.
func KeyFromJWK(jwk string) (*Key, error) {
	return newKey(func(library *native.Library, key *native.DPoPKey, failure *native.Error) {
		library.DPoPKeyFromJWK(native.CString(jwk), key, failure)
	})
}

// KeyFromFile reads a private key from a file, in PEM or as a JWK.
func KeyFromFile(path string) (*Key, error) {
	return newKey(func(library *native.Library, key *native.DPoPKey, failure *native.Error) {
		library.DPoPKeyFromFile(native.CString(path), key, failure)
	})
}

func newKey(read func(*native.Library, *native.DPoPKey, *native.Error)) (*Key, error) {
	library, err := native.Load()
	if err != nil {
		return nil, err
	}
	var raw native.DPoPKey
	var failure native.Error
	read(library, &raw, &failure)
	if err := taken(library, failure); err != nil {
		return nil, err
	}
	key := &Key{library: library, handle: native.Own(raw, library.DPoPKeyFree)}
	runtime.AddCleanup(key, (*native.Handle[native.DPoPKey]).Close, key.handle)
	return key, nil
}

// Algorithm returns the signature algorithm.
func (k *Key) Algorithm() Algorithm {
	defer runtime.KeepAlive(k)
	raw, done := lend(k.handle)
	defer done()
	return Algorithm(k.library.DPoPKeyAlgorithm(raw))
}

// PublicJWK returns the public key as a JWK, with its required members only.
func (k *Key) PublicJWK() string {
	return k.property(k.library.DPoPKeyPublicJWK)
}

// Thumbprint returns the RFC 7638 thumbprint: the jkt of tokens that are bound to this key.
func (k *Key) Thumbprint() string {
	return k.property(k.library.DPoPKeyThumbprint)
}

func (k *Key) property(get func(native.DPoPKey) *byte) string {
	defer runtime.KeepAlive(k)
	raw, done := lend(k.handle)
	defer done()
	return native.Copied(get(raw))
}

// PEM returns the private key as PKCS#8 in PEM: a secret. It fails with [ErrKeyRejected] for a key of [KeyFromSigner].
func (k *Key) PEM() (string, error) {
	defer runtime.KeepAlive(k)
	raw, done := lend(k.handle)
	defer done()
	var pem *byte
	var failure native.Error
	k.library.DPoPKeyToPEM(raw, &pem, &failure)
	return native.Copied(pem), taken(k.library, failure)
}

// Proof returns the DPoP header of one request, for tokens that do not come from a [Client].
//
// accessToken is the token that the request carries, "" for a token request. nonce is the DPoP-Nonce that this server
// sent last, "" if it sent none.
func (k *Key) Proof(method, url, accessToken, nonce string) (string, error) {
	defer runtime.KeepAlive(k)
	raw, done := lend(k.handle)
	defer done()
	var proof native.DPoPProof
	var failure native.Error
	k.library.DPoPProofNew(raw, native.CString(method), native.CString(url), native.OptionalCString(accessToken),
		native.OptionalCString(nonce), &proof, &failure)
	if err := taken(k.library, failure); err != nil {
		return "", err
	}
	defer k.library.DPoPProofFree(proof)
	return native.Copied(k.library.DPoPProofValue(proof)), nil
}

// setFor binds the tokens of a configuration to the key.
func (k *Key) setFor(config native.Config, failure *native.Error) {
	defer runtime.KeepAlive(k)
	raw, done := lend(k.handle)
	defer done()
	k.library.ConfigSetDPoPKey(config, raw, failure)
}

// Format writes the thumbprint, for every verb.
func (k *Key) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "DPoP key %s", k.Thumbprint())
}

// String returns what Format writes.
func (k *Key) String() string {
	return fmt.Sprint(k)
}

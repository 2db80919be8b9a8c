package tangotoken_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

func TestKeyIsReadFromPEMAndFileAndWrongKeysAreRefused(t *testing.T) {
	key, err := tangotoken.GenerateKey(tangotoken.AlgorithmES384)
	if err != nil {
		t.Fatal(err)
	}
	if key.Algorithm() != tangotoken.AlgorithmES384 || !json.Valid([]byte(key.PublicJWK())) || len(key.Thumbprint()) != 43 {
		t.Errorf("%v %s", key.Algorithm(), key.PublicJWK())
	}
	pem, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, []byte(pem), 0o600); err != nil {
		t.Fatal(err)
	}
	fromPEM, err := tangotoken.KeyFromPEM(pem, 0)
	if err != nil || fromPEM.Thumbprint() != key.Thumbprint() {
		t.Errorf("%v, %v", fromPEM, err)
	}
	fromFile, err := tangotoken.KeyFromFile(path)
	if err != nil || fromFile.Thumbprint() != key.Thumbprint() {
		t.Errorf("%v, %v", fromFile, err)
	}
	if _, err := tangotoken.KeyFromJWK(key.PublicJWK()); !errors.Is(err, tangotoken.ErrKeyRejected) {
		t.Errorf("%v", err)
	}
	if _, err := tangotoken.GenerateKey(99); !errors.Is(err, tangotoken.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	proof, err := key.Proof("POST", "https://server.example/token", "", "a-nonce")
	if err != nil || strings.Count(proof, ".") != 2 {
		t.Errorf("%q, %v", proof, err)
	}
	if _, err := key.Proof("", "https://server.example/token", "", ""); !errors.Is(err, tangotoken.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
}

// The server verifies the signatures with another library.
func TestServerAcceptsProofsOfEverySigner(t *testing.T) {
	server := start(t, "--dpop", "strict", "--dpop-nonce", "required", "--quota-window-seconds", "0")
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	check(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	for name, row := range map[string]struct {
		signer    crypto.Signer
		algorithm tangotoken.Algorithm
	}{
		"ES256": {p256, tangotoken.AlgorithmES256},
		"ES384": {p384, tangotoken.AlgorithmES384},
		"EdDSA": {ed, tangotoken.AlgorithmEdDSA},
		"RS256": {rsa2048, tangotoken.AlgorithmRS256},
		"PS256": {rsa2048, tangotoken.AlgorithmPS256},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := tangotoken.KeyFromSigner(row.signer, row.algorithm)
			check(t, err)
			config := configOf(server)
			config.DPoP, config.DPoPKey = tangotoken.DPoPRequired, key
			api := newAPI(t, config, server)
			if response, content := api.call(t, "GET", "/accounts", nil); response.StatusCode != 200 {
				t.Errorf("%s %s", response.Status, content)
			}
			if _, err := key.PEM(); !errors.Is(err, tangotoken.ErrKeyRejected) {
				t.Errorf("%v", err)
			}
		})
	}
	if refused := server.Statistic("dpop_proofs_refused"); refused != 0 {
		t.Errorf("%d proofs were refused", refused)
	}
	if _, err := tangotoken.KeyFromSigner(p256, tangotoken.AlgorithmEdDSA); !errors.Is(err, tangotoken.ErrKeyRejected) {
		t.Errorf("%v", err)
	}
}

func TestKeyFromSignerNamesWhatIsWrongWithTheSigner(t *testing.T) {
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	check(t, err)
	for wanted, signer := range map[string]crypto.Signer{
		"the signer is nil": nil,
		"the signer has a public key of type *ecdh.PublicKey, which": &otherKey{x25519.PublicKey()},
	} {
		_, err := tangotoken.KeyFromSigner(signer, tangotoken.AlgorithmES256)
		if !errors.Is(err, tangotoken.ErrKeyRejected) || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%v", err)
		}
	}
}

// otherKey is a signer with a public key that is not one of a signer.
type otherKey struct{ public crypto.PublicKey }

func (o *otherKey) Public() crypto.PublicKey { return o.public }

func (o *otherKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failingSigner is a signer that fails once it has a problem.
type failingSigner struct {
	crypto.Signer
	problem func() error
}

func (s *failingSigner) Sign(random io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	if s.problem != nil {
		return nil, s.problem()
	}
	return s.Signer.Sign(random, digest, options)
}

func TestProofFailsAndTheCauseIsLoggedWhenTheSignerFails(t *testing.T) {
	log := record(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	signer := &failingSigner{Signer: private}
	key, err := tangotoken.KeyFromSigner(signer, tangotoken.AlgorithmES256)
	check(t, err)
	for _, problem := range []func() error{
		func() error { return errors.New("the HSM is busy") },
		func() error { panic("the HSM is on fire") },
	} {
		signer.problem = problem
		if _, err := key.Proof("GET", "https://api.example/", "", ""); !errors.Is(err, tangotoken.ErrSigningFailed) {
			t.Errorf("%v", err)
		}
	}
	for _, wanted := range []string{"the HSM is busy", "the HSM is on fire"} {
		if !strings.Contains(log.String(), wanted) {
			t.Errorf("%s is not in the log: %s", wanted, log)
		}
	}
	if _, err := tangotoken.KeyFromSigner(signer, tangotoken.AlgorithmES256); !errors.Is(err, tangotoken.ErrSigningFailed) {
		t.Errorf("%v", err)
	}
}

package tangotoken

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/tango-token/tango-token/bindings/go/internal/native"
)

// KeyFromSigner creates a key whose private half stays in an HSM, a TPM or a key service, behind a [crypto.Signer].
//
// The signer is called once here, to check the key, and then once for each proof, also concurrently. Its errors are
// logged.
func KeyFromSigner(signer crypto.Signer, algorithm Algorithm) (*Key, error) {
	if signer == nil {
		return nil, &Error{Status: ErrKeyRejected, Message: "the signer is nil", RetryAfter: -1}
	}
	jwk, err := publicJWK(signer.Public())
	if err != nil {
		return nil, &Error{Status: ErrKeyRejected, Message: err.Error(), RetryAfter: -1}
	}
	return newKey(func(library *native.Library, key *native.DPoPKey, failure *native.Error) {
		number := signers.Put(signing{signer, algorithm})
		library.DPoPKeyFromSigner(int32(algorithm), native.CString(jwk), sign(), releaseSigner(), number, key, failure)
	})
}

type signing struct {
	signer    crypto.Signer
	algorithm Algorithm
}

// signers holds the signers in use, by the number that is their user_data.
var signers native.Table[signing]

var sign = sync.OnceValue(func() uintptr {
	return purego.NewCallback(func(number uintptr, message *byte, length uintptr, buffer *byte, capacity *uintptr) uintptr {
		return guarded("the signer of a DPoP key", func() error {
			signing, isKnown := signers.Get(number)
			if !isKnown {
				return errors.New("the key was freed")
			}
			signature, err := signing.sign(unsafe.Slice(message, length))
			if err != nil {
				return err
			}
			return copyOut(signature, buffer, capacity)
		})
	})
})

var releaseSigner = sync.OnceValue(func() uintptr {
	return purego.NewCallback(func(number uintptr) uintptr {
		signers.Take(number)
		return 0
	})
})

// sign signs as RFC 7518 section 3 and RFC 8037 section 3.1 require, but for ECDSA in DER, which the library accepts
// too.
func (s signing) sign(message []byte) ([]byte, error) {
	switch s.algorithm {
	case AlgorithmEdDSA:
		return s.signer.Sign(rand.Reader, append([]byte(nil), message...), crypto.Hash(0))
	case AlgorithmES384:
		return s.signDigest(message, crypto.SHA384, crypto.SHA384)
	case AlgorithmPS256:
		return s.signDigest(message, crypto.SHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	}
	return s.signDigest(message, crypto.SHA256, crypto.SHA256)
}

func (s signing) signDigest(message []byte, hash crypto.Hash, options crypto.SignerOpts) ([]byte, error) {
	digest := hash.New()
	digest.Write(message)
	return s.signer.Sign(rand.Reader, digest.Sum(nil), options)
}

// publicJWK returns a JWK with the members that RFC 7518 section 6 and RFC 8037 section 2 require.
func publicJWK(key crypto.PublicKey) (string, error) {
	encode := base64.RawURLEncoding.EncodeToString
	members := map[string]string{}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // the byte 4, then two coordinates of equal length
		if err != nil {
			return "", fmt.Errorf("the public key of the signer cannot be used: %w", err)
		}
		half := len(point) / 2
		members["kty"], members["crv"] = "EC", key.Params().Name
		members["x"], members["y"] = encode(point[1:1+half]), encode(point[1+half:])
	case ed25519.PublicKey:
		members["kty"], members["crv"], members["x"] = "OKP", "Ed25519", encode(key)
	case *rsa.PublicKey:
		members["kty"] = "RSA"
		members["n"], members["e"] = encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes())
	default:
		return "", fmt.Errorf("the signer has a public key of type %T, which cannot sign DPoP proofs: "+
			"it has to be an *ecdsa.PublicKey, an ed25519.PublicKey or an *rsa.PublicKey", key)
	}
	jwk, err := json.Marshal(members)
	return string(jwk), err
}

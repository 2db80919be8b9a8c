using System;
using System.Diagnostics;

namespace TangoToken
{
    /// <summary>A key pair for DPoP proofs (RFC 9449).</summary>
    /// <remarks>
    /// Safe for use by many threads. A private key that this process holds is erased with its last handle: this one, those of
    /// clients, and those of tokens. Dispose ends this handle; clients and tokens keep theirs. Where the native library is not found,
    /// what makes or reads a key throws a <see cref="DllNotFoundException"/> that says what to do.
    /// </remarks>
    [DebuggerDisplay("{ToString(),nq}")]
    public sealed class DpopKey : IDisposable
    {
        private readonly DpopKeyHandle handle;

        internal DpopKey(DpopKeyHandle handle)
        {
            this.handle = handle;
        }

        internal DpopKeyHandle Handle { get { return handle; } }

        /// <summary>Makes a new key.</summary>
        /// <param name="algorithm">How it signs.</param>
        /// <returns>The key, which the caller owns and disposes; so for every method that makes or reads one.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.InvalidArgument"/>: the algorithm is unknown.
        /// </exception>
        public static DpopKey Generate(DpopAlgorithm algorithm = DpopAlgorithm.ES256)
        {
            NativeLibraryLoader.Load();
            IntPtr key, error;
            NativeMethods.tango_dpop_key_generate((int)algorithm, out key, out error).OrThrow(error);
            return new DpopKey(new DpopKeyHandle(key));
        }

        /// <summary>Reads a private key in PEM: PKCS#8, SEC1 or PKCS#1, not encrypted.</summary>
        /// <param name="pem">The text: a secret.</param>
        /// <param name="algorithm">How it signs; <c>null</c> for what fits the key (PS256 for RSA).</param>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/>: the message says what is wrong with the key.
        /// </exception>
        public static DpopKey FromPem(string pem, DpopAlgorithm? algorithm = null)
        {
            NativeLibraryLoader.Load();
            byte[] text = Utf8.Encode(pem);
            IntPtr key, error;
            try
            {
                NativeMethods.tango_dpop_key_from_pem(text, (int)algorithm.GetValueOrDefault(), out key, out error).OrThrow(error);
            }
            finally
            {
                Utf8.Erase(text);
            }
            return new DpopKey(new DpopKeyHandle(key));
        }

        /// <summary>Reads a private key as a JWK (RFC 7517). Its <c>alg</c>, where it has one, says how it signs.</summary>
        /// <param name="jwk">The JSON text: a secret.</param>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/>: the message says what is wrong with the key.
        /// </exception>
        public static DpopKey FromJwk(string jwk)
        {
            NativeLibraryLoader.Load();
            byte[] text = Utf8.Encode(jwk);
            IntPtr key, error;
            try
            {
                NativeMethods.tango_dpop_key_from_jwk(text, out key, out error).OrThrow(error);
            }
            finally
            {
                Utf8.Erase(text);
            }
            return new DpopKey(new DpopKeyHandle(key));
        }

        /// <summary>Reads a private key from a file, in PEM or as a JWK.</summary>
        /// <param name="path">The file, readable by the program's user only.</param>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/>: the message names the file and what is wrong with it.
        /// </exception>
        public static DpopKey FromFile(string path)
        {
            NativeLibraryLoader.Load();
            IntPtr key, error;
            NativeMethods.tango_dpop_key_from_file(Utf8.Encode(path), out key, out error).OrThrow(error);
            return new DpopKey(new DpopKeyHandle(key));
        }

        /// <summary>A key that stays elsewhere, in an HSM, a TPM or a key service, behind a function that signs.</summary>
        /// <param name="algorithm">How it signs.</param>
        /// <param name="publicJwk">The public key as a JWK (RFC 7517).</param>
        /// <param name="sign">
        /// Signs a message: <c>R || S</c> or DER for ECDSA, else as RFC 7518 section 3 says. Called once here, and what it gives is
        /// verified; then once for each proof, on any thread, several at once. What it throws counts as no signature.
        /// </param>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/> or <see cref="TangoStatus.SigningFailed"/>: the message says what is wrong.
        /// </exception>
        public static DpopKey FromSigner(DpopAlgorithm algorithm, string publicJwk, Func<byte[], byte[]> sign)
        {
            if (sign == null)
                throw new ArgumentNullException("sign");
            NativeLibraryLoader.Load();
            byte[] jwk = Utf8.Encode(publicJwk);
            IntPtr key, error;
            // From here on the library ends the function, also when this call fails.
            NativeMethods.tango_dpop_key_from_signer(
                (int)algorithm, jwk, SignerCallback.Sign, SignerCallback.Release, Rooted.Add(sign), out key, out error)
                .OrThrow(error);
            return new DpopKey(new DpopKeyHandle(key));
        }

        /// <summary>How it signs.</summary>
        /// <exception cref="ObjectDisposedException">The key was disposed; so for every property.</exception>
        public DpopAlgorithm Algorithm { get { return (DpopAlgorithm)NativeMethods.tango_dpop_key_algorithm(handle); } }

        /// <summary>The public key as a JWK (RFC 7517), with its required members only.</summary>
        public string PublicJwk { get { return Utf8.Borrow(handle, NativeMethods.tango_dpop_key_public_jwk); } }

        /// <summary>The RFC 7638 thumbprint, the <c>jkt</c> that tokens are bound to (RFC 9449 section 6).</summary>
        public string Thumbprint { get { return Utf8.Borrow(handle, NativeMethods.tango_dpop_key_thumbprint); } }

        /// <summary>The private key as PKCS#8 in PEM: a secret.</summary>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/>: the key stays elsewhere.
        /// </exception>
        public string ToPem()
        {
            return Utf8.Borrow(handle, key =>
            {
                IntPtr pem, error;
                NativeMethods.tango_dpop_key_to_pem(key, out pem, out error).OrThrow(error);
                return pem;
            });
        }

        /// <summary>
        /// Makes a proof for one request (RFC 9449 section 4.2), for tokens from elsewhere: <see cref="TangoClient"/> makes its own.
        /// Every request, a repeated one too, needs another.
        /// </summary>
        /// <param name="method">The method as it is sent.</param>
        /// <param name="url">The URL that the request goes to.</param>
        /// <param name="accessToken">The token that the request presents; <c>null</c> for a token request.</param>
        /// <param name="nonce">The <c>DPoP-Nonce</c> that this server gave last; <c>null</c> if it gave none.</param>
        /// <returns>The value of the <c>DPoP</c> header.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.InvalidArgument"/> for what no proof can hold, <see cref="TangoStatus.SigningFailed"/> where the key
        /// made no signature.
        /// </exception>
        public string CreateProof(string method, string url, string accessToken = null, string nonce = null)
        {
            IntPtr proof, error;
            byte[] token = Utf8.Encode(accessToken);
            try
            {
                NativeMethods.tango_dpop_proof_new(
                    handle, Utf8.Encode(method), Utf8.Encode(url), token, Utf8.Encode(nonce), out proof, out error).OrThrow(error);
            }
            finally
            {
                Utf8.Erase(token);
            }
            using (var owned = new DpopProofHandle(proof))
                return Utf8.Borrow(owned, NativeMethods.tango_dpop_proof_value);
        }

        /// <summary>The algorithm and the thumbprint; never the private key.</summary>
        public override string ToString()
        {
            return handle.IsClosed ? "a DPoP key that was disposed" : Algorithm + " key " + Thumbprint;
        }

        /// <summary>Ends this handle. Can be called again.</summary>
        public void Dispose()
        {
            handle.Dispose();
        }
    }
}

using System;
using System.Diagnostics;

namespace TangoToken
{
    /// <summary>A key pair for DPoP proofs (RFC 9449).</summary>
    /// <remarks>
    /// Thread-safe. Dispose releases this handle; clients and tokens have handles of their own, and the private key is
    /// erased with the last one. If the native library is not found, the methods that create or read a key throw a
    /// <see cref="DllNotFoundException"/> that says what to do.
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

        /// <summary>Generates a new key.</summary>
        /// <param name="algorithm">The signature algorithm.</param>
        /// <returns>The key, which the caller disposes.</returns>
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
        /// <param name="pem">The key as a PEM string: a secret.</param>
        /// <param name="algorithm">
        /// The signature algorithm; <c>null</c> chooses the one that fits the key (PS256 for RSA).
        /// </param>
        /// <returns>The key, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/>: the message says what is wrong with the key.
        /// </exception>
        public static DpopKey FromPem(string pem, DpopAlgorithm? algorithm = null)
        {
            NativeLibraryLoader.Load();
            byte[] text = Utf8.Encode(pem, "pem");
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

        /// <summary>
        /// Reads a private key from a JWK (RFC 7517). Its <c>alg</c> member, if present, is the signature algorithm.
        /// </summary>
        /// <param name="jwk">The JWK as JSON: a secret.</param>
        /// <returns>The key, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/>: the message says what is wrong with the key.
        /// </exception>
        public static DpopKey FromJwk(string jwk)
        {
            NativeLibraryLoader.Load();
            byte[] text = Utf8.Encode(jwk, "jwk");
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
        /// <param name="path">The file, which only the program's user may read.</param>
        /// <returns>The key, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/>: the message names the file and what is wrong with it.
        /// </exception>
        public static DpopKey FromFile(string path)
        {
            NativeLibraryLoader.Load();
            IntPtr key, error;
            NativeMethods.tango_dpop_key_from_file(Utf8.Encode(path, "path"), out key, out error).OrThrow(error);
            return new DpopKey(new DpopKeyHandle(key));
        }

        /// <summary>Creates a key whose private half stays in an HSM, a TPM or a key service.</summary>
        /// <param name="algorithm">The signature algorithm.</param>
        /// <param name="publicJwk">The public key as a JWK (RFC 7517).</param>
        /// <param name="sign">
        /// Returns the signature of a message: for ECDSA <c>R || S</c> or DER, otherwise as RFC 7518 section 3 defines
        /// it. It is called once here, to check the key, and then once for each proof, on any thread and concurrently.
        /// If it throws, signing fails.
        /// </param>
        /// <returns>The key, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/> or <see cref="TangoStatus.SigningFailed"/>: the message says what is
        /// wrong.
        /// </exception>
        public static DpopKey FromSigner(DpopAlgorithm algorithm, string publicJwk, Func<byte[], byte[]> sign)
        {
            if (sign == null)
                throw new ArgumentNullException("sign");
            NativeLibraryLoader.Load();
            byte[] jwk = Utf8.Encode(publicJwk, "publicJwk");
            IntPtr key, error;
            // The library calls Release exactly once, also if this call fails.
            NativeMethods.tango_dpop_key_from_signer(
                (int)algorithm, jwk, SignerCallback.Sign, SignerCallback.Release, Rooted.Add(sign), out key, out error)
                .OrThrow(error);
            return new DpopKey(new DpopKeyHandle(key));
        }

        /// <summary>The signature algorithm.</summary>
        /// <exception cref="ObjectDisposedException">The key was disposed; every property throws it.</exception>
        public DpopAlgorithm Algorithm { get { return (DpopAlgorithm)NativeMethods.tango_dpop_key_algorithm(handle); } }

        /// <summary>The public key as a JWK (RFC 7517), with its required members only.</summary>
        public string PublicJwk { get { return Utf8.Borrow(handle, NativeMethods.tango_dpop_key_public_jwk); } }

        /// <summary>The RFC 7638 thumbprint, the <c>jkt</c> that tokens are bound to (RFC 9449 section 6).</summary>
        public string Thumbprint { get { return Utf8.Borrow(handle, NativeMethods.tango_dpop_key_thumbprint); } }

        /// <summary>Returns the private key as PKCS#8 in PEM: a secret.</summary>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.KeyRejected"/>: the private key is not available, because the key comes from
        /// <c>FromSigner</c>.
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
        /// Creates a proof for one request (RFC 9449 section 4.2), for tokens that do not come from a
        /// <see cref="TangoClient"/>. Each request needs a new proof, also if it is repeated.
        /// </summary>
        /// <param name="method">The HTTP method, exactly as it is sent.</param>
        /// <param name="url">The URL of the request.</param>
        /// <param name="accessToken">The token that the request carries; <c>null</c> for a token request.</param>
        /// <param name="nonce">The <c>DPoP-Nonce</c> that this server sent last; <c>null</c> if it sent none.</param>
        /// <returns>The value of the <c>DPoP</c> header.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.InvalidArgument"/>: an argument is not valid;
        /// <see cref="TangoStatus.SigningFailed"/>: the key could not sign.
        /// </exception>
        public string CreateProof(string method, string url, string accessToken = null, string nonce = null)
        {
            IntPtr proof, error;
            byte[] token = Utf8.Encode(accessToken, "accessToken");
            try
            {
                NativeMethods.tango_dpop_proof_new(
                    handle, Utf8.Encode(method, "method"), Utf8.Encode(url, "url"), token, Utf8.Encode(nonce, "nonce"), out proof, out error).OrThrow(error);
            }
            finally
            {
                Utf8.Erase(token);
            }
            using (var owned = new DpopProofHandle(proof))
                return Utf8.Borrow(owned, NativeMethods.tango_dpop_proof_value);
        }

        /// <summary>Returns the algorithm and the thumbprint, never the private key.</summary>
        public override string ToString()
        {
            return handle.IsClosed ? "a DPoP key that was disposed" : Algorithm + " key " + Thumbprint;
        }

        /// <summary>Releases this handle. Can be called more than once.</summary>
        public void Dispose()
        {
            handle.Dispose();
        }
    }
}

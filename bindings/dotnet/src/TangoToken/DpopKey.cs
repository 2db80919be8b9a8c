using System.Diagnostics;
using System.Security.Cryptography;
using TangoToken.Native;

namespace TangoToken;

/// <summary>
/// A key pair for DPoP proofs (RFC 9449), to which tokens are bound. It can be used by any number of threads and
/// clients.
/// </summary>
/// <example>
/// <code>
/// using DpopKey key = DpopKey.FromFile("/etc/tango/key.pem");
/// using var client = new TangoTokenClient(new TangoTokenClientOptions { Dpop = DpopMode.Required, ... }, key);
/// </code>
/// </example>
[DebuggerDisplay("{ToString(),nq}")]
public sealed class DpopKey : IDisposable
{
    private readonly DpopKeyHandle handle;

    internal DpopKey(DpopKeyHandle handle, SignerCallbacks? signer = null)
    {
        this.handle = handle;
        Algorithm = (DpopAlgorithm)NativeMethods.tango_dpop_key_algorithm(handle);
        PublicJwk = NativeMethods.tango_dpop_key_public_jwk(handle)!;
        Thumbprint = NativeMethods.tango_dpop_key_thumbprint(handle)!;
        Signer = signer is not null && signer.SignsFor(Thumbprint) ? signer : null;
    }

    /// <summary>Generates a key.</summary>
    /// <param name="algorithm">The signature algorithm.</param>
    /// <returns>The key, which the caller disposes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The algorithm is not a <see cref="DpopAlgorithm"/>.</exception>
    public static DpopKey Generate(DpopAlgorithm algorithm = DpopAlgorithm.ES256)
    {
        Require(algorithm);
        NativeLibraryLoader.Load();
        NativeMethods.tango_dpop_key_generate((int)algorithm, out nint key, out nint error).ThrowIfFailed(error);
        return new DpopKey(new DpopKeyHandle(key));
    }

    /// <summary>Reads an unencrypted private key in PEM: PKCS#8, SEC1 or PKCS#1.</summary>
    /// <param name="pem">The key.</param>
    /// <param name="algorithm">
    /// The signature algorithm; <c>null</c> for the one that fits the key, which is <see cref="DpopAlgorithm.PS256"/>
    /// for RSA.
    /// </param>
    /// <returns>The key, which the caller disposes.</returns>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.KeyRejected"/>: the message says what the string holds instead of such a key.
    /// </exception>
    public static DpopKey FromPem(string pem, DpopAlgorithm? algorithm = null)
    {
        RequireString(pem, nameof(pem));
        if (algorithm is { } given)
            Require(given);
        NativeLibraryLoader.Load();
        NativeMethods.tango_dpop_key_from_pem(pem, (int)(algorithm ?? 0), out nint key, out nint error)
            .ThrowIfFailed(error);
        return new DpopKey(new DpopKeyHandle(key));
    }

    /// <summary>
    /// Reads a private key as a JWK (RFC 7517), whose <c>alg</c> member, if it has one, chooses the algorithm, or as a
    /// JWK Set with one key.
    /// </summary>
    /// <param name="jwk">The key.</param>
    /// <returns>The key, which the caller disposes.</returns>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.KeyRejected"/>: the message says what is wrong with the key.
    /// </exception>
    public static DpopKey FromJwk(string jwk)
    {
        RequireString(jwk, nameof(jwk));
        NativeLibraryLoader.Load();
        NativeMethods.tango_dpop_key_from_jwk(jwk, out nint key, out nint error).ThrowIfFailed(error);
        return new DpopKey(new DpopKeyHandle(key));
    }

    /// <summary>
    /// Reads a private key from a file, in PEM or as a JWK. Refuses a file that every user of the machine can write to.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <returns>The key, which the caller disposes.</returns>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.KeyRejected"/>: the message names the file and says what is wrong with it.
    /// </exception>
    public static DpopKey FromFile(string path)
    {
        RequireString(path, nameof(path));
        NativeLibraryLoader.Load();
        NativeMethods.tango_dpop_key_from_file(path, out nint key, out nint error).ThrowIfFailed(error);
        return new DpopKey(new DpopKeyHandle(key));
    }

    /// <summary>Creates a key from an <see cref="ECDsa"/> key on P-256 or P-384.</summary>
    /// <param name="key">
    /// The key. Its private part is copied if it can be exported. Otherwise <paramref name="key"/> signs, for one proof
    /// at a time, and must not be disposed while the new key is in use.
    /// </param>
    /// <returns>The key, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The key is on another curve.</exception>
    public static DpopKey FromKey(ECDsa key)
    {
        ArgumentNullException.ThrowIfNull(key);
        ECParameters parameters = key.ExportParameters(includePrivateParameters: false);
        // Some providers name a curve, others give its number.
        (DpopAlgorithm algorithm, string curve, HashAlgorithmName hash) = parameters.Curve.Oid switch
        {
            { Value: "1.2.840.10045.3.1.7" } or { FriendlyName: "nistP256" or "ECDSA_P256" } =>
                (DpopAlgorithm.ES256, "P-256", HashAlgorithmName.SHA256),
            { Value: "1.3.132.0.34" } or { FriendlyName: "nistP384" or "ECDSA_P384" } =>
                (DpopAlgorithm.ES384, "P-384", HashAlgorithmName.SHA384),
            _ => throw new ArgumentException("The key has to be on the curve P-256 or P-384.", nameof(key)),
        };
        string jwk = $$"""
            {"kty":"EC","crv":"{{curve}}","x":"{{Base64Url(parameters.Q.X!)}}","y":"{{Base64Url(parameters.Q.Y!)}}"}
            """;
        return FromKey(key, algorithm, jwk, message => key.SignData(message, hash));
    }

    /// <summary>Creates a key from an <see cref="RSA"/> key of at least 2,048 bits.</summary>
    /// <param name="key">
    /// The key. Its private part is copied if it can be exported. Otherwise <paramref name="key"/> signs, for one proof
    /// at a time, and must not be disposed while the new key is in use.
    /// </param>
    /// <param name="algorithm"><see cref="DpopAlgorithm.PS256"/> or <see cref="DpopAlgorithm.RS256"/>.</param>
    /// <returns>The key, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The algorithm is not for RSA keys.</exception>
    public static DpopKey FromKey(RSA key, DpopAlgorithm algorithm = DpopAlgorithm.PS256)
    {
        ArgumentNullException.ThrowIfNull(key);
        RSASignaturePadding padding = algorithm switch
        {
            DpopAlgorithm.PS256 => RSASignaturePadding.Pss,
            DpopAlgorithm.RS256 => RSASignaturePadding.Pkcs1,
            _ => throw new ArgumentException("An RSA key signs with PS256 or RS256.", nameof(algorithm)),
        };
        RSAParameters parameters = key.ExportParameters(includePrivateParameters: false);
        string jwk = $$"""
            {"kty":"RSA","n":"{{Base64Url(parameters.Modulus!)}}","e":"{{Base64Url(parameters.Exponent!)}}"}
            """;
        return FromKey(key, algorithm, jwk, message => key.SignData(message, HashAlgorithmName.SHA256, padding));
    }

    /// <summary>Creates a key whose private part stays in an HSM, a TPM or a key service.</summary>
    /// <param name="algorithm">The signature algorithm.</param>
    /// <param name="publicJwk">The public key as a JWK (RFC 7517).</param>
    /// <param name="sign">
    /// Returns the signature of a message: for ECDSA <c>R || S</c> or DER, otherwise as RFC 7518 section 3 defines it.
    /// It is called once here, to check the key, and then once for each proof, on any thread and concurrently. What it
    /// throws becomes the inner exception of a <see cref="TangoTokenException"/>. A proof is signed on the thread of a
    /// blocking call, unless that call can be cancelled, and on a thread of the pool for an asynchronous one.
    /// </param>
    /// <returns>The key, which the caller disposes.</returns>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.KeyRejected"/> or <see cref="TangoTokenErrorCode.SigningFailed"/>: the message
    /// says what is wrong.
    /// </exception>
    public static DpopKey FromSigner(DpopAlgorithm algorithm, string publicJwk, Func<byte[], byte[]> sign)
    {
        Require(algorithm);
        RequireString(publicJwk, nameof(publicJwk));
        ArgumentNullException.ThrowIfNull(sign);
        NativeLibraryLoader.Load();
        var signer = new SignerCallbacks(sign);
        return new DpopKey(signer.CreateKey(algorithm, publicJwk), signer);
    }

    /// <summary>Gets the signature algorithm.</summary>
    public DpopAlgorithm Algorithm { get; }

    /// <summary>Gets the public key as a JWK (RFC 7517), with its required members only.</summary>
    public string PublicJwk { get; }

    /// <summary>Gets the JWK thumbprint (RFC 7638), the <c>jkt</c> that tokens are bound to.</summary>
    public string Thumbprint { get; }

    /// <summary>Returns the private key as PKCS#8 in PEM: a secret.</summary>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.KeyRejected"/>: the key signs by a function, and its private part is not here.
    /// </exception>
    public unsafe string ExportPkcs8PrivateKeyPem()
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        bool isAdded = false;
        try
        {
            // The string belongs to the key, which another thread may dispose.
            handle.DangerousAddRef(ref isAdded);
            NativeMethods.tango_dpop_key_to_pem(handle, out byte* pem, out nint error).ThrowIfFailed(error);
            return Utf8StringMarshaller.ConvertToManaged(pem)!;
        }
        finally
        {
            if (isAdded)
                handle.DangerousRelease();
        }
    }

    /// <summary>
    /// Makes a proof for one request (RFC 9449 section 4.2), for tokens that do not come from a
    /// <see cref="TangoTokenClient"/>. Each request needs a new proof, even one that is sent again.
    /// </summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="uri">The URL of the request.</param>
    /// <param name="accessToken">The token that the request presents; <c>null</c> for a token request.</param>
    /// <param name="nonce">The <c>DPoP-Nonce</c> that this server sent last; <c>null</c> if it sent none.</param>
    /// <returns>The value of the <c>DPoP</c> header.</returns>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.SigningFailed"/>: the key made no signature.
    /// </exception>
    public string CreateProof(HttpMethod method, Uri uri, string? accessToken = null, string? nonce = null)
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        (string sentMethod, string url) = RequestTarget.Of(method, uri);
        Utf8StringMarshaller.Require(accessToken, nameof(accessToken));
        Utf8StringMarshaller.Require(nonce, nameof(nonce));
        NativeMethods.tango_dpop_proof_new(handle, sentMethod, url, accessToken, nonce, out nint proof, out nint error)
            .ThrowIfFailed(error, new CallbackFailures(Signer, null));
        using var owned = new DpopProofHandle(proof);
        return NativeMethods.tango_dpop_proof_value(owned)!;
    }

    /// <summary>Returns the algorithm and the thumbprint, never the private key.</summary>
    public override string ToString() => $"{Algorithm} key {Thumbprint}";

    /// <summary>
    /// Releases this handle. Clients that were created with the key keep it. Can be called more than once.
    /// </summary>
    public void Dispose() => handle.Dispose();

    internal DpopKeyHandle Handle => handle;

    /// <summary>The callbacks of a custom signer; null if the library holds the private key.</summary>
    internal SignerCallbacks? Signer { get; }

    private static DpopKey FromKey(
        AsymmetricAlgorithm key, DpopAlgorithm algorithm, string publicJwk, Func<byte[], byte[]> sign)
    {
        string? pem = null;
        try
        {
            pem = key.ExportPkcs8PrivateKeyPem();
        }
        catch (Exception exception) when (exception is CryptographicException or NotSupportedException)
        {
            // A store or a device keeps the private part.
        }
        if (pem is not null)
            return FromPem(pem, algorithm);
        var gate = new object();
        return FromSigner(algorithm, publicJwk, message =>
        {
            // Keys of .NET are not made for several threads at once.
            lock (gate)
                return sign(message);
        });
    }

    private static void RequireString(string value, string name)
    {
        ArgumentNullException.ThrowIfNull(value, name);
        Utf8StringMarshaller.Require(value, name);
    }

    private static void Require(DpopAlgorithm algorithm)
    {
        if (!Enum.IsDefined(algorithm))
            throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "The value is not a DpopAlgorithm.");
    }

    private static string Base64Url(byte[] bytes) =>
        Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}

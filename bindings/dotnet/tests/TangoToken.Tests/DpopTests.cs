using System.Security.Cryptography;

namespace TangoToken.Tests;

public class DpopTests
{
    [Fact]
    public async Task Strict_server_issues_a_bound_token_and_a_challenge_asks_for_a_retry()
    {
        using var sandbox = new Sandbox("--dpop strict --dpop-nonce required");
        TangoTokenClientOptions options = sandbox.Options();
        options.Dpop = DpopMode.Required;
        using var client = new TangoTokenClient(options);
        TangoAccessToken token = await client.GetTokenAsync();
        using DpopKey key = token.GetDpopKey()!;
        Assert.Equal("DPoP", token.TokenType);
        Assert.Equal(DpopAlgorithm.ES256, key.Algorithm);
        RequestAuthorization first = await client.AuthorizeAsync(HttpMethod.Get, sandbox.Accounts);
        Assert.Contains("a nonce is required", sandbox.Call(sandbox.Accounts, first), StringComparison.Ordinal);
        Assert.True(client.ShouldRetry(first, 401, "a-nonce", "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"", null));
        RequestAuthorization second = await client.AuthorizeRetryAsync(first);
        Assert.Equal("a-nonce", (string?)Proof.Payload(second.Dpop!)["nonce"]);
        RequestAuthorization third = client.AuthorizeRetry(first);
        Assert.Equal(3, new[] { first, second, third }.Select(made => made.Dpop).Distinct().Count());
        Assert.Equal(1, sandbox.Count("tokens_issued"));
    }

    [Theory]
    [InlineData(DpopMode.Off, "Bearer")]
    [InlineData(DpopMode.Optional, "DPoP")]
    [InlineData(DpopMode.Required, "DPoP")]
    public void API_accepts_the_headers_of_every_mode(DpopMode mode, string scheme)
    {
        using var sandbox = new Sandbox();
        TangoTokenClientOptions options = sandbox.Options();
        options.Dpop = mode;
        using var client = new TangoTokenClient(options);
        RequestAuthorization authorization = client.Authorize(HttpMethod.Get, sandbox.Accounts);
        Assert.Contains("sandbox-account", sandbox.Call(sandbox.Accounts, authorization), StringComparison.Ordinal);
        Assert.False(client.ShouldRetry(authorization, 200, null, null, null));
        Assert.Equal(scheme, authorization.Scheme);
        Assert.Equal(mode == DpopMode.Off, authorization.Dpop is null);
    }

    [Fact]
    public void Bearer_token_is_refused_when_DPoP_is_required()
    {
        using var sandbox = new Sandbox("--dpop-downgrade --quota-window-seconds 0");
        TangoTokenClientOptions options = sandbox.Options();
        options.Dpop = DpopMode.Required;
        using var strict = new TangoTokenClient(options);
        Expect.Error(TangoTokenErrorCode.Downgraded, () => strict.GetToken());
        options.Dpop = DpopMode.Optional;
        using var tolerant = new TangoTokenClient(options);
        Assert.Equal("Bearer", tolerant.GetToken().TokenType);
    }

    [Theory]
    [InlineData(DpopAlgorithm.ES256)]
    [InlineData(DpopAlgorithm.ES384)]
    [InlineData(DpopAlgorithm.EdDSA)]
    public void Key_is_the_same_when_written_and_read(DpopAlgorithm algorithm)
    {
        using var directory = new TemporaryDirectory();
        using DpopKey made = DpopKey.Generate(algorithm);
        string pem = made.ExportPkcs8PrivateKeyPem();
        using DpopKey read = DpopKey.FromPem(pem);
        using DpopKey filed = DpopKey.FromFile(directory.Write("key.pem", pem));
        foreach (DpopKey key in new[] { read, filed })
        {
            Assert.Equal(algorithm, key.Algorithm);
            Assert.Equal(made.Thumbprint, key.Thumbprint);
            Assert.Equal(made.PublicJwk, key.PublicJwk);
        }
        Assert.Contains(made.Thumbprint, made.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void String_or_file_that_is_no_key_is_rejected()
    {
        Expect.Error(TangoTokenErrorCode.KeyRejected, () => DpopKey.FromPem("no key"));
        Expect.Error(TangoTokenErrorCode.KeyRejected, () => DpopKey.FromJwk("{}"));
        Assert.Contains("/nowhere", Expect.Error(
            TangoTokenErrorCode.KeyRejected, () => DpopKey.FromFile("/nowhere")).Message, StringComparison.Ordinal);
        Assert.Equal("pem", Assert.Throws<ArgumentNullException>(() => DpopKey.FromPem(null!)).ParamName);
        Assert.Equal("jwk", Assert.Throws<ArgumentNullException>(() => DpopKey.FromJwk(null!)).ParamName);
        Assert.Equal("path", Assert.Throws<ArgumentNullException>(() => DpopKey.FromFile(null!)).ParamName);
    }

    [Fact]
    public void ECDsa_and_RSA_keys_of_NET_make_proofs_that_verify()
    {
        using var p256 = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var rsa = RSA.Create(2048);
        using var unexportable = new UnexportableEcdsa(p256);
        RequireVerifiedProof(DpopKey.FromKey(p256), DpopAlgorithm.ES256, (data, signature) => p256.VerifyData(
            data, signature, HashAlgorithmName.SHA256));
        RequireVerifiedProof(DpopKey.FromKey(p384), DpopAlgorithm.ES384, (data, signature) => p384.VerifyData(
            data, signature, HashAlgorithmName.SHA384));
        RequireVerifiedProof(DpopKey.FromKey(rsa), DpopAlgorithm.PS256, (data, signature) => rsa.VerifyData(
            data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pss));
        RequireVerifiedProof(DpopKey.FromKey(rsa, DpopAlgorithm.RS256), DpopAlgorithm.RS256, (data, signature) =>
            rsa.VerifyData(data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
        RequireVerifiedProof(DpopKey.FromKey(unexportable), DpopAlgorithm.ES256, (data, signature) => p256.VerifyData(
            data, signature, HashAlgorithmName.SHA256));

        using var p521 = ECDsa.Create(ECCurve.NamedCurves.nistP521);
        Assert.ThrowsAny<ArgumentException>(() => DpopKey.FromKey(p521));
        Assert.ThrowsAny<ArgumentException>(() => DpopKey.FromKey(rsa, DpopAlgorithm.ES256));
    }

    private static void RequireVerifiedProof(DpopKey key, DpopAlgorithm algorithm, Func<byte[], byte[], bool> verify)
    {
        using (key)
        {
            Assert.Equal(algorithm, key.Algorithm);
            string proof = key.CreateProof(HttpMethod.Get, new Uri("https://api.example/"));
            int dot = proof.LastIndexOf('.');
            string signature = proof[(dot + 1)..].Replace('-', '+').Replace('_', '/');
            Assert.True(verify(
                System.Text.Encoding.ASCII.GetBytes(proof[..dot]),
                Convert.FromBase64String(signature.PadRight((signature.Length + 3) / 4 * 4, '='))));
        }
    }

    /// <summary>A key whose private part cannot be read, as in a certificate store.</summary>
    private sealed class UnexportableEcdsa(ECDsa key) : ECDsa
    {
        public override byte[] SignHash(byte[] hash) => key.SignHash(hash);

        public override bool VerifyHash(byte[] hash, byte[] signature) => key.VerifyHash(hash, signature);

        public override ECParameters ExportParameters(bool includePrivateParameters) => includePrivateParameters
            ? throw new CryptographicException("the private part cannot be read")
            : key.ExportParameters(false);
    }

    [Fact]
    public void Proof_names_url_token_and_nonce()
    {
        using DpopKey key = DpopKey.Generate();
        var payload = Proof.Payload(
            key.CreateProof(HttpMethod.Get, new Uri("https://api.example/path?query"), "a-token", "a-nonce"));
        Assert.Equal("https://api.example/path", (string?)payload["htu"]);
        Assert.Equal("a-nonce", (string?)payload["nonce"]);
        Assert.Equal(
            Convert.ToBase64String(SHA256.HashData("a-token"u8)).TrimEnd('=').Replace('+', '-').Replace('/', '_'),
            (string?)payload["ath"]);
        Assert.Equal("uri", Assert.ThrowsAny<ArgumentException>(
            () => key.CreateProof(HttpMethod.Get, new Uri("relative", UriKind.Relative))).ParamName);
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(() => key.CreateProof(HttpMethod.Get, new Uri("https://api.example/")));
        Assert.Contains(key.Thumbprint, key.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_can_be_shown_while_another_thread_disposes_it()
    {
        for (int round = 0; round < 200; round++)
        {
            DpopKey key = DpopKey.Generate();
            Task disposing = Task.Run(key.Dispose);
            Assert.Contains(key.Thumbprint, key.ToString(), StringComparison.Ordinal);
            await disposing;
            Assert.Contains(key.Thumbprint, key.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Client_keeps_its_key_when_the_caller_disposes_it()
    {
        using var sandbox = new Sandbox("--dpop strict");
        TangoTokenClientOptions options = sandbox.Options();
        options.Dpop = DpopMode.Required;
        DpopKey key = DpopKey.Generate(DpopAlgorithm.EdDSA);
        using var client = new TangoTokenClient(options, key);
        key.Dispose();
        using DpopKey bound = client.GetToken().GetDpopKey()!;
        Assert.Equal(key.Thumbprint, bound.Thumbprint);
    }

    [Theory]
    [InlineData(DpopAlgorithm.ES256)]
    [InlineData(DpopAlgorithm.RS256)]
    public async Task Strict_server_accepts_proofs_of_a_custom_signer_until_it_is_gone(DpopAlgorithm algorithm)
    {
        using var directory = new TemporaryDirectory();
        var hsm = new OpenSslKey(directory.Path, algorithm);
        using var sandbox = new Sandbox("--dpop strict --quota-window-seconds 0");
        TangoTokenClientOptions options = sandbox.Options();
        options.Dpop = DpopMode.Required;
        using DpopKey custom = DpopKey.FromSigner(algorithm, hsm.PublicJwk, hsm.Sign);
        using var client = new TangoTokenClient(options, custom);
        Assert.Equal(1, hsm.Signatures);
        TangoAccessToken token = await client.GetTokenAsync();
        using DpopKey bound = token.GetDpopKey()!;
        Assert.Equal(custom.Thumbprint, bound.Thumbprint);
        RequestAuthorization authorization = await client.AuthorizeAsync(HttpMethod.Get, sandbox.Accounts);
        Assert.Contains("sandbox-account", sandbox.Call(sandbox.Accounts, authorization), StringComparison.Ordinal);
        Expect.Error(TangoTokenErrorCode.KeyRejected, () => bound.ExportPkcs8PrivateKeyPem());
        Assert.Equal(3, hsm.Signatures);

        hsm.IsGone = true;
        TangoTokenException error = Expect.Error(
            TangoTokenErrorCode.SigningFailed, () => client.Authorize(HttpMethod.Get, sandbox.Accounts));
        Assert.Equal("the HSM is gone", Assert.IsType<InvalidOperationException>(error.InnerException).Message);
        error = await Expect.ErrorAsync(
            TangoTokenErrorCode.SigningFailed, () => client.AuthorizeAsync(HttpMethod.Get, sandbox.Accounts).AsTask());
        Assert.IsType<InvalidOperationException>(error.InnerException);
        error = Expect.Error(
            TangoTokenErrorCode.SigningFailed, () => custom.CreateProof(HttpMethod.Get, sandbox.Accounts));
        Assert.IsType<InvalidOperationException>(error.InnerException);
    }

    [Fact]
    public void Exception_of_a_signer_is_the_inner_exception_and_a_wrong_result_is_described()
    {
        using DpopKey key = DpopKey.Generate();
        string jwk = key.PublicJwk;
        var thrown = new TimeoutException("the HSM takes too long");
        TangoTokenException Failure(Func<byte[], byte[]> sign) => Assert.ThrowsAny<TangoTokenException>(
            () => DpopKey.FromSigner(DpopAlgorithm.ES256, jwk, sign));

        Assert.Same(thrown, Failure(_ => throw thrown).InnerException);
        TangoTokenException ofNull =
            Failure(_ => null!), ofEmpty = Failure(_ => []), ofLong = Failure(_ => new byte[1_000_000]);
        Assert.Contains("null", ofNull.Message, StringComparison.Ordinal);
        Assert.Contains("empty", ofEmpty.Message, StringComparison.Ordinal);
        Assert.Contains("1000000", ofLong.Message, StringComparison.Ordinal);
        byte[] message = [];
        TangoTokenException ofWrong = Failure(signed =>
        {
            message = signed;
            return new byte[64];
        });
        Assert.Equal(TangoTokenErrorCode.KeyRejected, ofWrong.ErrorCode);
        Assert.NotEmpty(message);
        Assert.Null(ofWrong.InnerException);
    }
}

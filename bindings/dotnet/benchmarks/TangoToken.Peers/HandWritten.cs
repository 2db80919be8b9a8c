using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Serialization;

/// <summary>What many programs have: one token in a field, requested again shortly before it expires.</summary>
internal sealed class HandWrittenTokens(HttpClient http) : IDisposable
{
    private readonly SemaphoreSlim gate = new(1);
    private volatile Held? held;

    internal async ValueTask<string> GetTokenAsync(CancellationToken cancellationToken = default)
    {
        if (held is { } current && current.RefreshAt > DateTimeOffset.UtcNow)
            return current.Token;
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (held is { } other && other.RefreshAt > DateTimeOffset.UtcNow)
                return other.Token;
            using var content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "password",
                ["client_id"] = Variable("CLIENT_ID"),
                ["client_secret"] = Variable("CLIENT_SECRET"),
                ["username"] = Variable("USERNAME"),
                ["password"] = Variable("PASSWORD"),
                ["scope"] = "raas.all",
                ["audience"] = "https://api.tangocard.com/",
            });
            using HttpResponseMessage response = await http.PostAsync(new Uri(Variable("TOKEN_URL")), content, cancellationToken);
            response.EnsureSuccessStatusCode();
            TokenResponse? token = await response.Content.ReadFromJsonAsync(
                TokenContext.Default.TokenResponse, cancellationToken);
            held = new Held(token!.AccessToken, DateTimeOffset.UtcNow.AddSeconds(token.ExpiresIn - 60));
            return token.AccessToken;
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Creates an HTTP client that trusts the sandbox.</summary>
    internal static HttpClient Trusting()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(Variable("CA_FILE"));
        return new HttpClient(new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy }, UseProxy = false });
    }

    public void Dispose() => gate.Dispose();

    private static string Variable(string name) => Environment.GetEnvironmentVariable("TANGO_" + name)!;

    private sealed record Held(string Token, DateTimeOffset RefreshAt);
}

internal sealed record TokenResponse(
    [property: JsonPropertyName("access_token")] string AccessToken, [property: JsonPropertyName("expires_in")] int ExpiresIn);

[JsonSerializable(typeof(TokenResponse))]
internal sealed partial class TokenContext : JsonSerializerContext;

/// <summary>A proof of RFC 9449 by the shortest way with ECDsa.</summary>
internal sealed class HandWrittenProofs : IDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly string header;

    internal HandWrittenProofs()
    {
        ECPoint point = key.ExportParameters(false).Q;
        header = Encode(Encoding.UTF8.GetBytes(
            $$$"""{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"{{{Encode(point.X)}}}","y":"{{{Encode(point.Y)}}}"}}"""));
    }

    internal byte[] SignBare(byte[] data) => key.SignData(data, HashAlgorithmName.SHA256);

    internal string Create(string method, Uri uri, string token)
    {
        string ath = Encode(SHA256.HashData(Encoding.ASCII.GetBytes(token)));
        string payload = Encode(Encoding.UTF8.GetBytes(
            $$"""{"jti":"{{Guid.NewGuid()}}","htm":"{{method}}","htu":"{{uri.GetLeftPart(UriPartial.Path)}}","iat":{{DateTimeOffset.UtcNow.ToUnixTimeSeconds()}},"ath":"{{ath}}"}"""));
        string signed = $"{header}.{payload}";
        return $"{signed}.{Encode(SignBare(Encoding.ASCII.GetBytes(signed)))}";
    }

    public void Dispose() => key.Dispose();

    private static string Encode(byte[]? data) => System.Buffers.Text.Base64Url.EncodeToString(data);
}

/// <summary>Adds a token that a function returns, and a proof where there is one to make.</summary>
internal sealed class HandWrittenHandler(
    Func<CancellationToken, ValueTask<string>> getToken, HandWrittenProofs? proofs, HttpMessageHandler inner)
    : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string token = await getToken(cancellationToken);
        request.Headers.Authorization = new AuthenticationHeaderValue(proofs is null ? "Bearer" : "DPoP", token);
        if (proofs is not null)
            request.Headers.Add("DPoP", proofs.Create(request.Method.Method, request.RequestUri!, token));
        return await base.SendAsync(request, cancellationToken);
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Identity.Client;

namespace TangoToken.Benchmarks;

/// <summary>An API that takes no time.</summary>
internal sealed class Responder : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken) =>
        Task.FromResult(Send(request, cancellationToken));

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
        new(HttpStatusCode.OK) { RequestMessage = request };
}

/// <summary>The least that a program can do: it never refreshes, checks no origin and learns nothing.</summary>
internal sealed class HandWrittenHandler(string token, HandWrittenProof? proof, HttpMessageHandler inner)
    : DelegatingHandler(inner)
{
    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue(proof is null ? "Bearer" : "DPoP", token);
        if (proof is not null)
            request.Headers.Add("DPoP", proof.Create(request.Method.Method, request.RequestUri!, token));
        return base.SendAsync(request, cancellationToken);
    }
}

/// <summary>MSAL with a token in its memory.</summary>
internal sealed class MsalToken(string token)
{
    private static readonly string[] Scopes = ["https://api.example/.default"];

    private readonly IConfidentialClientApplication application = ConfidentialClientApplicationBuilder
        .Create("client").WithClientSecret("secret").WithInstanceDiscovery(false)
        .WithAuthority("https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111")
        .WithHttpClientFactory(new Factory(token)).Build();

    internal Task<AuthenticationResult> GetAsync(CancellationToken cancellationToken) =>
        application.AcquireTokenForClient(Scopes).ExecuteAsync(cancellationToken);

    private sealed class Factory(string token) : IMsalHttpClientFactory
    {
        public HttpClient GetHttpClient() => new(new TokenServer(token));
    }

    private sealed class TokenServer(string token) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            string json = $$"""{"token_type":"Bearer","expires_in":86400,"access_token":"{{token}}"}""";
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(json) });
        }
    }
}

/// <summary>A proof (RFC 9449) as .NET code without a library makes it.</summary>
internal sealed class HandWrittenProof : IDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly string header;

    internal HandWrittenProof()
    {
        ECPoint point = key.ExportParameters(includePrivateParameters: false).Q;
        var jwk = new { kty = "EC", crv = "P-256", x = Base64Url(point.X!), y = Base64Url(point.Y!) };
        header = Base64Url(JsonSerializer.SerializeToUtf8Bytes(new { typ = "dpop+jwt", alg = "ES256", jwk }));
    }

    internal string Create(string method, Uri uri, string token)
    {
        byte[] claims = JsonSerializer.SerializeToUtf8Bytes(new
        {
            jti = Base64Url(RandomNumberGenerator.GetBytes(16)),
            htm = method,
            htu = uri.GetLeftPart(UriPartial.Path),
            iat = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            ath = Base64Url(SHA256.HashData(Encoding.ASCII.GetBytes(token))),
        });
        string signed = $"{header}.{Base64Url(claims)}";
        return $"{signed}.{Base64Url(Sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    internal byte[] Sign(byte[] data) => key.SignData(data, HashAlgorithmName.SHA256);

    public void Dispose() => key.Dispose();

    private static string Base64Url(byte[] bytes) =>
        Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}

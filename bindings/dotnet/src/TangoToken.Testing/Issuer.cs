using System.Net;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace TangoToken.Testing;

/// <summary>
/// What a fake client knows in the place of servers: which token is held, which was rejected, and which error is due.
/// Its caller has the lock.
/// </summary>
internal sealed partial class Issuer(TimeProvider time)
{
    private readonly HashSet<string> rejected = [];
    private readonly HashSet<string> replacements = [];
    private readonly ConditionalWeakTable<RequestAuthorization, Sent> requests = [];
    private Func<TangoTokenException>? failure;
    private int? failuresLeft;
    private string? nonce;
    private int proofs;
    private TangoAccessToken? token;

    internal TimeSpan Lifetime { get; set; } = TimeSpan.FromHours(24);

    internal bool IsBound { get; set; }

    internal Uri? ApiUrl { get; set; }

    internal IList<Uri> AllowedOrigins { get; } = [];

    internal int Issued { get; private set; }

    /// <summary>The token that is held, unless it has expired or is to be replaced.</summary>
    internal TangoAccessToken? Held =>
        token is not null && token.ExpiresAt > time.GetUtcNow()
        && !(rejected.Contains(token.Value) && CanReplace(token.Value))
            ? token
            : null;

    private bool Fails => failure is not null && failuresLeft != 0;

    internal void Hold(TangoAccessToken? held) => token = held;

    internal void Fail(Func<TangoTokenException>? exception, int? times) =>
        (failure, failuresLeft) = (exception, times);

    internal TangoAccessToken Acquire()
    {
        if (Fails)
        {
            failuresLeft--;
            throw failure!();
        }
        if (Held is { } held)
            return held;
        bool isReplacement = token is not null && rejected.Contains(token.Value);
        Issued++;
        DateTimeOffset expiresAt = time.GetUtcNow() + Lifetime;
        token = new TangoAccessToken($"fake-token-{Issued}", IsBound ? "DPoP" : "Bearer", "raas.all", expiresAt);
        if (isReplacement)
            replacements.Add(token.Value);
        return token;
    }

    internal void Reject(TangoAccessToken other) => rejected.Add(other.Value);

    internal RequestAuthorization Authorize(HttpMethod method, Uri uri) =>
        Authorize(new Sent { Method = method, Uri = uri });

    internal RequestAuthorization AuthorizeRetry(RequestAuthorization earlier) => Authorize(Find(earlier) with { });

    internal bool ShouldRetry(RequestAuthorization authorization, int status, string? newNonce, string? challenges)
    {
        if (!requests.TryGetValue(authorization, out Sent? sent))
            return false;
        nonce = newNonce ?? nonce;
        if (status != (int)HttpStatusCode.Unauthorized)
            return false;
        Match found = ErrorCode().Match(challenges ?? "");
        string? code = found.Success ? found.Groups[1].Value.ToLowerInvariant() : null;
        switch (code)
        {
            case "use_dpop_nonce" when authorization.Dpop is not null && !sent.RetriedForNonce && nonce != sent.Nonce:
                return sent.RetriedForNonce = true;
            case "invalid_token":
                rejected.Add(authorization.Parameter);
                if (sent.RetriedForToken || !CanReplace(authorization.Parameter))
                    break;
                return sent.RetriedForToken = true;
        }
        throw Refusal(code);
    }

    private void CheckTarget(Uri uri)
    {
        if (!uri.IsAbsoluteUri || uri.Scheme is not ("http" or "https"))
            throw Exception(TangoTokenErrorCode.InvalidArgument, $"an absolute URL of HTTP is needed, not {uri}");
        if (ApiUrl is null || AllowedOrigins.Append(ApiUrl).Any(allowed => Origin(allowed) == Origin(uri)))
            return;
        throw Exception(
            TangoTokenErrorCode.InvalidArgument,
            $"{Origin(uri)} may not receive tokens: it is neither that of ApiUrl nor one of AllowedOrigins");
    }

    private RequestAuthorization Authorize(Sent request)
    {
        CheckTarget(request.Uri);
        TangoAccessToken current = Acquire();
        string? proof = current.TokenType == "DPoP" ? $"fake-proof-{++proofs}" : null;
        var authorization = new RequestAuthorization(current.TokenType, current.Value, proof);
        request.Nonce = nonce;
        requests.Add(authorization, request);
        return authorization;
    }

    private Sent Find(RequestAuthorization authorization) =>
        requests.TryGetValue(authorization, out Sent? sent)
            ? sent
            : throw new ArgumentException("The authorization was not made by this client.", nameof(authorization));

    // A replacement that is rejected as well is not replaced, and nothing is while the next call would fail.
    private bool CanReplace(string value) =>
        (token is not null && token.Value != value) || (!replacements.Contains(value) && !Fails);

    private static string Origin(Uri uri) => uri.GetLeftPart(UriPartial.Authority);

    private static TangoTokenException Refusal(string? code) => code switch
    {
        "use_dpop_nonce" or "invalid_dpop_proof" =>
            Exception(TangoTokenErrorCode.ProofRefused, $"the API refuses the DPoP proof ({code})", code),
        "invalid_token" => Exception(
            TangoTokenErrorCode.TokenRefused, "the API rejects the token, and there is no other to try", code),
        _ => Exception(
            TangoTokenErrorCode.TokenRefused, "the API refuses the request (HTTP 401); the token is kept", code),
    };

    private static TangoTokenException Exception(
        TangoTokenErrorCode code, string message, string? oauthError = null) =>
        new(message)
        {
            ErrorCode = code,
            OAuthError = oauthError,
            StatusCode = code == TangoTokenErrorCode.InvalidArgument ? null : HttpStatusCode.Unauthorized,
        };

    [GeneratedRegex("""\berror\s*=\s*"?(\w+)""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ErrorCode();

    /// <summary>A request that has headers. Each reason to send it again counts once.</summary>
    private sealed record Sent
    {
        public required HttpMethod Method { get; init; }

        public required Uri Uri { get; init; }

        public string? Nonce { get; set; }

        public bool RetriedForNonce { get; set; }

        public bool RetriedForToken { get; set; }
    }
}

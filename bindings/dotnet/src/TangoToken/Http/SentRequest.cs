using System.Net.Http.Headers;

namespace TangoToken.Http;

/// <summary>The state of a request after it was sent.</summary>
internal static class SentRequest
{
    /// <summary>
    /// Returns whether a request carries an authorization. A handler that follows a redirect removes the header, and
    /// the response then says nothing about the token.
    /// </summary>
    internal static bool Carries(HttpRequestMessage request, RequestAuthorization authorization)
    {
        AuthenticationHeaderValue? sent = request.Headers.Authorization;
        return ReferenceEquals(sent, authorization.Header)
            || (sent is not null && sent.Scheme == authorization.Scheme && sent.Parameter == authorization.Parameter);
    }
}

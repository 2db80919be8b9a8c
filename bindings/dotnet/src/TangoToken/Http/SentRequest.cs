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
        // Its value makes no string if it is the one that ApplyTo has set.
        if (ReferenceEquals(request.Headers.Authorization, authorization.Header))
            return true;
        // As it was written: .NET cannot parse every token that is legal, such as one with a comma.
        if (!request.Headers.NonValidated.TryGetValues("Authorization", out HeaderStringValues values))
            return false;
        ReadOnlySpan<char> sent = values.ToString();
        return sent.Length == authorization.Scheme.Length + 1 + authorization.Parameter.Length
            && sent.StartsWith(authorization.Scheme) && sent[authorization.Scheme.Length] == ' '
            && sent.EndsWith(authorization.Parameter);
    }
}

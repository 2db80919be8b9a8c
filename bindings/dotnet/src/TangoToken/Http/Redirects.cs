using System.Net;

namespace TangoToken.Http;

/// <summary>What the handler that sends the requests does with a redirect.</summary>
internal enum RedirectPolicy
{
    /// <summary>The handler returns redirects, or it is of a type that is not known.</summary>
    Returned = 1,

    /// <summary>The handler followed redirects, until <see cref="Redirects"/> changed that.</summary>
    SwitchedOff = 2,

    /// <summary>The handler follows redirects. It was used before, so this cannot be changed.</summary>
    Followed = 3,
}

/// <summary>
/// Keeps a proof from being sent to another URL: a handler that follows a redirect removes the <c>Authorization</c>
/// header, but repeats every other one.
/// </summary>
internal static class Redirects
{
    internal const string Followed =
        "The request was not sent: the inner handler of TangoTokenHandler follows redirects, and would send the proof "
        + "of this request (DPoP) to another URL. The handler was used before, so this can no longer be changed: "
        + "create it with AllowAutoRedirect = false, or create one for TangoTokenHandler alone.";

    /// <summary>Switches redirects off where that is possible, and returns what the handler does with them.</summary>
    internal static RedirectPolicy SwitchOff(HttpMessageHandler? handler)
    {
        while (handler is DelegatingHandler outer)
            handler = outer.InnerHandler;
        return handler switch
        {
            HttpClientHandler { AllowAutoRedirect: true } client =>
                SwitchOff(() => client.AllowAutoRedirect = false, () => client.AllowAutoRedirect),
            SocketsHttpHandler { AllowAutoRedirect: true } sockets =>
                SwitchOff(() => sockets.AllowAutoRedirect = false, () => sockets.AllowAutoRedirect),
            _ => RedirectPolicy.Returned,
        };
    }

    private static RedirectPolicy SwitchOff(Action switchOff, Func<bool> isOn)
    {
        try
        {
            switchOff();
            return RedirectPolicy.SwitchedOff;
        }
        catch (InvalidOperationException)
        {
            // It was used before: by another handler, or by another call that has switched redirects off meanwhile.
            return isOn() ? RedirectPolicy.Followed : RedirectPolicy.SwitchedOff;
        }
    }

    /// <summary>
    /// Returns the error for a redirect that the program expected to be followed, or for a 401 from where it was
    /// followed to; null if the response is for the program.
    /// </summary>
    internal static HttpRequestException? ErrorOf(
        HttpResponseMessage response, Uri uri, bool isFollowed, RedirectPolicy policy)
    {
        if (isFollowed && response.StatusCode == HttpStatusCode.Unauthorized)
            return Error($"was redirected to {Name(response.RequestMessage?.RequestUri)}, which requires a token. "
                + "HttpClient sends none to the target of a redirect", uri, response);
        if (!isFollowed && policy == RedirectPolicy.SwitchedOff && response.Headers.Location is { } location
            && (int)response.StatusCode is >= 300 and < 400)
            return Error($"is redirected to {Name(new Uri(uri, location))}. TangoTokenHandler follows no redirect, "
                + "because an authorization is for one URL", uri, response);
        return null;
    }

    private static HttpRequestException Error(string problem, Uri uri, HttpResponseMessage response) => new(
        $"The request to {Name(uri)} {problem}: send the request to the target, or set AllowAutoRedirect = false in "
        + "the inner handler to get redirects as responses.", null, response.StatusCode);

    // Without the query, which may contain a secret.
    private static string Name(Uri? uri) => uri?.GetLeftPart(UriPartial.Path) ?? "another URL";
}

using System.Net;
using System.Runtime.CompilerServices;

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

    private static readonly object Gate = new();

    // The handlers in which redirects were switched off: several TangoTokenHandlers can share one of them.
    private static readonly ConditionalWeakTable<HttpMessageHandler, object> Changed = [];

    /// <summary>Switches redirects off where that is possible, and returns what the handler does with them.</summary>
    internal static RedirectPolicy SwitchOff(HttpMessageHandler? handler)
    {
        while (handler is DelegatingHandler outer)
            handler = outer.InnerHandler;
        lock (Gate)
            return handler switch
            {
                HttpClientHandler client =>
                    SwitchOff(client, client.AllowAutoRedirect, () => client.AllowAutoRedirect = false),
                SocketsHttpHandler sockets =>
                    SwitchOff(sockets, sockets.AllowAutoRedirect, () => sockets.AllowAutoRedirect = false),
                _ => RedirectPolicy.Returned,
            };
    }

    private static RedirectPolicy SwitchOff(HttpMessageHandler handler, bool isOn, Action switchOff)
    {
        if (!isOn)
            return Changed.TryGetValue(handler, out _) ? RedirectPolicy.SwitchedOff : RedirectPolicy.Returned;
        try
        {
            switchOff();
        }
        catch (InvalidOperationException)
        {
            return RedirectPolicy.Followed;
        }
        Changed.Add(handler, Gate);
        return RedirectPolicy.SwitchedOff;
    }

    /// <summary>
    /// Returns the error for a redirect that the program expected to be followed; null if the response is for the
    /// program.
    /// </summary>
    internal static HttpRequestException? ErrorOf(HttpResponseMessage response, Uri uri, RedirectPolicy policy)
    {
        // Those that HttpClient follows.
        if (policy != RedirectPolicy.SwitchedOff || response.Headers.Location is not { } location
            || (int)response.StatusCode is not ((>= 300 and <= 303) or 307 or 308))
            return null;
        Uri.TryCreate(uri, location, out Uri? target);
        return Error($"is redirected to {Name(target)}. TangoTokenHandler follows no redirect, because an "
            + "authorization is for one URL", uri, response);
    }

    /// <summary>
    /// Returns the error for a 401 from where a request was redirected to; null if the response is for the program.
    /// </summary>
    internal static HttpRequestException? ErrorOfFollowed(HttpResponseMessage response, Uri uri) =>
        // Another authorization is that of the inner handler, such as its Credentials.
        response is { StatusCode: HttpStatusCode.Unauthorized, RequestMessage: { Headers.Authorization: null } request }
            ? Error($"was redirected to {Name(request.RequestUri)}, which requires a token. HttpClient sends none to "
                + "the target of a redirect", uri, response)
            : null;

    private static HttpRequestException Error(string problem, Uri uri, HttpResponseMessage response) => new(
        $"The request to {Name(uri)} {problem}: send the request to the target, or set AllowAutoRedirect = false in "
        + "the inner handler to get redirects as responses.", null, response.StatusCode);

    // Without the user information and the query, which may contain a secret.
    private static string Name(Uri? uri) =>
        uri?.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped) ?? "another URL";
}

using System.Diagnostics;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Runtime.Serialization;
using System.Text.Json.Serialization;
using TangoToken.Native;

namespace TangoToken;

/// <summary>
/// The headers of one request to the API: <c>Authorization</c>, and <c>DPoP</c> for a token that is bound to a key. It
/// does not change, it is good for one request, and there is nothing to dispose.
/// </summary>
/// <example>
/// <code>
/// RequestAuthorization authorization = await client.AuthorizeAsync(request.Method, request.RequestUri);
/// authorization.ApplyTo(request);
/// HttpResponseMessage response = await http.SendAsync(request);
/// if (client.ShouldRetry(authorization, response))
///     authorization = await client.AuthorizeRetryAsync(authorization);     // and send a copy of the request
/// </code>
/// </example>
[DebuggerDisplay("{ToString(),nq}")]
public class RequestAuthorization : ITuple
{
    /// <summary>The name of the header with the proof (RFC 9449 section 4).</summary>
    internal const string DpopHeader = "DPoP";

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private AuthenticationHeaderValue? header;

    /// <summary>Initializes an authorization, for tests of code that uses one.</summary>
    /// <param name="scheme"><c>Bearer</c> or <c>DPoP</c>.</param>
    /// <param name="parameter">The access token.</param>
    /// <param name="dpop">The proof; <c>null</c> for a Bearer token.</param>
    public RequestAuthorization(string scheme, string parameter, string? dpop)
    {
        ArgumentException.ThrowIfNullOrEmpty(scheme);
        ArgumentException.ThrowIfNullOrEmpty(parameter);
        Scheme = scheme;
        Parameter = parameter;
        Dpop = dpop;
    }

    /// <summary>Takes over an authorization of the library.</summary>
    internal RequestAuthorization(AuthorizationHandle handle, AuthenticationHeaderValue header, string? dpop)
    {
        Handle = handle;
        this.header = header;
        Scheme = header.Scheme;
        Parameter = header.Parameter!;
        Dpop = dpop;
    }

    /// <summary>Gets the scheme of the <c>Authorization</c> header, <c>Bearer</c> or <c>DPoP</c>.</summary>
    public string Scheme { get; }

    /// <summary>Gets the access token, which follows the scheme: a secret.</summary>
    [JsonIgnore]
    [IgnoreDataMember]
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    [field: DebuggerBrowsable(DebuggerBrowsableState.Never)]
    public string Parameter { get; }

    /// <summary>Gets the value of the <c>DPoP</c> header; <c>null</c> for a Bearer token.</summary>
    [JsonIgnore]
    [IgnoreDataMember]
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    [field: DebuggerBrowsable(DebuggerBrowsableState.Never)]
    public string? Dpop { get; }

    /// <summary>Sets the headers of a request, in place of earlier ones of these names.</summary>
    /// <param name="request">The request, with the method and the URL that this authorization was made for.</param>
    public void ApplyTo(HttpRequestMessage request)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Headers.Authorization = Header;
        request.Headers.Remove(DpopHeader);
        if (Dpop is not null)
            request.Headers.TryAddWithoutValidation(DpopHeader, Dpop);
    }

    /// <summary>Returns the scheme, never the token or the proof.</summary>
    public override string ToString() => $"{Scheme} authorization{(Dpop is null ? "" : " with a proof")}";

    /// <summary>The authorization of the library; null for one that a test made.</summary>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    internal AuthorizationHandle? Handle { get; }

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    internal AuthenticationHeaderValue Header => header ??= new AuthenticationHeaderValue(Scheme, Parameter);

    // Serilog and others take an object apart by its properties, unless it is a tuple.
    int ITuple.Length => 1;

    object? ITuple.this[int index] => ToString();
}

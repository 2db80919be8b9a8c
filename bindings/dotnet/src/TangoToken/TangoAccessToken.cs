using System.Diagnostics;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Runtime.Serialization;
using System.Text.Json.Serialization;
using TangoToken.Native;

namespace TangoToken;

/// <summary>
/// An access token of a service account (RFC 6749 section 1.4). It does not change, callers share it, and there is
/// nothing to dispose.
/// </summary>
/// <example>
/// <code>
/// TangoAccessToken token = await client.GetTokenAsync(cancellationToken);
/// request.Headers.Authorization = new AuthenticationHeaderValue(token.TokenType, token.Value);
/// </code>
/// A token of type <c>DPoP</c> also needs a proof: use <see cref="TangoTokenClient.AuthorizeAsync"/>.
/// </example>
[DebuggerDisplay("{ToString(),nq}")]
public class TangoAccessToken : ITuple
{
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private AuthenticationHeaderValue? header;

    private readonly SignerCallbacks? signer;

    /// <summary>Initializes a token, for tests of code that uses tokens.</summary>
    /// <param name="value">The access token.</param>
    /// <param name="tokenType"><c>Bearer</c> or <c>DPoP</c>.</param>
    /// <param name="scope">The granted scope.</param>
    /// <param name="expiresAt">The time at which the token expires.</param>
    public TangoAccessToken(string value, string tokenType, string scope, DateTimeOffset expiresAt)
    {
        ArgumentException.ThrowIfNullOrEmpty(value);
        ArgumentException.ThrowIfNullOrEmpty(tokenType);
        ArgumentNullException.ThrowIfNull(scope);
        Value = value;
        TokenType = tokenType;
        Scope = scope;
        ExpiresAt = expiresAt;
    }

    /// <summary>Copies a token of the library, and keeps its handle.</summary>
    /// <param name="handle">The token.</param>
    /// <param name="signer">The custom signer of the client's key, to which the token is usually bound.</param>
    internal TangoAccessToken(TokenHandle handle, SignerCallbacks? signer)
    {
        Handle = handle;
        this.signer = signer;
        Value = NativeMethods.tango_token_value(handle)!;
        TokenType = NativeMethods.tango_token_type(handle)!;
        Scope = NativeMethods.tango_token_scope(handle)!;
        ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(NativeMethods.tango_token_expires_in_seconds(handle));
    }

    /// <summary>Gets the access token, which follows the type in an <c>Authorization</c> header: a secret.</summary>
    [JsonIgnore]
    [IgnoreDataMember]
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    [field: DebuggerBrowsable(DebuggerBrowsableState.Never)]
    public string Value { get; }

    /// <summary>
    /// Gets the scheme of the <c>Authorization</c> header: <c>Bearer</c>, or <c>DPoP</c> for a token that needs a proof
    /// with each request.
    /// </summary>
    public string TokenType { get; }

    /// <summary>Gets the scope that the server granted.</summary>
    public string Scope { get; }

    /// <summary>Gets the time at which the token expires.</summary>
    public DateTimeOffset ExpiresAt { get; }

    /// <summary>Returns the key that the token is bound to.</summary>
    /// <returns>A key of its own, which the caller disposes; <c>null</c> for a Bearer token.</returns>
    public virtual DpopKey? GetDpopKey()
    {
        nint key = Handle is null ? 0 : NativeMethods.tango_token_dpop_key(Handle);
        return key == 0 ? null : new DpopKey(new DpopKeyHandle(key), signer);
    }

    /// <summary>Returns the type and the time of expiry, never the token.</summary>
    public override string ToString() => $"{TokenType} token, expires at {ExpiresAt:u}";

    /// <summary>The token of the library; null for one that a test made.</summary>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    internal TokenHandle? Handle { get; }

    /// <summary>The <c>Authorization</c> header, made once for all requests with this token.</summary>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    internal AuthenticationHeaderValue Header => header ??= new AuthenticationHeaderValue(TokenType, Value);

    // Serilog and others take an object apart by its properties, unless it is a tuple.
    int ITuple.Length => 1;

    object? ITuple.this[int index] => ToString();
}

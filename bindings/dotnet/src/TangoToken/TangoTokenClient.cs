using System.Diagnostics.CodeAnalysis;
using TangoToken.Http;
using TangoToken.Native;

namespace TangoToken;

/// <summary>
/// Gets tokens for one set of credentials, and keeps the current one for all callers in the process.
/// </summary>
/// <remarks>
/// Create one client for each set of credentials and share it between threads. Only log receivers, custom signers and
/// custom caches run on the library's threads. After Dispose, calls throw <see cref="ObjectDisposedException"/>; tokens
/// and authorizations stay usable, and calls that are pending still complete. A test derives from this class, or lets a
/// library do it, and overrides what it needs.
/// </remarks>
/// <example>
/// <code>
/// using TangoTokenClient client = TangoTokenClient.FromEnvironment();
/// var sockets = new SocketsHttpHandler { AllowAutoRedirect = false };
/// using var http = new HttpClient(new TangoTokenHandler(client, sockets));
/// string accounts = await http.GetStringAsync("https://integration-api.tangocard.com/raas/v2/accounts");
/// </code>
/// </example>
public class TangoTokenClient : IDisposable
{
    private readonly NativeClient? client;

    /// <summary>Initializes a client for tests, which neither has credentials nor touches the native library.</summary>
    protected TangoTokenClient() { }

    /// <summary>
    /// Initializes a client. Reads the files that the options name, starts no thread and sends nothing.
    /// </summary>
    /// <param name="options">The options, which are copied.</param>
    /// <param name="dpopKey">
    /// The key to which tokens are bound, if <see cref="TangoTokenClientOptions.Dpop"/> is set. The caller may dispose
    /// it once the client is created.
    /// </param>
    /// <param name="cache">A custom cache, instead of <see cref="TangoTokenClientOptions.Cache"/>.</param>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.InvalidConfiguration"/>: settings are missing or wrong; the message names all of
    /// them. <see cref="TangoTokenErrorCode.KeyRejected"/>: the DPoP key cannot be used.
    /// </exception>
    /// <exception cref="ArgumentException">A property has a value that no setting can have.</exception>
    /// <exception cref="DllNotFoundException">
    /// The native library cannot be loaded; the message says what to do.
    /// </exception>
    /// <exception cref="PlatformNotSupportedException">There is no native library for this system.</exception>
    public TangoTokenClient(TangoTokenClientOptions options, DpopKey? dpopKey = null, ITangoTokenCache? cache = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        NativeLibraryLoader.Load();
        client = new NativeClient(options, dpopKey, cache);
        ClientMeter.Add(this);
    }

    /// <summary>
    /// The name of this client in the metrics of the meter <c>TangoToken</c>, as the tag <c>tango.client.name</c>. A
    /// program with several clients gives each its own, because metrics with the same tags cannot be told apart.
    /// </summary>
    /// <value>The name; <c>null</c>, which is the default, for no tag.</value>
    public string? Name { get; set; }

    /// <summary>
    /// Creates a client from the <c>TANGO_*</c> variables of the environment with which the process was started.
    /// </summary>
    /// <param name="dpopKey">The key to which tokens are bound, if <c>TANGO_DPOP</c> is set.</param>
    /// <param name="cache">A custom cache, instead of <c>TANGO_CACHE</c>.</param>
    /// <returns>The client, which the caller disposes.</returns>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.InvalidConfiguration"/>: variables are missing or wrong; the message names them.
    /// </exception>
    public static TangoTokenClient FromEnvironment(DpopKey? dpopKey = null, ITangoTokenCache? cache = null) =>
        new(new TangoTokenClientOptions { UseEnvironmentVariables = true }, dpopKey, cache);

    /// <summary>
    /// Gets a valid token: the held one at once, otherwise the result of one refresh that all callers share. Blocks for
    /// at most <see cref="TangoTokenClientOptions.TotalTimeout"/>.
    /// </summary>
    /// <param name="cancellationToken">
    /// Ends the wait of this caller. It affects neither other callers nor the refresh that they share.
    /// </param>
    /// <returns>The token, the same object as long as the client holds the same token.</returns>
    /// <exception cref="TangoTokenException">
    /// There is no token; <see cref="TangoTokenException.ErrorCode"/> says why.
    /// </exception>
    /// <exception cref="OperationCanceledException">The caller cancelled the wait.</exception>
    public virtual TangoAccessToken GetToken(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Native.GetHeldToken() ?? Native.WaitForToken(cancellationToken);
    }

    /// <summary>Gets a valid token as <see cref="GetToken"/> does, without blocking.</summary>
    /// <param name="cancellationToken">
    /// Ends the wait of this caller. It affects neither other callers nor the refresh that they share.
    /// </param>
    /// <returns>The token, the same object as long as the client holds the same token.</returns>
    /// <exception cref="TangoTokenException">See <see cref="GetToken"/>.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled the wait.</exception>
    public virtual ValueTask<TangoAccessToken> GetTokenAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<TangoAccessToken>(cancellationToken);
        return Native.GetHeldToken() is { } held
            ? new ValueTask<TangoAccessToken>(held)
            : new ValueTask<TangoAccessToken>(Native.WaitForTokenAsync(cancellationToken));
    }

    /// <summary>
    /// Gets the token that the client holds, and never waits. For readiness checks: a refresh that is due, or the first
    /// one, starts behind this call, once any client of the process has waited for a token. All callers share its
    /// token.
    /// </summary>
    /// <param name="token">The token; <c>null</c> if none is held.</param>
    /// <returns>Whether a token is held.</returns>
    public virtual bool TryGetToken([NotNullWhen(true)] out TangoAccessToken? token)
    {
        token = Native.GetHeldToken();
        return token is not null;
    }

    /// <summary>
    /// Marks a token as suspect, because an API rejected it with 401 and <c>invalid_token</c> (RFC 6750 section 3.1).
    /// <see cref="ShouldRetry(RequestAuthorization, HttpResponseMessage)"/> does this by itself.
    /// </summary>
    /// <remarks>
    /// The next call requests one replacement. While there can be none, because the daily limit refuses it or the token
    /// is itself a replacement, the suspect token is served again: an API can reject a good token.
    /// </remarks>
    /// <param name="token">The rejected token.</param>
    /// <exception cref="ArgumentException">The token was not returned by a client.</exception>
    public virtual void Invalidate(TangoAccessToken token)
    {
        ArgumentNullException.ThrowIfNull(token);
        Native.Invalidate(
            token.Handle ?? throw new ArgumentException("The token was not returned by a client.", nameof(token)));
    }

    /// <summary>
    /// Replaces the client ID and secret, for a rotation without a restart. The held token is served until a token for
    /// new credentials arrives; a new secret for the same client ID needs no new token.
    /// </summary>
    /// <param name="clientId">The client ID.</param>
    /// <param name="clientSecret">The client secret.</param>
    public virtual void SetClientCredentials(string clientId, string clientSecret)
    {
        RequireCredential(clientId, nameof(clientId));
        RequireCredential(clientSecret, nameof(clientSecret));
        Native.SetCredentials(clientId, clientSecret, username: null, password: null);
    }

    /// <summary>
    /// Replaces the service account, for a rotation without a restart. The held token is served until a token for the
    /// new account arrives; a new password of the same account needs no new token.
    /// </summary>
    /// <param name="username">The user name of the service account.</param>
    /// <param name="password">The password of the service account.</param>
    public virtual void SetServiceAccount(string username, string password)
    {
        RequireCredential(username, nameof(username));
        RequireCredential(password, nameof(password));
        Native.SetCredentials(clientId: null, clientSecret: null, username, password);
    }

    /// <summary>
    /// Replaces the client ID and secret and the service account at once, as <see cref="SetClientCredentials"/> and
    /// <see cref="SetServiceAccount"/> do one after the other. No request has a part of both.
    /// </summary>
    /// <param name="clientId">The client ID.</param>
    /// <param name="clientSecret">The client secret.</param>
    /// <param name="username">The user name of the service account.</param>
    /// <param name="password">The password of the service account.</param>
    public virtual void SetCredentials(string clientId, string clientSecret, string username, string password)
    {
        RequireCredential(clientId, nameof(clientId));
        RequireCredential(clientSecret, nameof(clientSecret));
        RequireCredential(username, nameof(username));
        RequireCredential(password, nameof(password));
        Native.SetCredentials(clientId, clientSecret, username, password);
    }

    /// <summary>
    /// Makes the headers of one request to the API: gets a token, and makes a proof if the token is bound to a key (RFC
    /// 9449 section 7). Blocks as <see cref="GetToken"/> does.
    /// </summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="uri">
    /// The URL of the request. Its origin has to be the API's or one of
    /// <see cref="TangoTokenClientOptions.AllowedOrigins"/>, so that no token reaches a wrong host by mistake. This is
    /// checked before anything is sent.
    /// </param>
    /// <param name="cancellationToken">Ends the wait for a token, or for a custom signer.</param>
    /// <returns>The headers, which are good for one request.</returns>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.InvalidArgument"/>: the origin must not receive tokens.
    /// <see cref="TangoTokenErrorCode.SigningFailed"/>: the key made no signature. Otherwise see
    /// <see cref="GetToken"/>.
    /// </exception>
    /// <exception cref="OperationCanceledException">The caller cancelled the wait.</exception>
    public virtual RequestAuthorization Authorize(
        HttpMethod method, Uri uri, CancellationToken cancellationToken = default)
    {
        var target = RequestTarget.Of(method, uri);
        cancellationToken.ThrowIfCancellationRequested();
        return Native.Authorize(target, cancellationToken);
    }

    /// <summary>Makes the headers as <see cref="Authorize"/> does, without blocking.</summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="uri">The URL of the request; see <see cref="Authorize"/>.</param>
    /// <param name="cancellationToken">Ends the wait for a token, or for a custom signer.</param>
    /// <returns>The headers, which are good for one request.</returns>
    /// <exception cref="TangoTokenException">See <see cref="Authorize"/>.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled the wait.</exception>
    public virtual ValueTask<RequestAuthorization> AuthorizeAsync(
        HttpMethod method, Uri uri, CancellationToken cancellationToken = default)
    {
        var target = RequestTarget.Of(method, uri);
        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<RequestAuthorization>(cancellationToken)
            : Native.AuthorizeAsync(target, cancellationToken);
    }

    /// <summary>
    /// Learns from a response of the API (nonces of RFC 9449 section 8.2, the API's clock, a rejected token), and says
    /// whether to send the request again with the headers of <see cref="AuthorizeRetryAsync"/>. Call it for every
    /// response, including successful ones, and go on while it returns <c>true</c>: that ends, usually after one retry.
    /// </summary>
    /// <remarks>
    /// Nothing is learned from the response to a request that no longer carries the authorization, because a handler
    /// followed a redirect. Otherwise, unless this returns <c>true</c>, the authorization has done its work: its native
    /// memory is freed at once, and another call returns <c>false</c>.
    /// </remarks>
    /// <param name="authorization">The authorization that the request was sent with.</param>
    /// <param name="response">The response, which stays the caller's and is not read.</param>
    /// <returns>
    /// Whether to send the request again; <c>false</c> for an authorization that a test made.
    /// </returns>
    /// <exception cref="TangoTokenException">
    /// <see cref="TangoTokenErrorCode.ProofRefused"/> or <see cref="TangoTokenErrorCode.TokenRefused"/>: the API
    /// refuses the request, and would refuse it again; the message says why.
    /// </exception>
    public virtual bool ShouldRetry(RequestAuthorization authorization, HttpResponseMessage response)
    {
        ArgumentNullException.ThrowIfNull(authorization);
        ArgumentNullException.ThrowIfNull(response);
        if (response.RequestMessage is { } request && !SentRequest.Carries(request, authorization))
            return false;
        return ShouldRetry(
            authorization,
            (int)response.StatusCode,
            ResponseHeaders.Read(response, "DPoP-Nonce"),
            ResponseHeaders.Read(response, "WWW-Authenticate"),
            ResponseHeaders.Read(response, "Date"));
    }

    /// <summary>
    /// Learns from a response of the API, as <see cref="ShouldRetry(RequestAuthorization, HttpResponseMessage)"/> does,
    /// for other HTTP clients.
    /// </summary>
    /// <param name="authorization">The authorization that the request was sent with.</param>
    /// <param name="statusCode">The HTTP status, even one that HTTP does not define.</param>
    /// <param name="dpopNonce">The <c>DPoP-Nonce</c> header; <c>null</c> if there is none.</param>
    /// <param name="wwwAuthenticate">
    /// The <c>WWW-Authenticate</c> headers, joined by <c>, </c> (RFC 9110 section 5.3); <c>null</c> if there is none.
    /// </param>
    /// <param name="date">The <c>Date</c> header; <c>null</c> if there is none.</param>
    /// <returns>
    /// Whether to send the request again; <c>false</c> for an authorization that a test made.
    /// </returns>
    /// <exception cref="TangoTokenException">
    /// See <see cref="ShouldRetry(RequestAuthorization, HttpResponseMessage)"/>.
    /// </exception>
    public virtual bool ShouldRetry(
        RequestAuthorization authorization, int statusCode, string? dpopNonce, string? wwwAuthenticate, string? date)
    {
        ArgumentNullException.ThrowIfNull(authorization);
        return authorization.Handle is { } handle
            && handle.Owner.Observe(handle, statusCode, dpopNonce, wwwAuthenticate, date);
    }

    /// <summary>
    /// Makes the headers for sending the same request again, after
    /// <see cref="ShouldRetry(RequestAuthorization, HttpResponseMessage)"/> returned <c>true</c>. Blocks as
    /// <see cref="GetToken"/> does.
    /// </summary>
    /// <param name="rejected">The authorization that the API rejected.</param>
    /// <param name="cancellationToken">Ends the wait for a token, or for a custom signer.</param>
    /// <returns>The headers, which are good for one request.</returns>
    /// <exception cref="TangoTokenException">See <see cref="Authorize"/>.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled the wait.</exception>
    public virtual RequestAuthorization AuthorizeRetry(
        RequestAuthorization rejected, CancellationToken cancellationToken = default)
    {
        AuthorizationHandle handle = RejectedHandleOf(rejected);
        cancellationToken.ThrowIfCancellationRequested();
        return handle.Owner.AuthorizeRetry(handle, cancellationToken);
    }

    /// <summary>Makes the headers as <see cref="AuthorizeRetry"/> does, without blocking.</summary>
    /// <param name="rejected">The authorization that the API rejected.</param>
    /// <param name="cancellationToken">Ends the wait for a token, or for a custom signer.</param>
    /// <returns>The headers, which are good for one request.</returns>
    /// <exception cref="TangoTokenException">See <see cref="Authorize"/>.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled the wait.</exception>
    public virtual ValueTask<RequestAuthorization> AuthorizeRetryAsync(
        RequestAuthorization rejected, CancellationToken cancellationToken = default)
    {
        AuthorizationHandle handle = RejectedHandleOf(rejected);
        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<RequestAuthorization>(cancellationToken)
            : handle.Owner.AuthorizeRetryAsync(handle, cancellationToken);
    }

    /// <summary>Closes this client. Can be called more than once.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes this client.</summary>
    /// <param name="disposing">Whether this is called by <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
            client?.Dispose();
    }

    internal bool IsDisposed => client is null or { IsDisposed: true };

    /// <summary>Reads the metrics; <c>null</c> for a client that is disposed, or was made for a test.</summary>
    internal ClientSample[]? ReadStats() => client?.ReadStats();

    private NativeClient Native
    {
        get
        {
            ObjectDisposedException.ThrowIf(client is { IsDisposed: true }, this);
            return client ?? throw new InvalidOperationException(
                "This client was made by its protected constructor, for a test that has to override this member.");
        }
    }

    private static AuthorizationHandle RejectedHandleOf(RequestAuthorization rejected)
    {
        ArgumentNullException.ThrowIfNull(rejected);
        AuthorizationHandle handle = rejected.Handle
            ?? throw new ArgumentException("The authorization was not made by a client.", nameof(rejected));
        return handle.IsClosed
            ? throw new InvalidOperationException("The request is not to be sent again: ShouldRetry returned false.")
            : handle;
    }

    private static void RequireCredential(string value, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(value, name);
        Utf8StringMarshaller.Require(value, name);
    }
}

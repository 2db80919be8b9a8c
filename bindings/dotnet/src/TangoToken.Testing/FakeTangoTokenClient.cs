using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace TangoToken.Testing;

/// <summary>
/// A <see cref="TangoTokenClient"/> for unit tests: it sends nothing, and needs neither the native library nor a
/// server.
/// </summary>
/// <remarks>
/// It issues tokens by itself, one for all calls until it has expired or was rejected. <see cref="TangoTokenHandler"/>
/// and every class that takes a <see cref="TangoTokenClient"/> accept it. In a host, put it in the place of the client:
/// <c>services.AddSingleton&lt;TangoTokenClient&gt;(fake)</c>, or <c>AddKeyedSingleton</c> for a client with a name.
/// Threads may share it.
/// </remarks>
/// <example>
/// <code>
/// var fake = new FakeTangoTokenClient();
/// fake.Fail(TangoTokenErrorCode.QuotaRefused, retryAfter: TimeSpan.FromHours(3));
/// await Assert.ThrowsAsync&lt;TryLaterException&gt;(() => new Accounts(fake, responses).GetNamesAsync());
/// </code>
/// </example>
/// <param name="timeProvider">
/// The clock by which tokens expire, such as <c>FakeTimeProvider</c> of Microsoft.Extensions.TimeProvider.Testing.
/// Default: that of the system.
/// </param>
public class FakeTangoTokenClient(TimeProvider? timeProvider = null) : TangoTokenClient
{
    private readonly List<FakeCall> calls = [];
    private readonly object gate = new();
    private readonly Issuer issuer = new(timeProvider ?? TimeProvider.System);
    private (string? ClientId, string? Username) account;
    private bool isDisposed;

    /// <summary>Gets or sets the lifetime of the next tokens. Default: 24 hours.</summary>
    public TimeSpan TokenLifetime
    {
        get => issuer.Lifetime;
        set => issuer.Lifetime = value;
    }

    /// <summary>
    /// Gets or sets whether the next tokens are bound to a key. Their proofs are made up: no API accepts them.
    /// </summary>
    public bool IssuesBoundTokens
    {
        get => issuer.IsBound;
        set => issuer.IsBound = value;
    }

    /// <summary>
    /// Gets or sets the API that tokens are for. Default: none, so that each origin may receive tokens.
    /// </summary>
    public Uri? ApiUrl
    {
        get => issuer.ApiUrl;
        set => issuer.ApiUrl = value;
    }

    /// <summary>Gets the further origins that may receive tokens, where there is an <see cref="ApiUrl"/>.</summary>
    public IList<Uri> AllowedOrigins => issuer.AllowedOrigins;

    /// <summary>Gets the calls of the members of <see cref="TangoTokenClient"/>, in order.</summary>
    public IReadOnlyList<FakeCall> Calls
    {
        get
        {
            lock (gate)
                return calls.ToArray();
        }
    }

    /// <summary>Gets how many tokens a server would have issued.</summary>
    public int TokensIssued
    {
        get
        {
            lock (gate)
                return issuer.Issued;
        }
    }

    /// <summary>Makes the client hold a token.</summary>
    /// <param name="token">The token; <c>null</c> makes the next call issue one.</param>
    public void SetToken(TangoAccessToken? token)
    {
        lock (gate)
            issuer.Hold(token);
    }

    /// <summary>Makes the calls that need a token throw, also while a token is held.</summary>
    /// <param name="errorCode">The kind of error.</param>
    /// <param name="retryAfter">The time until another call makes sense.</param>
    /// <param name="times">How many calls throw. Default: all, until <see cref="Succeed"/>.</param>
    public void Fail(TangoTokenErrorCode errorCode, TimeSpan? retryAfter = null, int? times = null) =>
        FailWith(
            () => new TangoTokenException($"a test made the call fail: {errorCode}")
            {
                ErrorCode = errorCode,
                RetryAfter = retryAfter,
            },
            times);

    /// <summary>Makes the calls that need a token throw, also while a token is held.</summary>
    /// <param name="exception">Makes the exception of each call.</param>
    /// <param name="times">How many calls throw. Default: all, until <see cref="Succeed"/>.</param>
    public void FailWith(Func<TangoTokenException> exception, int? times = null)
    {
        ArgumentNullException.ThrowIfNull(exception);
        lock (gate)
            issuer.Fail(exception, times);
    }

    /// <summary>Ends what <see cref="Fail"/> or <see cref="FailWith"/> began.</summary>
    public void Succeed()
    {
        lock (gate)
            issuer.Fail(null, null);
    }

    /// <inheritdoc/>
    public override TangoAccessToken GetToken(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Call(issuer.Acquire, CallOf());
    }

    /// <inheritdoc/>
    public override ValueTask<TangoAccessToken> GetTokenAsync(CancellationToken cancellationToken = default) =>
        CallAsync(issuer.Acquire, CallOf(), cancellationToken);

    /// <inheritdoc/>
    public override bool TryGetToken([NotNullWhen(true)] out TangoAccessToken? token)
    {
        token = Call(() => issuer.Held, CallOf());
        return token is not null;
    }

    /// <inheritdoc/>
    public override RequestAuthorization Authorize(
        HttpMethod method, Uri uri, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(uri);
        cancellationToken.ThrowIfCancellationRequested();
        return Call(() => issuer.Authorize(method, uri), CallOf(method, uri));
    }

    /// <inheritdoc/>
    public override ValueTask<RequestAuthorization> AuthorizeAsync(
        HttpMethod method, Uri uri, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(uri);
        return CallAsync(() => issuer.Authorize(method, uri), CallOf(method, uri), cancellationToken);
    }

    /// <inheritdoc/>
    public override bool ShouldRetry(
        RequestAuthorization authorization, int statusCode, string? dpopNonce, string? wwwAuthenticate, string? date)
    {
        ArgumentNullException.ThrowIfNull(authorization);
        return Call(() => issuer.ShouldRetry(authorization, statusCode, dpopNonce, wwwAuthenticate), CallOf());
    }

    /// <inheritdoc/>
    public override RequestAuthorization AuthorizeRetry(
        RequestAuthorization rejected, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rejected);
        cancellationToken.ThrowIfCancellationRequested();
        return Call(() => issuer.AuthorizeRetry(rejected), CallOf());
    }

    /// <inheritdoc/>
    public override ValueTask<RequestAuthorization> AuthorizeRetryAsync(
        RequestAuthorization rejected, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rejected);
        return CallAsync(() => issuer.AuthorizeRetry(rejected), CallOf(), cancellationToken);
    }

    /// <inheritdoc/>
    public override void Invalidate(TangoAccessToken token)
    {
        ArgumentNullException.ThrowIfNull(token);
        Call(() => issuer.Reject(token), CallOf());
    }

    /// <inheritdoc/>
    /// <remarks>Another client ID gets another token.</remarks>
    public override void SetClientCredentials(string clientId, string clientSecret)
    {
        ArgumentException.ThrowIfNullOrEmpty(clientId);
        ArgumentException.ThrowIfNullOrEmpty(clientSecret);
        Call(() => Replace((clientId, account.Username)), CallOf());
    }

    /// <inheritdoc/>
    /// <remarks>Another user name gets another token.</remarks>
    public override void SetServiceAccount(string username, string password)
    {
        ArgumentException.ThrowIfNullOrEmpty(username);
        ArgumentException.ThrowIfNullOrEmpty(password);
        Call(() => Replace((account.ClientId, username)), CallOf());
    }

    /// <inheritdoc/>
    /// <remarks>Another client ID or user name gets another token.</remarks>
    public override void SetCredentials(string clientId, string clientSecret, string username, string password)
    {
        ArgumentException.ThrowIfNullOrEmpty(clientId);
        ArgumentException.ThrowIfNullOrEmpty(clientSecret);
        ArgumentException.ThrowIfNullOrEmpty(username);
        ArgumentException.ThrowIfNullOrEmpty(password);
        Call(() => Replace((clientId, username)), CallOf());
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        isDisposed = true;
        base.Dispose(disposing);
    }

    private void Replace((string? ClientId, string? Username) other)
    {
        if (other == account)
            return;
        account = other;
        issuer.Hold(null);
    }

    private static FakeCall CallOf(
        HttpMethod? method = null, Uri? uri = null, [CallerMemberName] string member = "") => new(member, method, uri);

    private void Call(Action work, FakeCall call) => Call(
        () =>
        {
            work();
            return true;
        },
        call);

    private T Call<T>(Func<T> work, FakeCall call)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            calls.Add(call);
            return work();
        }
    }

    // As the client does: what goes wrong while it waits is an exception of the task.
    private ValueTask<T> CallAsync<T>(Func<T> work, FakeCall call, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<T>(cancellationToken);
        try
        {
            return ValueTask.FromResult(Call(work, call));
        }
        catch (TangoTokenException exception)
        {
            return ValueTask.FromException<T>(exception);
        }
    }
}

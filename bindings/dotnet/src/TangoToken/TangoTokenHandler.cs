using System.Net.Http.Headers;
using TangoToken.Http;

namespace TangoToken;

/// <summary>
/// Calls the API with <see cref="HttpClient"/>: adds the headers, learns from every response, and sends a request again
/// where that helps.
/// </summary>
/// <remarks>
/// <para>
/// Sending a request again helps after a new nonce, a corrected clock or a rejected token: usually once, more often
/// only while other requests use up the nonces. A refusal that it would not change is thrown as a
/// <see cref="TangoTokenException"/>, with the request ID and the message of the API, and so is a URL whose origin must
/// not receive tokens. A request is sent again only if its content can be: none, content in memory
/// (<see cref="ByteArrayContent"/>, <see cref="StringContent"/>, <see cref="FormUrlEncodedContent"/>,
/// <see cref="ReadOnlyMemoryContent"/>), content that was loaded into its buffer, <c>JsonContent</c>, which is loaded
/// into its buffer before it is sent, and multipart content of these. Otherwise the caller gets the 401, and the next
/// request uses what was learned.
/// </para>
/// <para>
/// A request that has an <c>Authorization</c> header already is sent unchanged; a header that is only <c>Bearer</c> or
/// <c>DPoP</c>, as a placeholder, counts as none. The headers are removed from the request after it was sent, so that
/// later logs contain no token; an inner handler that logs headers has to leave out <c>Authorization</c> and
/// <c>DPoP</c>. <see cref="TangoTokenClientOptions.CaFile"/> is for the token endpoint alone; the inner handler has its
/// own settings for TLS. Disposing the handler does not dispose the client.
/// </para>
/// <para>
/// An authorization is for one URL, so redirects are not followed: <c>AllowAutoRedirect</c> is switched off in the
/// handler that sends the requests, and a redirect becomes an <see cref="HttpRequestException"/> that names its target.
/// Set <c>AllowAutoRedirect = false</c> to get redirects as responses. If the handler was used before, this can no
/// longer be changed, and a token that is bound to a key is not sent.
/// </para>
/// <para>
/// If the inner handler limits its connections (<c>MaxConnectionsPerServer</c>), requests with a proof wait here for
/// one of them: a proof is made when the request can be sent at once, because it gets old while it waits. This is so
/// for HTTP/1.1.
/// </para>
/// <para>
/// A handler that sends a request again by itself, such as one for resilience, belongs outside this one: inside, it
/// would send the same proof twice.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// using TangoTokenClient client = TangoTokenClient.FromEnvironment();
/// var sockets = new SocketsHttpHandler { AllowAutoRedirect = false };
/// using var http = new HttpClient(new TangoTokenHandler(client, sockets));
/// using HttpResponseMessage response =
///     await http.PostAsJsonAsync("https://integration-api.tangocard.com/raas/v2/orders", order);
/// </code>
/// </example>
public sealed class TangoTokenHandler : DelegatingHandler
{
    private readonly TangoTokenClient client;
    private readonly object preparation = new();
    private ConnectionGate? gate;
    private volatile RedirectPolicy redirects;
    private volatile bool isBearer;

    /// <summary>
    /// Initializes a handler whose inner handler is set later, for example by an HTTP client factory.
    /// </summary>
    /// <param name="client">Provides the tokens. Any number of handlers may share it.</param>
    public TangoTokenHandler(TangoTokenClient client)
    {
        ArgumentNullException.ThrowIfNull(client);
        this.client = client;
    }

    /// <summary>Initializes a handler for <c>new HttpClient(handler)</c>.</summary>
    /// <param name="client">Provides the tokens. Any number of handlers may share it.</param>
    /// <param name="innerHandler">
    /// The handler that sends the requests, such as a <see cref="SocketsHttpHandler"/>.
    /// </param>
    public TangoTokenHandler(TangoTokenClient client, HttpMessageHandler innerHandler) : this(client)
    {
        ArgumentNullException.ThrowIfNull(innerHandler);
        InnerHandler = innerHandler;
    }

    /// <inheritdoc/>
    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken) =>
        CallAsync(request, isAsync: true, cancellationToken);

    /// <inheritdoc/>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
        // Each step of a blocking call is complete when it returns, so no thread waits for another one here.
        CallAsync(request, isAsync: false, cancellationToken).GetAwaiter().GetResult();

    private async Task<HttpResponseMessage> CallAsync(
        HttpRequestMessage request, bool isAsync, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (redirects == default)
            Prepare();
        if (HasOwnAuthorization(request))
            return await SendUnchangedAsync(request, isAsync, cancellationToken).ConfigureAwait(false);
        if (request.RequestUri is not { IsAbsoluteUri: true } uri)
            throw new InvalidOperationException("The request has no absolute URI, and HttpClient has no BaseAddress.");
        await RepeatableContent.BufferAsync(request.Content, isAsync, cancellationToken).ConfigureAwait(false);
        SemaphoreSlim? turn = gate is not null && !isBearer
            ? await gate.EnterAsync(request, uri, isAsync, cancellationToken).ConfigureAwait(false)
            : null;
        try
        {
            return await AuthorizeAndSendAsync(request, uri, isAsync, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            turn?.Release();
        }
    }

    /// <summary>
    /// Prepares the inner handler before the first request, even one with an authorization of the program: later,
    /// redirects can no longer be switched off.
    /// </summary>
    private void Prepare()
    {
        lock (preparation)
        {
            if (redirects != default)
                return;
            gate = ConnectionGate.Of(InnerHandler);
            redirects = Redirects.SwitchOff(InnerHandler);
        }
    }

    private async ValueTask<HttpResponseMessage> SendUnchangedAsync(
        HttpRequestMessage request, bool isAsync, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await ForwardAsync(request, isAsync, cancellationToken).ConfigureAwait(false);
        if (request.RequestUri is not { IsAbsoluteUri: true } uri
            || Redirects.ErrorOf(response, uri, redirects) is not { } error)
            return response;
        response.Dispose();
        throw error;
    }

    private async ValueTask<HttpResponseMessage> AuthorizeAndSendAsync(
        HttpRequestMessage request, Uri uri, bool isAsync, CancellationToken cancellationToken)
    {
        RequestAuthorization authorization = isAsync
            ? await client.AuthorizeAsync(request.Method, uri, cancellationToken).ConfigureAwait(false)
            : client.Authorize(request.Method, uri, cancellationToken);
        try
        {
            while (true)
            {
                bool hasProof = authorization.Dpop is not null;
                if (isBearer == hasProof)
                    isBearer = !hasProof;
                if (hasProof && redirects == RedirectPolicy.Followed)
                    throw new InvalidOperationException(Redirects.Followed);
                (HttpResponseMessage response, bool isRetry) =
                    await SendAsync(request, uri, authorization, isAsync, cancellationToken).ConfigureAwait(false);
                if (!isRetry || !RepeatableContent.CanSendAgain(request.Content))
                    return response;
                response.Dispose();
                RequestAuthorization next = isAsync
                    ? await client.AuthorizeRetryAsync(authorization, cancellationToken).ConfigureAwait(false)
                    : client.AuthorizeRetry(authorization, cancellationToken);
                authorization.Handle?.Dispose();
                authorization = next;
            }
        }
        finally
        {
            authorization.Handle?.Dispose();
        }
    }

    /// <summary>Sends the request once, and returns the response and whether to send the request again.</summary>
    private async ValueTask<(HttpResponseMessage Response, bool IsRetry)> SendAsync(
        HttpRequestMessage request, Uri uri, RequestAuthorization authorization, bool isAsync,
        CancellationToken cancellationToken)
    {
        authorization.ApplyTo(request);
        HttpResponseMessage? response = null;
        try
        {
            response = await ForwardAsync(request, isAsync, cancellationToken).ConfigureAwait(false);
            bool isFollowed = !SentRequest.Carries(response.RequestMessage ?? request, authorization);
            HttpRequestException? error = isFollowed
                ? Redirects.ErrorOfFollowed(response, uri) : Redirects.ErrorOf(response, uri, redirects);
            if (error is not null)
                throw error;
            bool isRetry = !isFollowed && ShouldRetry(authorization, response);
            HttpResponseMessage result = response;
            response = null;
            return (result, isRetry);
        }
        catch (TangoTokenException refusal) when (response is not null)
        {
            throw await ApiRefusal.DescribeAsync(refusal, response, authorization, isAsync, cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            response?.Dispose();
            request.Headers.Authorization = null;
            request.Headers.Remove(RequestAuthorization.DpopHeader);
        }
    }

    /// <summary>
    /// Learns from a response. A failure to learn must not cost the response of a request that was sent.
    /// </summary>
    private bool ShouldRetry(RequestAuthorization authorization, HttpResponseMessage response)
    {
        try
        {
            return client.ShouldRetry(authorization, response);
        }
        catch (TangoTokenException exception) when (
            exception.ErrorCode is not (TangoTokenErrorCode.ProofRefused or TangoTokenErrorCode.TokenRefused))
        {
            return false;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    private async ValueTask<HttpResponseMessage> ForwardAsync(
        HttpRequestMessage request, bool isAsync, CancellationToken cancellationToken) => isAsync
        ? await base.SendAsync(request, cancellationToken).ConfigureAwait(false)
        : base.Send(request, cancellationToken);

    // As the header was written: one that .NET cannot parse, such as a bare key, is the program's as well.
    private static bool HasOwnAuthorization(HttpRequestMessage request)
    {
        if (!request.Headers.NonValidated.TryGetValues("Authorization", out HeaderStringValues values))
            return false;
        string value = values.ToString().Trim();
        return value.Length > 0
            && !value.Equals("Bearer", StringComparison.OrdinalIgnoreCase)
            && !value.Equals("DPoP", StringComparison.OrdinalIgnoreCase);
    }
}

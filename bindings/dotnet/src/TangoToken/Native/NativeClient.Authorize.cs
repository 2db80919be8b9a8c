using System.Net.Http.Headers;
using System.Text;
using TangoToken.Http;

namespace TangoToken.Native;

/// <content>The authorizations of requests, and what the client learns from responses.</content>
internal sealed partial class NativeClient
{
    /// <summary>Makes the headers of a request, and blocks until there is a token and a proof.</summary>
    internal RequestAuthorization Authorize(RequestTarget target, CancellationToken cancellationToken) =>
        (SignsOnAnotherThread(cancellationToken) ? null : TryMake(handles.ForThisThread, target))
            ?? AuthorizeSlowly(handles.ForThisThread, target, cancellationToken);

    /// <summary>Makes the headers of a request: at once, if a token is held and the library signs the proof.</summary>
    internal ValueTask<RequestAuthorization> AuthorizeAsync(RequestTarget target, CancellationToken cancellationToken)
    {
        try
        {
            return (signer is not null ? null : TryMake(handles.ForThisThread, target)) is { } made
                ? new ValueTask<RequestAuthorization>(made)
                : new ValueTask<RequestAuthorization>(
                    AuthorizeSlowlyAsync(handles.ForThisThread, target, cancellationToken));
        }
        catch (TangoTokenException exception)
        {
            return ValueTask.FromException<RequestAuthorization>(exception);
        }
    }

    /// <summary>
    /// Learns from a response, and returns whether to send the request again. If not, frees the handle.
    /// </summary>
    internal bool Observe(
        AuthorizationHandle authorization, int statusCode, string? dpopNonce, string? wwwAuthenticate, string? date)
    {
        if (authorization.IsClosed)
            return false;
        bool isRetry = false;
        try
        {
            NativeMethods.tango_client_observe(
                authorization.Client, authorization, statusCode, ResponseHeaders.Bound(dpopNonce),
                ResponseHeaders.Bound(wwwAuthenticate), ResponseHeaders.Bound(date), out int verdict, out nint error)
                .ThrowIfFailed(error, failures);
            isRetry = verdict == (int)Verdict.Retry;
        }
        finally
        {
            // Programs make one for each call of the API: more than the garbage collector, which sees little of them,
            // would free in time.
            if (!isRetry)
                authorization.Dispose();
        }
        return isRetry;
    }

    internal RequestAuthorization AuthorizeRetry(AuthorizationHandle rejected, CancellationToken cancellationToken)
    {
        using ClientHandle client = rejected.CloneClient();
        if (GetHeldToken(client) is null)
            WaitForToken(client, cancellationToken);
        return Sign(() => MakeRetry(client, rejected), cancellationToken);
    }

    internal async ValueTask<RequestAuthorization> AuthorizeRetryAsync(
        AuthorizationHandle rejected, CancellationToken cancellationToken)
    {
        using ClientHandle client = rejected.CloneClient();
        if (GetHeldToken(client) is null)
            await WaitForTokenAsync(client, cancellationToken).ConfigureAwait(false);
        return await SignAsync(() => MakeRetry(client, rejected), cancellationToken).ConfigureAwait(false);
    }

    // The origin of the URL is checked by the first call, before a token is requested. The last one does not wait while
    // a token is held; if an API rejects that token at this very moment, it waits for the next one, for the total
    // timeout at most. The clone keeps the client until the end, even if the program disposes it meanwhile.
    private RequestAuthorization AuthorizeSlowly(
        ClientHandle shared, RequestTarget target, CancellationToken cancellationToken)
    {
        using ClientHandle client = shared.Clone();
        if (SignsOnAnotherThread(cancellationToken)
            && Sign(() => TryMake(client, target), cancellationToken) is { } made)
            return made;
        WaitForToken(client, cancellationToken);
        return Sign(() => Make(client, target), cancellationToken);
    }

    private async Task<RequestAuthorization> AuthorizeSlowlyAsync(
        ClientHandle shared, RequestTarget target, CancellationToken cancellationToken)
    {
        using ClientHandle client = shared.Clone();
        if (signer is not null
            && await SignAsync(() => TryMake(client, target), cancellationToken).ConfigureAwait(false) is { } made)
            return made;
        await WaitForTokenAsync(client, cancellationToken).ConfigureAwait(false);
        return await SignAsync(() => Make(client, target), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Returns whether another thread calls the custom signer, which may take seconds, so that the caller can give up.
    /// </summary>
    private bool SignsOnAnotherThread(CancellationToken cancellationToken) =>
        signer is not null && cancellationToken.CanBeCanceled && !CallbackScope.IsInside;

    // Not on the thread pool, whose last free thread may be that of the blocking caller.
    private T Sign<T>(Func<T> make, CancellationToken cancellationToken) => SignsOnAnotherThread(cancellationToken)
        ? Task.Factory.StartNew(make, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            .UntilCancelled(cancellationToken).GetAwaiter().GetResult()
        : make();

    private async ValueTask<T> SignAsync<T>(Func<T> make, CancellationToken cancellationToken) => signer is not null
        ? await Task.Run(make, cancellationToken).UntilCancelled(cancellationToken).ConfigureAwait(false)
        : make();

    private RequestAuthorization Make(ClientHandle client, RequestTarget target)
    {
        var handle = new AuthorizationHandle(this, client);
        TangoTokenErrorCode status = NativeMethods.tango_client_authorize(
            handle.Client, target.Method, target.Url, out nint authorization, out nint error);
        return Received(handle, status, authorization, error)!;
    }

    private RequestAuthorization? TryMake(ClientHandle client, RequestTarget target)
    {
        var handle = new AuthorizationHandle(this, client);
        TangoTokenErrorCode status = NativeMethods.tango_client_try_authorize(
            handle.Client, target.Method, target.Url, out nint authorization, out nint error);
        return Received(handle, status, authorization, error);
    }

    private RequestAuthorization MakeRetry(ClientHandle client, AuthorizationHandle rejected)
    {
        var handle = new AuthorizationHandle(this, client);
        TangoTokenErrorCode status = NativeMethods.tango_client_authorize_again(
            handle.Client, rejected, out nint authorization, out nint error);
        return Received(handle, status, authorization, error)!;
    }

    private unsafe RequestAuthorization? Received(
        AuthorizationHandle handle, TangoTokenErrorCode status, nint authorization, nint error)
    {
        if (status != TangoTokenErrorCode.None || authorization == 0)
        {
            handle.Dispose();
            status.ThrowIfFailed(error, failures);
            return null;
        }
        handle.Receive(authorization);
        ReadOnlySpan<byte> value = Utf8StringMarshaller.Span(NativeMethods.AuthorizationValue(authorization));
        string? dpop = Utf8StringMarshaller.ConvertToManaged(NativeMethods.AuthorizationDpop(authorization));
        return new RequestAuthorization(handle, HeaderOf(value), dpop);
    }

    /// <summary>Returns the header of the last token, if that is the same, otherwise a new one.</summary>
    private AuthenticationHeaderValue HeaderOf(ReadOnlySpan<byte> value)
    {
        int space = value.IndexOf((byte)' ');
        ReadOnlySpan<byte> scheme = value[..space];
        ReadOnlySpan<byte> parameter = value[(space + 1)..];
        return Volatile.Read(ref lastToken) is { } last
            && Ascii.Equals(scheme, last.TokenType) && Ascii.Equals(parameter, last.Value)
            ? last.Header
            : new AuthenticationHeaderValue(Encoding.ASCII.GetString(scheme), Encoding.ASCII.GetString(parameter));
    }
}

using System.Diagnostics;

namespace TangoToken.Native;

/// <summary>
/// A client of the native library: its token, which all callers share, and in <c>NativeClient.Authorize.cs</c> the
/// authorizations of requests.
/// </summary>
internal sealed partial class NativeClient : IDisposable
{
    private readonly ClientHandles handles;
    private readonly SignerCallbacks? signer;
    private readonly CallbackFailures failures;
    private readonly object gate = new();
    private TangoAccessToken? lastToken;
    private volatile bool isDisposed;

    internal NativeClient(TangoTokenClientOptions options, DpopKey? dpopKey, ITangoTokenCache? cache)
    {
        CacheCallbacks? callbacks = cache is null ? null : new CacheCallbacks(cache);
        signer = dpopKey?.Signer;
        failures = new CallbackFailures(signer, callbacks);
        handles = new ClientHandles(NativeConfig.CreateClient(options, dpopKey?.Handle, callbacks, failures));
    }

    internal bool IsDisposed => isDisposed;

    public void Dispose()
    {
        isDisposed = true;
        handles.Dispose();
        // A token keeps its key, and thereby a custom signer, which may refer to this client: the garbage collector
        // sees no cycle that passes through native memory.
        Volatile.Write(ref lastToken, null);
    }

    /// <summary>Returns the token that the client holds; null if it holds none. Never waits.</summary>
    internal TangoAccessToken? GetHeldToken() => GetHeldToken(handles.ForThisThread);

    /// <summary>Blocks until there is a token, or until the cancellation.</summary>
    internal TangoAccessToken WaitForToken(CancellationToken cancellationToken) =>
        WaitForToken(handles.ForThisThread, cancellationToken);

    internal Task<TangoAccessToken> WaitForTokenAsync(CancellationToken cancellationToken) =>
        WaitForTokenAsync(handles.ForThisThread, cancellationToken);

    internal void Invalidate(TokenHandle token) =>
        NativeMethods.tango_client_invalidate(handles.ForThisThread, token, out nint error).ThrowIfFailed(error);

    internal void SetCredentials(string? clientId, string? clientSecret, string? username, string? password) =>
        NativeMethods.tango_client_set_credentials(
            handles.ForThisThread, clientId, clientSecret, username, password, out nint error).ThrowIfFailed(error);

    /// <summary>Reads the metrics; null once the client is disposed.</summary>
    internal ClientSample[]? ReadStats()
    {
        try
        {
            return isDisposed ? null : ClientStats.Read(handles.ForThisThread);
        }
        catch (ObjectDisposedException)
        {
            // Another thread has disposed the client meanwhile.
            return null;
        }
    }

    private TangoAccessToken? GetHeldToken(ClientHandle client)
    {
        NativeMethods.tango_token_try_acquire(client, out nint token, out nint error).ThrowIfFailed(error, failures);
        if (token == 0)
            return null;
        TangoAccessToken? last = Volatile.Read(ref lastToken);
        if (last?.Handle!.ValueAddress != NativeMethods.ValueAddress(token))
            return Share(new TokenHandle(token));
        NativeMethods.tango_token_free(token);
        return last;
    }

    private Task<TangoAccessToken> WaitForTokenAsync(ClientHandle client, CancellationToken cancellationToken)
    {
        // The caller's code continues on the pool. Completing the result needs no thread of the pool: all of them may
        // be blocked, each waiting for such a result.
        var result = new TaskCompletionSource<TangoAccessToken>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = CompleteAsync();
        return result.Task;

        async Task CompleteAsync()
        {
            try
            {
                result.SetResult(
                    Share(await PendingAcquire.RunAsync(client, failures, cancellationToken).ConfigureAwait(false)));
            }
            catch (OperationCanceledException cancelled)
            {
                result.SetCanceled(cancelled.CancellationToken);
            }
            catch (Exception error)
            {
                result.SetException(error);
            }
        }
    }

    // Inside a callback the library decides whether the wait would be a deadlock, and then refuses it.
    private TangoAccessToken WaitForToken(ClientHandle client, CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled && !CallbackScope.IsInside)
            return Share(PendingAcquire.Run(client, failures, cancellationToken));
        using Activity? span = TokenWait.Start();
        try
        {
            NativeMethods.tango_token_acquire(client, out nint token, out nint error).ThrowIfFailed(error, failures);
            return Share(new TokenHandle(token));
        }
        catch (Exception error) when (TokenWait.Fail(span, error))
        {
            throw;
        }
    }

    /// <summary>
    /// Returns one object for each token. The handle of the last one stays open, so that no other token has its
    /// address.
    /// </summary>
    private TangoAccessToken Share(TokenHandle token)
    {
        lock (gate)
        {
            if (lastToken?.Handle!.ValueAddress == token.ValueAddress)
            {
                token.Dispose();
                return lastToken;
            }
            var shared = new TangoAccessToken(token, signer);
            Volatile.Write(ref lastToken, shared);
            return shared;
        }
    }
}

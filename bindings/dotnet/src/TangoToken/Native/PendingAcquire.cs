using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TangoToken.Native;

/// <summary>
/// One asynchronous acquire, from its start until the library calls <c>done</c> on the one thread that completes all of
/// them.
/// </summary>
internal sealed class PendingAcquire : TaskCompletionSource<TokenHandle>
{
    private readonly CallbackFailures failures;
    private readonly CancellationToken cancellationToken;

    // The end of a span calls its listeners, which can take long, and must not delay the library's thread.
    private PendingAcquire(CallbackFailures failures, Activity? span, CancellationToken cancellationToken)
        : base(span is null ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously)
    {
        this.failures = failures;
        this.cancellationToken = cancellationToken;
    }

    /// <summary>
    /// Gets a token without blocking; a cancellation cancels the native request too. The caller continues on the
    /// library's thread, and runs no code of the program there.
    /// </summary>
    internal static async Task<TokenHandle> RunAsync(
        ClientHandle client, CallbackFailures failures, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using Activity? span = TokenWait.Start();
        try
        {
            var pending = new PendingAcquire(failures, span, cancellationToken);
            using RequestHandle request = pending.Start(client);
            using (cancellationToken.UnsafeRegister(static request => Cancel((RequestHandle)request!), request))
                return await pending.Task.ConfigureAwait(false);
        }
        catch (Exception error) when (TokenWait.Fail(span, error))
        {
            throw;
        }
    }

    /// <summary>Blocks until there is a token, or until the cancellation.</summary>
    internal static TokenHandle Run(
        ClientHandle client, CallbackFailures failures, CancellationToken cancellationToken)
    {
        using Activity? span = TokenWait.Start();
        try
        {
            var pending = new PendingAcquire(failures, span, cancellationToken);
            using RequestHandle request = pending.Start(client);
            using (cancellationToken.UnsafeRegister(static request => Cancel((RequestHandle)request!), request))
                return pending.Task.GetAwaiter().GetResult();
        }
        catch (Exception error) when (TokenWait.Fail(span, error))
        {
            throw;
        }
    }

    private static void Cancel(RequestHandle request) => NativeMethods.tango_request_cancel(request);

    private unsafe RequestHandle Start(ClientHandle client)
    {
        nint userData = UserData.Hold(this);
        bool isStarted = false;
        try
        {
            NativeMethods.tango_token_acquire_start(client, &Done, userData, out nint request, out nint error)
                .ThrowIfFailed(error, failures);
            isStarted = true;
            return new RequestHandle(request);
        }
        finally
        {
            // After a successful start `done` is certain to run, and releases the user data.
            if (!isStarted)
                UserData.Release(userData);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Done(nint userData, nint token, nint error)
    {
        PendingAcquire pending = UserData.Get<PendingAcquire>(userData);
        UserData.Release(userData);
        try
        {
            pending.Complete(token, error);
        }
        catch (Exception unexpected)
        {
            // No exception may leave a callback, and no caller may wait forever. This one means that memory ran out.
            pending.TrySetException(unexpected);
        }
    }

    private void Complete(nint token, nint error)
    {
        if (error == 0)
        {
            SetResult(new TokenHandle(token));
            return;
        }
        TangoTokenException exception = NativeErrors.Take(error, failures);
        if (exception.ErrorCode == TangoTokenErrorCode.Cancelled)
            SetCanceled(cancellationToken);
        else
            SetException(exception);
    }
}

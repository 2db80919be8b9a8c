using System;
using System.Threading;
using System.Threading.Tasks;

namespace TangoToken
{
    /// <summary>One asynchronous acquire, from its start until the library calls <c>done</c>.</summary>
    internal sealed class AcquireOperation
    {
        // Native code may call it until the process ends, so it must never be collected.
        private static readonly AcquireDone Done = Finish;
        private static readonly Action<object> Cancel = request => NativeMethods.tango_request_cancel((RequestHandle)request);

        // `done` runs on the library's callback thread, which completes all requests, so awaiting code continues on
        // another thread.
        private readonly TaskCompletionSource<AccessToken> ending =
            new TaskCompletionSource<AccessToken>(TaskCreationOptions.RunContinuationsAsynchronously);

        private AcquireOperation() { }

        internal static async Task<AccessToken> Run(ClientHandle client, CancellationToken cancellation)
        {
            cancellation.ThrowIfCancellationRequested();
            var operation = new AcquireOperation();
            using (RequestHandle request = operation.Start(client))
            using (cancellation.Register(Cancel, request))
            {
                try
                {
                    return await operation.ending.Task.ConfigureAwait(false);
                }
                catch (TangoTokenException error) when (error.Status == TangoStatus.Cancelled)
                {
                    throw new OperationCanceledException(error.Message, error, cancellation);
                }
            }
        }

        private RequestHandle Start(ClientHandle client)
        {
            IntPtr request, error, userData = Rooted.Add(this);
            bool started = false;
            try
            {
                NativeMethods.tango_token_acquire_start(client, Done, userData, out request, out error).OrThrow(error);
                started = true;
            }
            finally
            {
                // After a successful start `done` is certain to run, and releases the user data.
                if (!started)
                    Rooted.Remove<AcquireOperation>(userData);
            }
            return new RequestHandle(request);
        }

        private static void Finish(IntPtr userData, IntPtr token, IntPtr error)
        {
            CallbackThread.Enter();
            TaskCompletionSource<AccessToken> ending = Rooted.Remove<AcquireOperation>(userData).ending;
            try
            {
                if (error == IntPtr.Zero)
                    ending.SetResult(new AccessToken(new TokenHandle(token)));
                else
                    ending.SetException(TangoTokenException.Take(error));
            }
            catch (Exception unexpected)
            {
                // No exception may leave a callback, and no caller may wait forever. This one means that memory ran
                // out.
                ending.TrySetException(unexpected);
            }
        }
    }
}

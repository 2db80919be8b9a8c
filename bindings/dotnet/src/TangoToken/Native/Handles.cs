using System.Runtime.InteropServices;

namespace TangoToken.Native;

/// <summary>
/// Owns one object of the native library, and frees it exactly once: by Dispose or by the finalizer, and never while a
/// call uses it.
/// </summary>
internal abstract class NativeHandle : SafeHandle
{
    protected NativeHandle(nint owned) : base(0, ownsHandle: true)
    {
        SetHandle(owned);
        LiveObjects.Add(1);
    }

    // ReleaseHandle also runs for NULL, which every function that frees something accepts.
    public sealed override bool IsInvalid => false;

    protected abstract void Free(nint owned);

    protected override bool ReleaseHandle()
    {
        Free(handle);
        LiveObjects.Add(-1);
        return true;
    }
}

/// <summary>Counts objects that were not freed, for tests that switch <c>TangoToken.CountObjects</c> on.</summary>
/// <remarks>Threads that all write to one counter slow each other down, so a program does without.</remarks>
internal static class LiveObjects
{
    private static readonly bool IsCounting =
        AppContext.TryGetSwitch("TangoToken.CountObjects", out bool isOn) && isOn;

    private static int count;

    internal static int Count => Volatile.Read(ref count);

    internal static void Add(int number)
    {
        if (IsCounting)
            Interlocked.Add(ref count, number);
    }
}

internal sealed class ConfigHandle(nint owned) : NativeHandle(owned)
{
    protected override void Free(nint owned) => NativeMethods.tango_config_free(owned);
}

internal sealed class ClientHandle(nint owned) : NativeHandle(owned)
{
    /// <summary>
    /// Another handle of the client, for an operation that goes on if this one is disposed meanwhile.
    /// </summary>
    internal ClientHandle Clone() => new(NativeMethods.tango_client_clone(this));

    protected override void Free(nint owned) => NativeMethods.tango_client_free(owned);
}

internal sealed class TokenHandle(nint owned) : NativeHandle(owned)
{
    /// <summary>The address of the token's string, which identifies the token while this handle is open.</summary>
    internal nint ValueAddress { get; } = NativeMethods.ValueAddress(owned);

    protected override void Free(nint owned) => NativeMethods.tango_token_free(owned);
}

/// <summary>An authorization. It keeps its client alive, even if the program disposes that meanwhile.</summary>
internal sealed class AuthorizationHandle : NativeHandle
{
    private readonly ClientHandle client;

    /// <summary>Takes a reference to the client, before the call that makes the authorization.</summary>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    internal AuthorizationHandle(NativeClient owner, ClientHandle client) : base(0)
    {
        Owner = owner;
        this.client = client;
        bool isAdded = false;
        try
        {
            client.DangerousAddRef(ref isAdded);
        }
        catch
        {
            SetHandleAsInvalid();
            LiveObjects.Add(-1);
            throw;
        }
    }

    internal NativeClient Owner { get; }

    /// <summary>The client's pointer, valid while this handle is open.</summary>
    internal nint Client => client.DangerousGetHandle();

    internal void Receive(nint authorization) => SetHandle(authorization);

    protected override void Free(nint owned)
    {
        NativeMethods.tango_authorization_free(owned);
        client.DangerousRelease();
    }

    /// <summary>Returns another handle of the client, even if the program has disposed that.</summary>
    internal ClientHandle CloneClient()
    {
        bool isAdded = false;
        try
        {
            DangerousAddRef(ref isAdded);
            return new ClientHandle(NativeMethods.CloneClient(Client));
        }
        finally
        {
            if (isAdded)
                DangerousRelease();
        }
    }
}

internal sealed class DpopKeyHandle(nint owned) : NativeHandle(owned)
{
    protected override void Free(nint owned) => NativeMethods.tango_dpop_key_free(owned);
}

internal sealed class DpopProofHandle(nint owned) : NativeHandle(owned)
{
    protected override void Free(nint owned) => NativeMethods.tango_dpop_proof_free(owned);
}

internal sealed class RequestHandle(nint owned) : NativeHandle(owned)
{
    protected override void Free(nint owned) => NativeMethods.tango_request_free(owned);
}

internal sealed class StatsHandle(nint owned) : NativeHandle(owned)
{
    protected override void Free(nint owned) => NativeMethods.tango_stats_free(owned);
}

internal sealed class ErrorHandle(nint owned) : NativeHandle(owned)
{
    protected override void Free(nint owned) => NativeMethods.tango_error_free(owned);
}

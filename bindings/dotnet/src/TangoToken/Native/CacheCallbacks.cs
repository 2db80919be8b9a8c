using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TangoToken.Native;

/// <summary>The callbacks of a custom cache.</summary>
internal sealed unsafe class CacheCallbacks(ITangoTokenCache cache)
{
    private const int Done = 0;
    private const int LockedByAnother = 1;
    private const int Failed = 2;

    /// <summary>What the cache threw, or what was wrong with its result.</summary>
    internal LastFailure Failures { get; } = new();

    /// <summary>Makes a configuration use the cache.</summary>
    internal void AddTo(ConfigHandle config)
    {
        // From here on the library releases the user data, even if this call fails.
        NativeMethods.tango_config_set_cache_callbacks(
            config, &Load, &Save, &Lock, &Unlock, &Release, UserData.Hold(this), out nint error)
            .ThrowIfFailed(error);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Load(nint userData, byte* name, byte* value, nuint* valueLength)
    {
        nuint size = *valueLength;
        int length = 0;
        int result = Call(userData, name, (cache, key) =>
        {
            byte[] found = cache.Get(key) ?? [];
            if ((nuint)found.Length > size)
                throw new InvalidOperationException(
                    $"The cache returned {found.Length} bytes, and no value has more than {size}.");
            found.CopyTo(new Span<byte>(value, found.Length));
            length = found.Length;
            return Done;
        });
        *valueLength = (nuint)length;
        return result;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static int Save(nint userData, byte* name, byte* value, nuint valueLength, ulong keepMs) =>
        Call(userData, name, (cache, key) =>
        {
            var bytes = new ReadOnlySpan<byte>(value, checked((int)valueLength));
            if (value is null)
                cache.Remove(key);
            else
                cache.Set(key, bytes.ToArray(), Milliseconds(keepMs));
            return Done;
        });

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Lock(nint userData, byte* name, byte* owner, ulong leaseMs) =>
        Call(userData, name, (cache, key) =>
            cache.TryLock(key, Utf8StringMarshaller.ConvertToManaged(owner)!, Milliseconds(leaseMs))
                ? Done : LockedByAnother);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Unlock(nint userData, byte* name, byte* owner) =>
        Call(userData, name, (cache, key) =>
        {
            cache.Unlock(key, Utf8StringMarshaller.ConvertToManaged(owner)!);
            return Done;
        });

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Release(nint userData) => UserData.Release(userData);

    private static int Call(nint userData, byte* name, Func<ITangoTokenCache, string, int> call)
    {
        using CallbackScope scope = CallbackScope.Enter();
        CacheCallbacks callbacks = UserData.Get<CacheCallbacks>(userData);
        try
        {
            int result = call(callbacks.Cache, Utf8StringMarshaller.ConvertToManaged(name)!);
            callbacks.Failures.Clear();
            return result;
        }
        catch (Exception exception)
        {
            // No exception may leave a callback: the cache is unavailable, with this inner exception.
            callbacks.Failures.Report(exception);
            return Failed;
        }
    }

    private ITangoTokenCache Cache => cache;

    // The library keeps nothing for longer than 24 days, which is less than the limit here.
    private static TimeSpan Milliseconds(ulong milliseconds) =>
        TimeSpan.FromMilliseconds(ulong.Min(milliseconds, int.MaxValue));
}

using TangoToken.Native;

namespace TangoToken.Tests.Support;

/// <summary>Calls of the callbacks as the native library makes them.</summary>
internal static unsafe class RawCalls
{
    /// <summary>Saves a value in a cache, or drops it if it is null. Returns the status of the callback.</summary>
    internal static int Save(ITangoTokenCache cache, string key, byte[]? value)
    {
        nint userData = UserData.Hold(new CacheCallbacks(cache));
        try
        {
            byte[] name = System.Text.Encoding.UTF8.GetBytes(key + '\0');
            fixed (byte* keyBytes = name)
            fixed (byte* bytes = value)
            {
                delegate* unmanaged[Cdecl]<nint, byte*, byte*, nuint, ulong, int> save = &CacheCallbacks.Save;
                return save(userData, keyBytes, bytes, (nuint)(value?.Length ?? 0), 60_000);
            }
        }
        finally
        {
            UserData.Release(userData);
        }
    }
}

using System.Runtime.InteropServices;

namespace TangoToken.Native;

/// <summary>
/// Objects that native code holds as <c>user_data</c>. They are not collected between Hold and Release.
/// </summary>
internal static class UserData
{
    internal static nint Hold(object target)
    {
        nint userData = GCHandle.ToIntPtr(GCHandle.Alloc(target));
        LiveObjects.Add(1);
        return userData;
    }

    internal static T Get<T>(nint userData) where T : class => (T)GCHandle.FromIntPtr(userData).Target!;

    internal static void Release(nint userData)
    {
        GCHandle.FromIntPtr(userData).Free();
        LiveObjects.Add(-1);
    }
}

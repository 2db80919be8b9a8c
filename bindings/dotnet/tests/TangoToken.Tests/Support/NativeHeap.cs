using System.Runtime.InteropServices;

namespace TangoToken.Tests.Support;

/// <summary>The heap of the C library, in which the native library allocates.</summary>
internal static partial class NativeHeap
{
    // Smaller than any native object.
    private const int SmallestObject = 16;

    /// <summary>Calls an action many times. A leak grows in every round; allocations of the runtime do not.</summary>
    internal static void DoesNotGrow(int times, Action action)
    {
        long least = long.MaxValue;
        for (int round = 0; round < 10 && least >= times * SmallestObject; round++)
        {
            long before = InUse();
            for (int i = 0; i < times; i++)
                action();
            least = Math.Min(least, InUse() - before);
        }
        Assert.True(least < times * SmallestObject, $"{times} calls leaked {least} bytes");
    }

    private static long InUse()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        MallInfo info = mallinfo2();
        return (long)info.InUse + (long)info.Mapped;
    }

    // struct mallinfo2 of malloc.h: ten size_t.
    [StructLayout(LayoutKind.Explicit, Size = 80)]
    private struct MallInfo
    {
        [FieldOffset(32)] internal nuint Mapped;
        [FieldOffset(56)] internal nuint InUse;
    }

    [LibraryImport("libc.so.6")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial MallInfo mallinfo2();
}

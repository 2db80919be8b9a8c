using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;

namespace TangoToken.Native;

/// <summary>
/// Several handles of one client, which threads share out among them. Each call counts itself in the handle that it
/// uses, and two threads that write to the same counter slow each other down.
/// </summary>
internal sealed class ClientHandles : IDisposable
{
    private readonly ClientHandle[] handles;
    private readonly Padding[] padding;

    /// <summary>Takes over the handle of a client.</summary>
    internal ClientHandles(ClientHandle first)
    {
        int count = (int)uint.Min(BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount), 16);
        handles = new ClientHandle[count];
        padding = new Padding[count];
        handles[0] = first;
        for (int i = 1; i < count; i++)
        {
            // Objects that are allocated one after the other stay neighbours: the padding keeps the handles apart.
            padding[i] = new Padding();
            handles[i] = first.Clone();
        }
    }

    /// <summary>The handle for this thread.</summary>
    internal ClientHandle ForThisThread => handles[Environment.CurrentManagedThreadId & (handles.Length - 1)];

    public void Dispose()
    {
        foreach (ClientHandle handle in handles)
            handle.Dispose();
        GC.KeepAlive(padding);
    }

    [StructLayout(LayoutKind.Sequential, Size = 256)]
    [SuppressMessage("Performance", "CA1812", Justification = "An instance fills the gap between two handles.")]
    private sealed class Padding;
}

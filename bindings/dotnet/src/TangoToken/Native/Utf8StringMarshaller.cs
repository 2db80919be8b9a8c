using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using System.Text;

namespace TangoToken.Native;

/// <summary>
/// Strings as NUL-terminated UTF-8: those passed in are copied and wiped after the call, those handed out are borrowed
/// from their object. The marshaller that .NET provides neither wipes its copy nor refuses half a surrogate pair.
/// </summary>
[CustomMarshaller(typeof(string), MarshalMode.ManagedToUnmanagedIn, typeof(ManagedToUnmanagedIn))]
[CustomMarshaller(typeof(string), MarshalMode.ManagedToUnmanagedOut, typeof(Utf8StringMarshaller))]
internal static unsafe class Utf8StringMarshaller
{
    /// <summary>Copies a borrowed string; null for NULL.</summary>
    public static string? ConvertToManaged(byte* borrowed) =>
        borrowed is null ? null : Encoding.UTF8.GetString(Span(borrowed));

    /// <summary>The bytes of a borrowed string that is not NULL, without the NUL at its end.</summary>
    internal static ReadOnlySpan<byte> Span(byte* borrowed) =>
        MemoryMarshal.CreateReadOnlySpanFromNullTerminated(borrowed);

    /// <summary>A copy for the length of one call.</summary>
    public ref struct ManagedToUnmanagedIn
    {
        private byte* start;
        private Span<byte> bytes;
        private bool isAllocated;

        /// <summary>The size of the buffer on the stack, which is enough for nearly every method and URL.</summary>
        public static int BufferSize => 512;

        // Half a surrogate pair would be replaced: Require finds it before, where the program has to correct it.
        public void FromManaged(string? managed, Span<byte> buffer)
        {
            if (managed is null)
                return;
            int size = checked(Encoding.UTF8.GetMaxByteCount(managed.Length) + 1);
            if (size > buffer.Length)
                size = Encoding.UTF8.GetByteCount(managed) + 1;
            isAllocated = size > buffer.Length;
            start = isAllocated
                ? (byte*)NativeMemory.Alloc((nuint)size)
                : (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(buffer));
            bytes = new Span<byte>(start, size);
            int length = Encoding.UTF8.GetBytes(managed, bytes);
            bytes[length] = 0;
            bytes = bytes[..length];
        }

        public readonly byte* ToUnmanaged() => start;

        public readonly void Free()
        {
            bytes.Clear();
            if (isAllocated)
                NativeMemory.Free(start);
        }
    }

    /// <summary>
    /// Checks that C and UTF-8 can hold a string, which is refused rather than changed, because it may be a password.
    /// </summary>
    /// <param name="value">The string.</param>
    /// <param name="name">The parameter or property that it comes from.</param>
    internal static void Require(string? value, string name)
    {
        if (value is null)
            return;
        if (value.Contains('\0'))
            throw new ArgumentException("The string contains a NUL character.", name);
        // Every other code unit is a character on its own.
        if (value.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') && HasLoneSurrogate(value))
            throw new ArgumentException("The string contains half a surrogate pair.", name);
    }

    private static bool HasLoneSurrogate(string value)
    {
        for (int i = 0; i < value.Length; i++)
        {
            if (!char.IsSurrogate(value[i]))
                continue;
            if (!char.IsHighSurrogate(value[i]) || i + 1 == value.Length || !char.IsLowSurrogate(value[++i]))
                return true;
        }
        return false;
    }
}

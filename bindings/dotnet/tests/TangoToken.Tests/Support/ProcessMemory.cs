using System.Globalization;

namespace TangoToken.Tests.Support;

/// <summary>The memory of this process, as /proc shows it.</summary>
internal static class ProcessMemory
{
    private const int Step = 1 << 20;

    /// <summary>Counts the copies of an ASCII string in UTF-8 in all writable memory.</summary>
    internal static int CountUtf8(string wanted)
    {
        // What is read is compared without a copy of the wanted bytes: their complement is in memory instead.
        byte[] complement = [.. wanted.Select(character => (byte)~character)];
        byte[] buffer = GC.AllocateArray<byte>(Step + complement.Length, pinned: true);
        using FileStream memory = new("/proc/self/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
        int count = 0;
        foreach ((long start, long end) in WritableRegions())
            for (long at = start; at < end; at += Step)
            {
                int length = Read(memory, at, buffer.AsSpan(0, (int)Math.Min(end - at, buffer.Length)));
                // Complemented, so that the buffer itself holds no copy that a later step would find.
                for (int i = 0; i < length; i++)
                    buffer[i] = (byte)~buffer[i];
                count += Count(buffer.AsSpan(0, length), complement);
            }
        return count;
    }

    private static int Count(ReadOnlySpan<byte> memory, ReadOnlySpan<byte> wanted)
    {
        int count = 0;
        for (int at = memory.IndexOf(wanted); at >= 0; at = memory.IndexOf(wanted))
        {
            count++;
            memory = memory[(at + 1)..];
        }
        return count;
    }

    private static int Read(FileStream memory, long at, Span<byte> buffer)
    {
        try
        {
            return RandomAccess.Read(memory.SafeFileHandle, buffer, at);
        }
        catch (IOException)
        {
            return 0; // Unmapped meanwhile, or not readable, such as a guard page.
        }
    }

    private static List<(long Start, long End)> WritableRegions()
    {
        var regions = new List<(long Start, long End)>();
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] fields = line.Split(' ', 3);
            if (!fields[1].StartsWith("rw", StringComparison.Ordinal))
                continue;
            string[] addresses = fields[0].Split('-');
            regions.Add((
                long.Parse(addresses[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                long.Parse(addresses[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
        }
        return regions;
    }
}

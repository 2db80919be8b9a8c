using TagList = System.Collections.Generic.KeyValuePair<string, object?>[];

namespace TangoToken.Native;

/// <summary>
/// One value of a client's metrics. A histogram has the sum of its measurements as its value, and their number.
/// </summary>
internal readonly record struct ClientSample(
    string Name, MetricKind Kind, string Unit, string Description, TagList Tags, double Value, ulong Count);

/// <summary>Reads the metrics of a client.</summary>
internal static class ClientStats
{
    /// <summary>Takes a snapshot. It sends nothing and waits for nothing.</summary>
    internal static ClientSample[] Read(ClientHandle client)
    {
        NativeMethods.tango_client_stats(client, out nint taken, out nint error).ThrowIfFailed(error);
        using var stats = new StatsHandle(taken);
        var samples = new ClientSample[(int)NativeMethods.tango_stats_count(stats)];
        for (int i = 0; i < samples.Length; i++)
            samples[i] = Read(stats, (nuint)i);
        return samples;
    }

    private static ClientSample Read(StatsHandle stats, nuint index)
    {
        nuint buckets = NativeMethods.tango_stats_bucket_count(stats, index);
        return new ClientSample(
            NativeMethods.tango_stats_name(stats, index)!,
            (MetricKind)NativeMethods.tango_stats_kind(stats, index),
            NativeMethods.tango_stats_unit(stats, index)!,
            NativeMethods.tango_stats_description(stats, index)!,
            ReadTags(stats, index),
            NativeMethods.tango_stats_value_at(stats, index),
            buckets == 0 ? 0 : NativeMethods.tango_stats_bucket_measurements(stats, index, buckets - 1));
    }

    private static TagList ReadTags(StatsHandle stats, nuint index)
    {
        var tags = new List<KeyValuePair<string, object?>>();
        while (NativeMethods.tango_stats_attribute_name(stats, index, (nuint)tags.Count) is { } name)
            tags.Add(new(name, NativeMethods.tango_stats_attribute_value(stats, index, (nuint)tags.Count)));
        return [.. tags];
    }
}

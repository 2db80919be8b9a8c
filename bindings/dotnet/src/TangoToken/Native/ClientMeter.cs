using System.Diagnostics.Metrics;
using System.Runtime.Loader;

namespace TangoToken.Native;

/// <summary>
/// The meter <c>TangoToken</c>: an instrument for each metric of the native library, which observes all clients of the
/// process. Without a listener it does nothing.
/// </summary>
/// <remarks>
/// The library counts durations in buckets of its own, and no instrument of .NET takes counts that exist already. So a
/// histogram has two counters here: the number of measurements, and their sum.
/// </remarks>
internal static class ClientMeter
{
    private static readonly object Gate = new();
    private static readonly List<WeakReference<TangoTokenClient>> Clients = [];
    private static Meter? meter;

    /// <summary>Observes a client until it is disposed or collected.</summary>
    internal static void Add(TangoTokenClient client)
    {
        lock (Gate)
        {
            Clients.RemoveAll(static known => !known.TryGetTarget(out TangoTokenClient? one) || one.IsDisposed);
            Clients.Add(new WeakReference<TangoTokenClient>(client));
            if (meter is null && client.ReadStats() is { } samples)
                CreateInstruments(meter = NewMeter(), samples);
        }
    }

    private static Meter NewMeter()
    {
        System.Reflection.Assembly assembly = typeof(ClientMeter).Assembly;
        var made = new Meter("TangoToken", assembly.GetName().Version!.ToString(3));
        // A listener keeps the instruments, and thereby this code, which goes when its load context is unloaded.
        if (AssemblyLoadContext.GetLoadContext(assembly) is { IsCollectible: true } context)
            context.Unloading += _ => made.Dispose();
        return made;
    }

    private static void CreateInstruments(Meter made, ClientSample[] samples)
    {
        foreach (ClientSample sample in samples.DistinctBy(static sample => sample.Name))
        {
            (string name, string unit, string description) = (sample.Name, sample.Unit, sample.Description);
            switch (sample.Kind)
            {
                case MetricKind.Counter:
                    made.CreateObservableCounter(name, () => Observe(name, static one => one.Value), unit, description);
                    break;
                case MetricKind.Gauge:
                    made.CreateObservableGauge(name, () => Observe(name, static one => one.Value), unit, description);
                    break;
                case MetricKind.Histogram:
                    made.CreateObservableCounter(
                        name + ".sum", () => Observe(name, static one => one.Value), unit, description + " Their sum.");
                    made.CreateObservableCounter(
                        name + ".count",
                        () => Observe(name, static one => one.Count),
                        "{request}",
                        description + " Their number.");
                    break;
            }
        }
    }

    private static List<Measurement<double>> Observe(string name, Func<ClientSample, double> read)
    {
        var measurements = new List<Measurement<double>>();
        foreach (TangoTokenClient client in LiveClients())
        {
            foreach (ClientSample sample in client.ReadStats() ?? [])
            {
                if (sample.Name == name)
                    measurements.Add(new Measurement<double>(read(sample), Tags(sample, client.Name)));
            }
        }
        return measurements;
    }

    private static KeyValuePair<string, object?>[] Tags(ClientSample sample, string? client) =>
        client is null ? sample.Tags : [.. sample.Tags, new("tango.client.name", client)];

    private static List<TangoTokenClient> LiveClients()
    {
        var live = new List<TangoTokenClient>();
        lock (Gate)
        {
            foreach (WeakReference<TangoTokenClient> known in Clients)
            {
                if (known.TryGetTarget(out TangoTokenClient? client))
                    live.Add(client);
            }
        }
        return live;
    }
}

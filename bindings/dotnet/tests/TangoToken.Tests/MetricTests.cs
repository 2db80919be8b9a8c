using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace TangoToken.Tests;

/// <summary>The instruments of the meter TangoToken, as a listener of .NET sees them.</summary>
public class MetricTests
{
    private sealed record Observed(Instrument Instrument, double Value, IReadOnlyDictionary<string, object?> Tags);

    [Fact]
    public void Instruments_observe_what_a_client_did()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        client.Name = nameof(Instruments_observe_what_a_client_did);
        for (int i = 0; i < 4; i++)
            client.GetToken();
        List<Observed> observed = Observe(client.Name);
        Assert.Equal(1, Value(observed, "tango.token.requests", "outcome", "issued"));
        Assert.Equal(0, Value(observed, "tango.token.requests", "outcome", "refused"));
        Assert.Equal(1, Value(observed, "tango.token.responses", "http.response.status_class", "2xx"));
        Assert.Equal(3, Value(observed, "tango.token.served", "source", "memory"));
        Assert.Equal(1, Value(observed, "tango.token.request.duration.count"));
        Assert.True(Value(observed, "tango.token.request.duration.sum") > 0);
        Assert.InRange(Value(observed, "tango.token.expires_in"), 86_000, 86_400);
        Assert.Equal(0, Value(observed, "tango.token.cool_down"));
        Instrument requests = observed.First(one => one.Instrument.Name == "tango.token.requests").Instrument;
        Assert.Equal("{request}", requests.Unit);
        Assert.StartsWith("Token requests", requests.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void Disposed_client_is_not_observed()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        client.Name = nameof(Disposed_client_is_not_observed);
        Assert.NotEmpty(Observe(client.Name));
        client.Dispose();
        Assert.Empty(Observe(client.Name));
    }

    [Fact]
    public void Clients_are_told_apart_by_their_names()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient one = sandbox.Client();
        using TangoTokenClient other = sandbox.Client();
        (one.Name, other.Name) = ("Clients_are_told_apart: one", "Clients_are_told_apart: other");
        one.GetToken();
        Assert.Equal(1, Value(Observe(one.Name), "tango.token.requests", "outcome", "issued"));
        Assert.Equal(0, Value(Observe(other.Name), "tango.token.requests", "outcome", "issued"));
    }

    private static double Value(List<Observed> observed, string name, string? tag = null, string? value = null) =>
        Assert.Single(
            observed,
            one => one.Instrument.Name == name && (tag is null || Equals(one.Tags.GetValueOrDefault(tag), value))).Value;

    /// <summary>Reads all instruments for the client of one test: others run at the same time.</summary>
    private static List<Observed> Observe(string client)
    {
        var observed = new ConcurrentQueue<Observed>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == "TangoToken")
                listener.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
            observed.Enqueue(new Observed(instrument, value, new Dictionary<string, object?>(tags.ToArray()))));
        listener.Start();
        listener.RecordObservableInstruments();
        return [.. observed.Where(one => Equals(one.Tags.GetValueOrDefault("tango.client.name"), client))];
    }
}

using Microsoft.Extensions.Configuration;

namespace TangoToken.Extensions.DependencyInjection.Tests.Support;

/// <summary>A configuration in memory that changes while the application runs, as a file or a vault does.</summary>
internal sealed class Changeable(Dictionary<string, string?> settings) : ConfigurationProvider, IConfigurationSource
{
    public override void Load() => Data = new Dictionary<string, string?>(settings, StringComparer.OrdinalIgnoreCase);

    /// <summary>Changes settings at once, and tells the application.</summary>
    internal void Change(params (string Key, string? Value)[] changes)
    {
        foreach ((string key, string? value) in changes)
            Data[key] = value;
        OnReload();
    }

    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;
}

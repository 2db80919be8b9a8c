using Microsoft.Extensions.DependencyInjection.Extensions;
using TangoToken;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Tango API tokens for applications with dependency injection.</summary>
public static class TangoTokenServiceCollectionExtensions
{
    /// <summary>Adds one <see cref="TangoTokenClient"/> for the application.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddTangoToken(
        this IServiceCollection services, Action<TangoTokenClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        var options = new TangoTokenClientOptions();
        configure(options);
        services.TryAddSingleton(_ => new TangoTokenClient(options));
        services.TryAddTransient(provider => new TangoTokenHandler(provider.GetRequiredService<TangoTokenClient>()));
        return services;
    }
}

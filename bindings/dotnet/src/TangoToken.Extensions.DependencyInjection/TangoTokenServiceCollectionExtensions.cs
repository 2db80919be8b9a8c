using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using TangoToken;
using TangoToken.Extensions.DependencyInjection;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds clients for tokens of the Tango API to the services of an application.</summary>
/// <remarks>
/// A client without a name is the service <see cref="TangoTokenClient"/>; a client with a name is the keyed service of
/// that name. Each is a singleton. A <see cref="DpopKey"/> and an <see cref="ITangoTokenCache"/> are taken from the
/// services: for a client with a name the keyed service of that name, otherwise the one without a key. When a host
/// starts, it creates the clients, so wrong settings end the start with an <see cref="OptionsValidationException"/>;
/// nothing is sent. The library's log goes to the category <c>TangoToken</c> of <c>ILogger</c>.
/// </remarks>
public static class TangoTokenServiceCollectionExtensions
{
    /// <summary>Adds a client whose settings are the <c>TANGO_*</c> environment variables, and no others.</summary>
    /// <param name="services">The services of the application.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">A client with other settings was added before.</exception>
    /// <example>
    /// <code>
    /// builder.Services.AddTangoToken();
    /// builder.Services.AddHttpClient("tango").AddTangoTokenHandler();
    /// </code>
    /// </example>
    public static IServiceCollection AddTangoToken(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        return services.AddClient(
            new ClientRegistration(Options.Options.DefaultName, Environment: true),
            options => options.Configure(static options => options.UseEnvironmentVariables = true));
    }

    /// <summary>Adds a client whose settings are a section of the configuration.</summary>
    /// <remarks>
    /// Credentials that change in the configuration are used from the next refresh on. Other changes are logged, and
    /// take effect after a restart.
    /// </remarks>
    /// <param name="services">The services of the application.</param>
    /// <param name="configuration">
    /// The section, whose keys are the properties of <see cref="TangoTokenClientOptions"/>.
    /// </param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">A client with other settings was added before.</exception>
    /// <example>
    /// <code>
    /// builder.Services.AddTangoToken(builder.Configuration.GetSection("Tango"));
    /// builder.Services.AddHttpClient("tango").AddTangoTokenHandler();
    /// </code>
    /// </example>
    public static IServiceCollection AddTangoToken(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddClient(Options.Options.DefaultName, configuration);
    }

    /// <summary>Adds a client whose settings are made by code.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">A client with other settings was added before.</exception>
    /// <example>
    /// <code>
    /// services.AddTangoToken(options =>
    /// {
    ///     options.UseEnvironmentVariables = true;
    ///     options.Cache = "file";
    /// });
    /// </code>
    /// </example>
    public static IServiceCollection AddTangoToken(
        this IServiceCollection services, Action<TangoTokenClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        return services.AddClient(Options.Options.DefaultName, configure);
    }

    /// <summary>Adds a client with a name, whose settings are a section of the configuration.</summary>
    /// <remarks>
    /// Credentials that change in the configuration are used from the next refresh on. Other changes are logged, and
    /// take effect after a restart.
    /// </remarks>
    /// <param name="services">The services of the application.</param>
    /// <param name="name">
    /// The name: the key of the service, the name of the options, and the argument of
    /// <see cref="TangoTokenHttpClientBuilderExtensions.AddTangoTokenHandler"/>.
    /// </param>
    /// <param name="configuration">
    /// The section, whose keys are the properties of <see cref="TangoTokenClientOptions"/>.
    /// </param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">
    /// A client with this name and other settings was added before.
    /// </exception>
    /// <example>
    /// <code>
    /// builder.Services.AddTangoToken("rewards", builder.Configuration.GetSection("Tango:Rewards"));
    /// builder.Services.AddTangoToken("promotions", builder.Configuration.GetSection("Tango:Promotions"));
    /// builder.Services.AddHttpClient("rewards").AddTangoTokenHandler("rewards");
    /// </code>
    /// </example>
    public static IServiceCollection AddTangoToken(
        this IServiceCollection services, string name, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddClient(name, configuration);
    }

    /// <summary>Adds a client with a name, whose settings are made by code.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="name">
    /// The name: the key of the service, the name of the options, and the argument of
    /// <see cref="TangoTokenHttpClientBuilderExtensions.AddTangoTokenHandler"/>.
    /// </param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">
    /// A client with this name and other settings was added before.
    /// </exception>
    /// <example>
    /// <code>
    /// services.AddTangoToken("rewards", options => options.ClientId = "...");
    /// public sealed class Orders([FromKeyedServices("rewards")] TangoTokenClient client);
    /// </code>
    /// </example>
    public static IServiceCollection AddTangoToken(
        this IServiceCollection services, string name, Action<TangoTokenClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(configure);
        return services.AddClient(name, configure);
    }

    private static IServiceCollection AddClient(
        this IServiceCollection services, string name, IConfiguration configuration) =>
        services.AddClient(
            new ClientRegistration(name, Configuration: configuration), options => options.Bind(configuration));

    private static IServiceCollection AddClient(
        this IServiceCollection services, string name, Action<TangoTokenClientOptions> configure) =>
        services.AddClient(
            new ClientRegistration(name, Configure: configure), options => options.Configure(configure));

    private static IServiceCollection AddClient(
        this IServiceCollection services, ClientRegistration registration,
        Action<OptionsBuilder<TangoTokenClientOptions>> configure)
    {
        if (registration.IsAlreadyIn(services))
            return services;
        string name = registration.Name;
        services.AddSingleton(registration);
        configure(services.AddOptions<TangoTokenClientOptions>(name));
        services.AddLogging();
        services.TryAddSingleton<LogForwarder>();
        services.TryAddSingleton<CredentialUpdates>();
        services.TryAddSingleton<ClientFactory>();
        if (name == Options.Options.DefaultName)
            services.TryAddSingleton(provider => provider.GetRequiredService<ClientFactory>().Create(registration));
        else
            services.TryAddKeyedSingleton(
                name, (provider, _) => provider.GetRequiredService<ClientFactory>().Create(registration));
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<StartupCheck>, StartupCheck.Validator>());
        services.AddOptions<StartupCheck>(name).ValidateOnStart();
        return services;
    }
}

using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace TangoToken.Extensions.DependencyInjection;

/// <summary>Creates the clients that <c>AddTangoToken</c> added.</summary>
internal sealed class ClientFactory
{
    private readonly IServiceProvider provider;
    private readonly IOptionsMonitor<TangoTokenClientOptions> monitor;
    private readonly CredentialUpdates updates;

    // The log forwarder is an argument so that it exists before the first line, and outlives every client.
    public ClientFactory(
        IServiceProvider provider, IOptionsMonitor<TangoTokenClientOptions> monitor, CredentialUpdates updates,
        LogForwarder log)
    {
        _ = log;
        this.provider = provider;
        this.monitor = monitor;
        this.updates = updates;
    }

    /// <summary>Creates a client, whose credentials follow the configuration.</summary>
    /// <exception cref="OptionsValidationException">The settings cannot be used.</exception>
    internal TangoTokenClient Create(ClientRegistration registration)
    {
        string name = registration.Name;
        TangoTokenClientOptions options = monitor.Get(name);
        if (registration.Environment)
            RefuseOtherAccount(registration, options);
        TangoTokenClient client;
        try
        {
            client = new TangoTokenClient(options, FindDpopKey(name, options), Find<ITangoTokenCache>(name))
            {
                Name = name.Length == 0 ? null : name,
            };
        }
        catch (TangoTokenException error) when (
            error.ErrorCode is TangoTokenErrorCode.InvalidConfiguration or TangoTokenErrorCode.KeyRejected)
        {
            throw Refused(registration, error.Message);
        }
        catch (ArgumentException error)
        {
            throw Refused(registration, error.Message);
        }
        updates.Follow(client, name, options);
        return client;
    }

    /// <summary>Refuses credentials of the environment that would be mixed with those of another account.</summary>
    private static void RefuseOtherAccount(ClientRegistration registration, TangoTokenClientOptions options)
    {
        if (options is { ClientId: null, ClientSecret: null, Username: null, Password: null })
            return;
        throw Refused(
            registration,
            "AddTangoToken() takes the account from the environment variables, and another part of the application "
            + $"sets credentials in {nameof(TangoTokenClientOptions)} as well. Call AddTangoToken(section) or "
            + "AddTangoToken(options => ...) to use those; the environment variables complete them if "
            + $"{nameof(TangoTokenClientOptions.UseEnvironmentVariables)} is set there.");
    }

    // A key for all clients is not meant for one that expressly has none.
    private DpopKey? FindDpopKey(string name, TangoTokenClientOptions options) =>
        options.Dpop == DpopMode.Off ? provider.GetKeyedService<DpopKey>(name) : Find<DpopKey>(name);

    private T? Find<T>(string name)
        where T : class =>
        (name.Length == 0 ? null : provider.GetKeyedService<T>(name)) ?? provider.GetService<T>();

    private static OptionsValidationException Refused(ClientRegistration registration, string reason)
    {
        string name = registration.Name.Length == 0 ? "" : $" \"{registration.Name}\"";
        return new OptionsValidationException(
            registration.Name,
            typeof(TangoTokenClientOptions),
            [$"The Tango token client{name}, whose settings are {registration.Source}, cannot be created: {reason}"]);
    }
}

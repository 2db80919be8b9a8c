using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace TangoToken.Extensions.DependencyInjection;

/// <summary>A call of <c>AddTangoToken</c>: the name of the client, and the source of its settings.</summary>
internal sealed record ClientRegistration(
    string Name,
    bool Environment = false,
    IConfiguration? Configuration = null,
    Action<TangoTokenClientOptions>? Configure = null)
{
    /// <summary>
    /// Returns whether the same client was added before. Libraries may add the client that they need, as the
    /// application does.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was added with other settings.</exception>
    internal bool IsAlreadyIn(IServiceCollection services)
    {
        ClientRegistration? earlier = services
            .Where(service => !service.IsKeyedService)
            .Select(service => service.ImplementationInstance as ClientRegistration)
            .FirstOrDefault(registration => registration?.Name == Name);
        if (earlier is null)
            return false;
        if (HasSameSource(earlier))
            return true;
        string call = Name.Length == 0 ? "AddTangoToken was called" : $"AddTangoToken(\"{Name}\") was called";
        throw new InvalidOperationException(
            $"{call} a second time with other settings: first with {earlier.Source}, now with {Source}. One client "
            + "would use the account of the other. Give each account a name: AddTangoToken(\"rewards\", ...) and "
            + "AddTangoTokenHandler(\"rewards\").");
    }

    /// <summary>Where the settings are, for messages.</summary>
    internal string Source => Environment
        ? "the environment variables"
        : Configuration switch
        {
            null => "those of a delegate",
            IConfigurationSection section => $"the section {section.Path} of the configuration",
            _ => "the configuration",
        };

    private bool HasSameSource(ClientRegistration other) =>
        Environment == other.Environment
        && Equals(Configure, other.Configure)
        && (ReferenceEquals(Configuration, other.Configuration)
            || (Configuration is IConfigurationSection mine
                && other.Configuration is IConfigurationSection theirs
                && mine.Path == theirs.Path
                && mine.AsEnumerable().SequenceEqual(theirs.AsEnumerable())));
}

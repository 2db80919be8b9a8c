using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace TangoToken.Extensions.DependencyInjection;

/// <summary>
/// Options without a value, whose validation at the start of a host creates the client. A validator of the client's own
/// options would run again at each change of the configuration, where its exception has no receiver; and it would
/// refuse the options of a client that a test has replaced.
/// </summary>
internal sealed class StartupCheck
{
    internal sealed class Validator(IServiceProvider provider) : IValidateOptions<StartupCheck>
    {
        public ValidateOptionsResult Validate(string? name, StartupCheck options)
        {
            _ = string.IsNullOrEmpty(name)
                ? provider.GetRequiredService<TangoTokenClient>()
                : provider.GetRequiredKeyedService<TangoTokenClient>(name);
            return ValidateOptionsResult.Success;
        }
    }
}

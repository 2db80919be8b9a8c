using System;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using TangoToken;

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Tango API tokens for applications with dependency injection.</summary>
    public static class TangoTokenServiceCollectionExtensions
    {
        /// <summary>
        /// Adds one <see cref="TangoClient"/> for the application, and <see cref="TangoTokenHandler"/> for its HTTP
        /// clients: <c>services.AddHttpClient("tango").AddHttpMessageHandler&lt;TangoTokenHandler&gt;()</c>.
        /// </summary>
        /// <param name="services">The services of the application.</param>
        /// <param name="configure">
        /// Sets the options, in addition to those that <c>services.Configure&lt;TangoClientOptions&gt;(section)</c>
        /// binds; <c>null</c> reads the <c>TANGO_*</c> environment variables. The client is created, and the options
        /// are checked, when the client is first needed.
        /// </param>
        /// <returns>The same services.</returns>
        /// <exception cref="ArgumentNullException"><paramref name="services"/> is <c>null</c>.</exception>
        public static IServiceCollection AddTangoToken(
            this IServiceCollection services, Action<TangoClientOptions> configure = null)
        {
            if (services == null)
                throw new ArgumentNullException("services");
            services.AddOptions();
            services.Configure(configure ?? (options => options.LoadEnvironment = true));
            services.TryAddSingleton(
                provider => new TangoClient(provider.GetRequiredService<IOptions<TangoClientOptions>>().Value));
            services.TryAddTransient(provider => new TangoTokenHandler(provider.GetRequiredService<TangoClient>()));
            return services;
        }
    }
}

using Microsoft.Extensions.Http;
using TangoToken;
using TangoToken.Extensions.DependencyInjection;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds tokens of the Tango API to the requests of an <see cref="HttpClient"/>.</summary>
public static class TangoTokenHttpClientBuilderExtensions
{
    /// <summary>
    /// Adds a <see cref="TangoTokenHandler"/> with all that belongs to it. <c>AddTangoToken</c> adds its client.
    /// </summary>
    /// <remarks>
    /// <list type="bullet">
    /// <item>The handler is the innermost one, whatever the order of the calls: each attempt of a resilience handler
    /// gets a new proof, which an API requires.</item>
    /// <item>The primary handler returns redirects instead of following them, because it would send a used proof to
    /// another URL. This also holds for a <see cref="SocketsHttpHandler"/> or an <see cref="HttpClientHandler"/> that
    /// the application sets.</item>
    /// <item>The factory's own log never shows the headers <c>Authorization</c> and <c>DPoP</c>, even if
    /// <c>RedactLoggedHeaders</c> names others only.</item>
    /// <item>Called in <c>ConfigureHttpClientDefaults</c>, it is for all HTTP clients except those that have such a
    /// handler themselves.</item>
    /// </list>
    /// </remarks>
    /// <param name="builder">The builder of the HTTP client.</param>
    /// <param name="clientName">
    /// The name of the <see cref="TangoTokenClient"/>; <c>null</c> for the one without a name.
    /// </param>
    /// <returns>The same builder.</returns>
    /// <exception cref="InvalidOperationException">
    /// The HTTP client has a handler of another <see cref="TangoTokenClient"/>.
    /// </exception>
    /// <example>
    /// <code>
    /// services.AddTangoToken(configuration.GetSection("Tango"));
    /// services.AddHttpClient&lt;Orders&gt;()
    ///     .AddTangoTokenHandler()
    ///     .AddStandardResilienceHandler();
    /// </code>
    /// </example>
    public static IHttpClientBuilder AddTangoTokenHandler(this IHttpClientBuilder builder, string? clientName = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (clientName is not null)
            ArgumentException.ThrowIfNullOrEmpty(clientName);
        var registration = new HandlerRegistration(builder.Name, clientName);
        if (registration.IsAlreadyIn(builder.Services))
            return builder;
        builder.Services.AddSingleton(registration);
        // After everything that other calls configure, whatever their order.
        builder.Services.PostConfigure<HttpClientFactoryOptions>(builder.Name, options =>
        {
            options.HttpMessageHandlerBuilderActions.Add(registration.Build);
            Func<string, bool> isRedacted = options.ShouldRedactHeaderValue;
            options.ShouldRedactHeaderValue = name => HandlerRegistration.IsSecret(name) || isRedacted(name);
        });
        return builder;
    }
}

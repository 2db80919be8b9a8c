using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http;

namespace TangoToken.Extensions.DependencyInjection;

/// <summary>A call of <c>AddTangoTokenHandler</c>: the names of the HTTP client and of its token client.</summary>
internal sealed record HandlerRegistration(string? HttpClientName, string? ClientName)
{
    /// <summary>Returns whether a header must not be logged.</summary>
    internal static bool IsSecret(string header) =>
        header.Equals("Authorization", StringComparison.OrdinalIgnoreCase)
        || header.Equals("DPoP", StringComparison.OrdinalIgnoreCase);

    /// <summary>Returns whether the same handler was added before: twice it would replace its own token.</summary>
    /// <exception cref="InvalidOperationException">A handler of another token client was added before.</exception>
    internal bool IsAlreadyIn(IServiceCollection services)
    {
        HandlerRegistration? earlier = services
            .Where(service => !service.IsKeyedService)
            .Select(service => service.ImplementationInstance as HandlerRegistration)
            .FirstOrDefault(registration => registration?.HttpClientName == HttpClientName);
        if (earlier is null)
            return false;
        if (earlier == this)
            return true;
        throw new InvalidOperationException(
            $"The HTTP client \"{HttpClientName}\" already has a handler of {Display(earlier.ClientName)}, and cannot "
            + $"have one of {Display(ClientName)} as well: a request has one token. Use one HTTP client for each "
            + "account.");
    }

    /// <summary>Completes the handlers of a new HTTP client.</summary>
    internal void Build(HttpMessageHandlerBuilder builder)
    {
        // ConfigureHttpClientDefaults has no name. An HTTP client that also has a handler under its name keeps that one
        // alone: the outer one of two would decide which account's token is sent.
        if (HttpClientName is null
            && builder.Services.GetServices<HandlerRegistration>().Any(other => other.HttpClientName == builder.Name))
            return;
        TangoTokenClient? client = ClientName is null
            ? builder.Services.GetService<TangoTokenClient>()
            : builder.Services.GetKeyedService<TangoTokenClient>(ClientName);
        if (client is null)
        {
            string call = ClientName is null ? "AddTangoToken(...)" : $"AddTangoToken(\"{ClientName}\", ...)";
            throw new InvalidOperationException(
                $"AddTangoTokenHandler needs {Display(ClientName)}, which is not a service: call {call} as well.");
        }
        ReturnRedirects(builder.PrimaryHandler);
        builder.AdditionalHandlers.Add(new TangoTokenHandler(client));
    }

    private static void ReturnRedirects(HttpMessageHandler? handler)
    {
        while (handler is DelegatingHandler outer)
            handler = outer.InnerHandler;
        if (handler is SocketsHttpHandler { AllowAutoRedirect: true } sockets)
            sockets.AllowAutoRedirect = false;
        else if (handler is HttpClientHandler { AllowAutoRedirect: true } client)
            client.AllowAutoRedirect = false;
    }

    private static string Display(string? clientName) =>
        clientName is null ? "the Tango token client without a name" : $"the Tango token client \"{clientName}\"";
}

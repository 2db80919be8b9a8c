using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NSubstitute;
using TangoToken.Extensions.DependencyInjection.Tests.Support;

namespace TangoToken.Extensions.DependencyInjection.Tests;

/// <summary>An ASP.NET Core application whose requests call the API.</summary>
public sealed class AspNetCoreTests
{
    [Fact]
    public async Task application_calls_the_api_with_one_token()
    {
        using var sandbox = new Sandbox("--dpop", "strict", "--dpop-nonce", "required");
        await using WebApplication application = Application(sandbox.Settings("Tango", ("Dpop", "Required")), sandbox);
        application.Urls.Add("http://127.0.0.1:0");
        await application.StartAsync(Cancel);
        using var http = new HttpClient { BaseAddress = AddressOf(application) };
        string[] bodies = await Task.WhenAll(
            Enumerable.Range(0, 50).Select(_ => http.GetStringAsync(new Uri("/accounts", UriKind.Relative), Cancel)));
        Assert.All(bodies, body => Assert.Contains("sandbox-account", body));
        Assert.Equal(1, await sandbox.Count("tokens_issued"));
        await application.StopAsync(Cancel);
    }

    [Fact]
    public async Task application_with_a_missing_setting_does_not_start()
    {
        using var sandbox = new Sandbox();
        Dictionary<string, string?> settings = sandbox.Settings();
        settings.Remove("Tango:Username");
        await using WebApplication application = Application(settings, sandbox);
        OptionsValidationException error =
            await Assert.ThrowsAsync<OptionsValidationException>(() => application.StartAsync(Cancel));
        Assert.Contains("Username", error.Message);
    }

    [Fact]
    public async Task shutdown_waits_for_a_call_that_waits_for_its_token()
    {
        using var sandbox = new Sandbox();
        await using WebApplication application = Application(sandbox.Settings(), sandbox);
        application.Urls.Add("http://127.0.0.1:0");
        await application.StartAsync(Cancel);
        using var http = new HttpClient { BaseAddress = AddressOf(application) };
        await sandbox.Hold();
        Task<string> call = http.GetStringAsync(new Uri("/accounts", UriKind.Relative), Cancel);
        await sandbox.Received(tokenRequests: 1);
        Task stop = application.StopAsync(Cancel);
        await sandbox.Release();
        Assert.Contains("sandbox-account", await call);
        await stop;
    }

    [Fact]
    public async Task test_of_an_application_needs_no_account()
    {
        TangoTokenClient substitute = Substitute.For<TangoTokenClient>();
        substitute.TryGetToken(out Arg.Any<TangoAccessToken?>()).Returns(call =>
        {
            call[0] = new TangoAccessToken("for-a-test", "Bearer", "raas.all", DateTimeOffset.UtcNow.AddHours(1));
            return true;
        });
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseTestServer();
        builder.Services.AddTangoToken(builder.Configuration.GetSection("Tango"));
        builder.Services.AddSingleton(substitute);
        await using WebApplication application = builder.Build();
        application.MapGet(
            "/ready", (TangoTokenClient client) => client.TryGetToken(out _) ? Results.Ok() : Results.NoContent());
        await application.StartAsync(Cancel);
        using HttpClient http = application.GetTestClient();
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri("/ready", UriKind.Relative), Cancel)).StatusCode);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static Uri AddressOf(WebApplication application) => new(application.Services.GetRequiredService<IServer>()
        .Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    private static WebApplication Application(Dictionary<string, string?> settings, Sandbox sandbox)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddTangoToken(builder.Configuration.GetSection("Tango"));
        builder.Services.AddHttpClient("tango")
            .ConfigurePrimaryHttpMessageHandler(sandbox.Trusting)
            .AddTangoTokenHandler();
        WebApplication application = builder.Build();
        application.MapGet("/accounts", (IHttpClientFactory factory, CancellationToken cancel) =>
            factory.CreateClient("tango").GetStringAsync(sandbox.Api("/accounts"), cancel));
        return application;
    }
}

using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Trace;
using TangoToken.Extensions.DependencyInjection.Tests.Support;

namespace TangoToken.Extensions.DependencyInjection.Tests;

/// <summary>The spans of the source TangoToken, as OpenTelemetry collects them.</summary>
public sealed class TracingTests
{
    private readonly List<Activity> spans = [];

    [Theory]
    [InlineData("GetTokenAsync")]
    [InlineData("GetToken")]
    [InlineData("AuthorizeAsync")]
    [InlineData("Authorize")]
    public async Task wait_on_the_network_is_one_span(string method)
    {
        using var sandbox = new Sandbox();
        using TracerProvider tracing = Collect();
        await using ServiceProvider services = Services(sandbox);
        TangoTokenClient client = services.GetRequiredService<TangoTokenClient>();
        for (int call = 0; call < 3; call++)
            await Call(client, method, sandbox.Api("/accounts"));
        Activity span = Assert.Single(spans);
        Assert.Equal("TangoToken.WaitForToken", span.OperationName);
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
        Assert.True(span.Duration > TimeSpan.Zero);
    }

    [Fact]
    public async Task span_is_a_child_of_that_of_the_caller()
    {
        using var sandbox = new Sandbox();
        using TracerProvider tracing = Collect();
        await using ServiceProvider services = Services(sandbox);
        using var source = new ActivitySource("the application");
        using Activity order = source.StartActivity("an order")!;
        await services.GetRequiredService<TangoTokenClient>().GetTokenAsync(TestContext.Current.CancellationToken);
        Assert.Equal(order.SpanId, Assert.Single(spans).ParentSpanId);
        Assert.Same(order, Activity.Current);
    }

    [Theory]
    [InlineData("GetTokenAsync")]
    [InlineData("GetToken")]
    public async Task failure_is_the_status_of_the_span(string method)
    {
        using var sandbox = new Sandbox();
        using TracerProvider tracing = Collect();
        await using ServiceProvider services = Services(sandbox, ("ClientSecret", "a wrong secret"));
        TangoTokenClient client = services.GetRequiredService<TangoTokenClient>();
        TangoTokenException error = await Assert.ThrowsAsync<TangoTokenException>(
            () => Call(client, method, sandbox.Api("/accounts")));
        Activity span = Assert.Single(spans);
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Equal(error.Message, span.StatusDescription);
        Assert.Equal("CredentialsRefused", span.GetTagItem("error.type"));
        Assert.DoesNotContain("a wrong secret", span.StatusDescription);
    }

    private static async Task Call(TangoTokenClient client, string method, Uri uri) => _ = method switch
    {
        "GetToken" => (object)client.GetToken(),
        "GetTokenAsync" => await client.GetTokenAsync(),
        "Authorize" => client.Authorize(HttpMethod.Get, uri),
        _ => await client.AuthorizeAsync(HttpMethod.Get, uri),
    };

    private TracerProvider Collect() => Sdk.CreateTracerProviderBuilder()
        .AddSource("TangoToken", "the application").AddInMemoryExporter(spans).Build();

    private static ServiceProvider Services(Sandbox sandbox, params (string Key, string Value)[] changes)
    {
        var services = new ServiceCollection();
        services.AddTangoToken(sandbox.Section(changes));
        return services.BuildServiceProvider();
    }
}

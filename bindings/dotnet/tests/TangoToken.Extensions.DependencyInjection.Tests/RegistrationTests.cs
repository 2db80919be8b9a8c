using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using NSubstitute;
using TangoToken.Extensions.DependencyInjection.Tests.Support;

namespace TangoToken.Extensions.DependencyInjection.Tests;

public sealed class RegistrationTests
{
    [Fact]
    public async Task section_of_the_configuration_is_bound()
    {
        using var sandbox = new Sandbox();
        await using ServiceProvider services = Services(
            all => all.AddTangoToken(sandbox.Section(("TotalTimeout", "00:00:07"))));
        TangoTokenClientOptions options = services.GetRequiredService<IOptions<TangoTokenClientOptions>>().Value;
        Assert.Equal(TimeSpan.FromSeconds(7), options.TotalTimeout);
        Assert.Equal("Bearer", (await services.GetRequiredService<TangoTokenClient>().GetTokenAsync(Cancel)).TokenType);
    }

    [Fact]
    public async Task every_option_is_bound()
    {
        IConfiguration section = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["UseEnvironmentVariables"] = "true",
            ["Environment"] = "production",
            ["Dpop"] = "required",
            ["AllowPlainHttp"] = "true",
            ["AllowedOrigins:0"] = "https://a.example",
            ["AllowedOrigins:1"] = "https://b.example",
            ["ConnectTimeout"] = "00:00:01",
            ["Cache"] = "file",
        }).Build();
        await using ServiceProvider services = Services(all => all.AddTangoToken("all", section));
        TangoTokenClientOptions options =
            services.GetRequiredService<IOptionsMonitor<TangoTokenClientOptions>>().Get("all");
        Assert.True(options.UseEnvironmentVariables);
        Assert.Equal(TangoEnvironment.Production, options.Environment);
        Assert.Equal(DpopMode.Required, options.Dpop);
        Assert.True(options.AllowPlainHttp);
        Assert.Equal(["https://a.example", "https://b.example"], options.AllowedOrigins);
        Assert.Equal(TimeSpan.FromSeconds(1), options.ConnectTimeout);
        Assert.Equal("file", options.Cache);
    }

    [Fact]
    public async Task delegate_sets_the_options()
    {
        using var sandbox = new Sandbox();
        await using ServiceProvider services = Services(
            all => all.AddTangoToken(options => sandbox.Section().Bind(options)));
        Assert.Equal("raas.all", (await services.GetRequiredService<TangoTokenClient>().GetTokenAsync(Cancel)).Scope);
    }

    [Fact]
    public async Task named_clients_have_their_own_accounts()
    {
        using var rewards = new Sandbox("--client-id", "rewards");
        using var promotions = new Sandbox("--client-id", "promotions");
        await using ServiceProvider services = Services(all => all
            .AddTangoToken("rewards", rewards.Section())
            .AddTangoToken("promotions", options => promotions.Section().Bind(options)));
        await services.GetRequiredKeyedService<TangoTokenClient>("rewards").GetTokenAsync(Cancel);
        await services.GetRequiredKeyedService<TangoTokenClient>("promotions").GetTokenAsync(Cancel);
        Assert.Contains("client_id=rewards", Assert.Single(await rewards.TokenRequests()));
        Assert.Contains("client_id=promotions", Assert.Single(await promotions.TokenRequests()));
        Assert.Null(services.GetService<TangoTokenClient>());
    }

    [Fact]
    public async Task client_is_one_object_for_the_application()
    {
        using var sandbox = new Sandbox();
        await using ServiceProvider services = Services(all => all
            .AddTangoToken(sandbox.Section()).AddTangoToken("named", sandbox.Section()));
        using IServiceScope scope = services.CreateScope();
        Assert.Same(
            services.GetRequiredService<TangoTokenClient>(),
            scope.ServiceProvider.GetRequiredService<TangoTokenClient>());
        Assert.Same(
            services.GetRequiredKeyedService<TangoTokenClient>("named"),
            scope.ServiceProvider.GetRequiredKeyedService<TangoTokenClient>("named"));
    }

    [Fact]
    public async Task container_disposes_its_clients()
    {
        using var sandbox = new Sandbox();
        ServiceProvider services = Services(all => all.AddTangoToken(sandbox.Section()));
        TangoTokenClient client = services.GetRequiredService<TangoTokenClient>();
        await services.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await client.GetTokenAsync(Cancel));
    }

    [Fact]
    public void second_unnamed_call_with_other_settings_is_refused()
    {
        var services = new ServiceCollection();
        IConfiguration configuration = Configuration("A:ClientId", "B:ClientId");
        services.AddTangoToken(configuration.GetSection("A"));
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(
            () => services.AddTangoToken(configuration.GetSection("B")));
        Assert.Contains("the section A of the configuration, now with the section B", error.Message);
        Assert.Throws<InvalidOperationException>(() => services.AddTangoToken());
        Assert.Throws<InvalidOperationException>(() => services.AddTangoToken(options => options.ClientId = "c"));
    }

    [Fact]
    public void second_call_of_a_name_with_other_settings_is_refused()
    {
        var services = new ServiceCollection();
        IConfiguration configuration = Configuration("A:ClientId", "B:ClientId");
        services.AddTangoToken("shop", configuration.GetSection("A"));
        services.AddTangoToken("other", configuration.GetSection("B"));
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(
            () => services.AddTangoToken("shop", configuration.GetSection("B")));
        Assert.Contains("AddTangoToken(\"shop\") was called a second time", error.Message);
    }

    [Fact]
    public void second_call_with_the_same_settings_changes_nothing()
    {
        var services = new ServiceCollection();
        IConfiguration configuration = Configuration("A:ClientId");
        Action<TangoTokenClientOptions> configure = options => options.ClientId = "c";
        services.AddTangoToken(configuration.GetSection("A")).AddTangoToken("named", configure);
        int count = services.Count;
        services.AddTangoToken(configuration.GetSection("A")).AddTangoToken("named", configure);
        Assert.Equal(count, services.Count);
        var environment = new ServiceCollection();
        environment.AddTangoToken().AddTangoToken();
    }

    [Fact]
    public async Task credentials_beside_the_environment_are_refused()
    {
        using var sandbox = new Sandbox();
        await using ServiceProvider services = Services(all =>
        {
            all.Configure<TangoTokenClientOptions>(sandbox.Section());
            all.AddTangoToken();
        });
        OptionsValidationException error =
            Assert.Throws<OptionsValidationException>(services.GetRequiredService<TangoTokenClient>);
        Assert.Contains("takes the account from the environment variables", error.Message);
        Assert.Contains("AddTangoToken(section)", error.Message);
    }

    [Fact]
    public async Task key_of_the_name_is_used_before_the_one_for_all()
    {
        using var sandbox = new Sandbox("--quota-window-seconds", "0");
        using DpopKey common = DpopKey.Generate(DpopAlgorithm.ES256);
        using DpopKey named = DpopKey.Generate(DpopAlgorithm.EdDSA);
        await using ServiceProvider services = Services(all =>
        {
            all.AddSingleton(common).AddKeyedSingleton("named", named);
            all.AddTangoToken(sandbox.Section(("Dpop", "Required")));
            all.AddTangoToken("named", sandbox.Section(("Dpop", "Required")));
            all.AddTangoToken("unnamed", sandbox.Section(("Dpop", "Required")));
            all.AddTangoToken("bearer", sandbox.Section(("Dpop", "Off")));
        });
        Assert.Equal(common.Thumbprint, await ThumbprintOf(services.GetRequiredService<TangoTokenClient>()));
        Assert.Equal(named.Thumbprint, await ThumbprintOf(services.GetRequiredKeyedService<TangoTokenClient>("named")));
        Assert.Equal(
            common.Thumbprint, await ThumbprintOf(services.GetRequiredKeyedService<TangoTokenClient>("unnamed")));
        Assert.Null(await ThumbprintOf(services.GetRequiredKeyedService<TangoTokenClient>("bearer")));
    }

    [Fact]
    public async Task cache_of_the_container_is_used()
    {
        using var sandbox = new Sandbox();
        ITangoTokenCache common = Substitute.For<ITangoTokenCache>();
        ITangoTokenCache named = Substitute.For<ITangoTokenCache>();
        common.TryLock(default!, default!, default).ReturnsForAnyArgs(true);
        named.TryLock(default!, default!, default).ReturnsForAnyArgs(true);
        await using ServiceProvider services = Services(all =>
        {
            all.AddSingleton(common).AddKeyedSingleton("named", named);
            all.AddTangoToken(sandbox.Section()).AddTangoToken("named", sandbox.Section());
        });
        // The library refuses a cache that grants its lock to everybody; what matters is which one was asked.
        await Assert.ThrowsAsync<TangoTokenException>(
            async () => await services.GetRequiredService<TangoTokenClient>().GetTokenAsync(Cancel));
        Assert.NotEmpty(common.ReceivedCalls());
        Assert.Empty(named.ReceivedCalls());
        await Assert.ThrowsAsync<TangoTokenException>(
            async () => await services.GetRequiredKeyedService<TangoTokenClient>("named").GetTokenAsync(Cancel));
        Assert.NotEmpty(named.ReceivedCalls());
    }

    [Fact]
    public void arguments_are_checked()
    {
        var services = new ServiceCollection();
        IConfiguration section = Configuration("A:ClientId");
        Assert.Equal("services", Assert.Throws<ArgumentNullException>(
            () => TangoTokenServiceCollectionExtensions.AddTangoToken(null!)).ParamName);
        Assert.Equal("configuration", Assert.Throws<ArgumentNullException>(
            () => services.AddTangoToken((IConfiguration)null!)).ParamName);
        Assert.Equal("configure", Assert.Throws<ArgumentNullException>(
            () => services.AddTangoToken((Action<TangoTokenClientOptions>)null!)).ParamName);
        Assert.Equal("name", Assert.Throws<ArgumentException>(() => services.AddTangoToken("", section)).ParamName);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static async Task<string?> ThumbprintOf(TangoTokenClient client)
    {
        using DpopKey? key = (await client.GetTokenAsync(Cancel)).GetDpopKey();
        return key?.Thumbprint;
    }

    private static IConfiguration Configuration(params string[] keys) => new ConfigurationBuilder()
        .AddInMemoryCollection(keys.ToDictionary(key => key, string? (key) => key)).Build();

    private static ServiceProvider Services(Action<IServiceCollection> add)
    {
        var services = new ServiceCollection();
        add(services);
        return services.BuildServiceProvider();
    }
}

using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;
using NSubstitute;
using TangoToken.Extensions.DependencyInjection.Tests.Support;

namespace TangoToken.Extensions.DependencyInjection.Tests;

/// <summary>The generic host: checks at the start, and credentials that change while it runs.</summary>
public sealed class HostTests
{
    [Fact]
    public async Task host_without_a_secret_does_not_start()
    {
        using var sandbox = new Sandbox();
        Dictionary<string, string?> settings = sandbox.Settings();
        settings.Remove("Tango:ClientSecret");
        settings.Remove("Tango:Password");
        using IHost host = Host(
            settings, builder => builder.Services.AddTangoToken(builder.Configuration.GetSection("Tango")));
        OptionsValidationException error =
            await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancel));
        Assert.Equal(typeof(TangoTokenClientOptions), error.OptionsType);
        Assert.Contains("ClientSecret", error.Message);
        Assert.Contains("Password", error.Message);
        Assert.Contains("the section Tango of the configuration", error.Message);
        Assert.DoesNotContain("client_secret", error.Message);
        Assert.Equal(0, await sandbox.Count("connections"));
    }

    [Fact]
    public async Task host_names_the_client_whose_settings_are_wrong()
    {
        using var sandbox = new Sandbox();
        Dictionary<string, string?> settings = sandbox.Settings();
        using IHost host = Host(settings, builder =>
        {
            builder.Services.AddTangoToken("good", builder.Configuration.GetSection("Tango"));
            builder.Services.AddTangoToken("bad", options => options.ClientId = "bad");
        });
        OptionsValidationException error =
            await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancel));
        Assert.Equal("bad", error.OptionsName);
        Assert.Contains("\"bad\"", error.Message);
    }

    [Fact]
    public async Task host_with_a_missing_key_file_does_not_start()
    {
        using var sandbox = new Sandbox();
        Dictionary<string, string?> settings = sandbox.Settings(
            "Tango", ("Dpop", "Required"), ("DpopKeyFile", "/nowhere/key.pem"));
        using IHost host = Host(
            settings, builder => builder.Services.AddTangoToken(builder.Configuration.GetSection("Tango")));
        OptionsValidationException error =
            await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancel));
        Assert.Contains("DpopKeyFile", error.Message);
    }

    [Fact]
    public async Task start_sends_nothing()
    {
        using var sandbox = new Sandbox();
        using IHost host = Host(
            sandbox.Settings(), builder => builder.Services.AddTangoToken(builder.Configuration.GetSection("Tango")));
        await host.StartAsync(Cancel);
        Assert.Equal(0, await sandbox.Count("connections"));
        await host.StopAsync(Cancel);
    }

    [Fact]
    public async Task client_that_a_test_replaced_is_not_checked()
    {
        TangoTokenClient substitute = Substitute.For<TangoTokenClient>();
        using IHost host = Host([], builder =>
        {
            builder.Services.AddTangoToken(builder.Configuration.GetSection("Tango"));
            builder.Services.AddSingleton(substitute);
        });
        await host.StartAsync(Cancel);
        Assert.Same(substitute, host.Services.GetRequiredService<TangoTokenClient>());
        await host.StopAsync(Cancel);
    }

    [Fact]
    public async Task secret_that_changes_in_the_configuration_is_used()
    {
        using var sandbox = new Sandbox();
        var source = new Changeable(sandbox.Settings("Tango", ("ClientSecret", "of yesterday")));
        FakeLogCollector log = new();
        using IHost host = Host(source, log);
        await host.StartAsync(Cancel);
        TangoTokenClient client = host.Services.GetRequiredService<TangoTokenClient>();
        TangoTokenException error =
            await Assert.ThrowsAsync<TangoTokenException>(async () => await client.GetTokenAsync(Cancel));
        Assert.Equal(TangoTokenErrorCode.CredentialsRefused, error.ErrorCode);

        source.Change(("Tango:ClientSecret", sandbox["TANGO_CLIENT_SECRET"]));

        Assert.Equal("Bearer", (await client.GetTokenAsync(Cancel)).TokenType);
        FakeLogRecord record = Assert.Single(Own(log));
        Assert.Equal(LogLevel.Information, record.Level);
        Assert.DoesNotContain(sandbox["TANGO_CLIENT_SECRET"], record.Message);
        await host.StopAsync(Cancel);
    }

    [Fact]
    public async Task password_that_changes_in_the_configuration_is_used()
    {
        using var sandbox = new Sandbox();
        var source = new Changeable(sandbox.Settings("Tango", ("Password", "of yesterday")));
        using IHost host = Host(source, new FakeLogCollector());
        TangoTokenClient client = host.Services.GetRequiredService<TangoTokenClient>();
        await Assert.ThrowsAsync<TangoTokenException>(async () => await client.GetTokenAsync(Cancel));
        source.Change(("Tango:Password", sandbox["TANGO_PASSWORD"]));
        Assert.Equal("Bearer", (await client.GetTokenAsync(Cancel)).TokenType);
    }

    [Fact]
    public async Task account_that_changes_as_a_whole_is_used()
    {
        using var sandbox = new Sandbox();
        var source = new Changeable(sandbox.Settings(
            "Tango", ("ClientId", "a"), ("ClientSecret", "b"), ("Username", "c"), ("Password", "d")));
        using IHost host = Host(source, new FakeLogCollector());
        TangoTokenClient client = host.Services.GetRequiredService<TangoTokenClient>();
        source.Change(
            ("Tango:ClientId", sandbox["TANGO_CLIENT_ID"]), ("Tango:ClientSecret", sandbox["TANGO_CLIENT_SECRET"]),
            ("Tango:Username", sandbox["TANGO_USERNAME"]), ("Tango:Password", sandbox["TANGO_PASSWORD"]));
        Assert.Equal("Bearer", (await client.GetTokenAsync(Cancel)).TokenType);
        Assert.Single(await sandbox.TokenRequests());
    }

    // A request between two changes would have the client of one account and the user of another.
    [Fact]
    public void account_that_changes_as_a_whole_is_changed_at_once()
    {
        TangoTokenClient client = Substitute.For<TangoTokenClient>();
        var monitor = new ChangeableOptions(Account("1"));
        using var updates = new CredentialUpdates(monitor, NullLoggerFactory.Instance);
        updates.Follow(client, "", monitor.CurrentValue);
        monitor.Change(Account("2"));
        client.Received(1).SetCredentials("id 2", "secret 2", "user 2", "password 2");
        Assert.Single(client.ReceivedCalls());
    }

    // Two reloads at once can report their options in the wrong order.
    [Fact]
    public void late_report_of_earlier_options_changes_nothing()
    {
        TangoTokenClient client = Substitute.For<TangoTokenClient>();
        var monitor = new ChangeableOptions(Account("1"));
        using var updates = new CredentialUpdates(monitor, NullLoggerFactory.Instance);
        updates.Follow(client, "", monitor.CurrentValue);
        monitor.Change(Account("3"));
        monitor.Report(Account("2"));
        client.Received(1).SetCredentials("id 3", "secret 3", "user 3", "password 3");
        Assert.Single(client.ReceivedCalls());
    }

    [Fact]
    public async Task credentials_of_another_name_are_left_alone()
    {
        using var sandbox = new Sandbox("--quota-window-seconds", "0");
        Dictionary<string, string?> settings = sandbox.Settings("First");
        foreach (KeyValuePair<string, string?> setting in sandbox.Settings("Second"))
            settings.Add(setting.Key, setting.Value);
        var source = new Changeable(settings);
        HostApplicationBuilder builder = Builder();
        ((IConfigurationBuilder)builder.Configuration).Add(source);
        builder.Services.AddTangoToken("first", builder.Configuration.GetSection("First"));
        builder.Services.AddTangoToken("second", builder.Configuration.GetSection("Second"));
        using IHost host = builder.Build();
        TangoTokenClient first = host.Services.GetRequiredKeyedService<TangoTokenClient>("first");
        TangoTokenClient second = host.Services.GetRequiredKeyedService<TangoTokenClient>("second");
        source.Change(("First:ClientSecret", "wrong"));
        await Assert.ThrowsAsync<TangoTokenException>(async () => await first.GetTokenAsync(Cancel));
        Assert.Equal("Bearer", (await second.GetTokenAsync(Cancel)).TokenType);
    }

    [Fact]
    public async Task credentials_that_vanish_are_logged_and_the_earlier_ones_stay()
    {
        using var sandbox = new Sandbox();
        var source = new Changeable(sandbox.Settings());
        FakeLogCollector log = new();
        using IHost host = Host(source, log);
        TangoTokenClient client = host.Services.GetRequiredService<TangoTokenClient>();
        source.Change(("Tango:ClientSecret", null));
        FakeLogRecord record = Assert.Single(Own(log));
        Assert.Equal(LogLevel.Error, record.Level);
        Assert.Contains("ClientSecret is not set", record.Exception!.Message);
        Assert.Equal("Bearer", (await client.GetTokenAsync(Cancel)).TokenType);
    }

    [Fact]
    public void other_changes_are_logged_as_needing_a_restart()
    {
        using var sandbox = new Sandbox();
        var source = new Changeable(sandbox.Settings());
        FakeLogCollector log = new();
        using IHost host = Host(source, log);
        host.Services.GetRequiredService<TangoTokenClient>();
        source.Change(("Tango:TotalTimeout", "00:00:09"), ("Tango:AllowedOrigins:0", "https://a.example"));
        FakeLogRecord record = Assert.Single(Own(log));
        Assert.Equal(LogLevel.Warning, record.Level);
        Assert.Equal("TotalTimeout, AllowedOrigins", record.GetStructuredStateValue("Settings"));

        source.Change();
        Assert.Single(Own(log));
    }

    [Fact]
    public void every_option_is_compared()
    {
        HashSet<string> credentials = ["ClientId", "ClientSecret", "Username", "Password"];
        foreach (var property in typeof(TangoTokenClientOptions).GetProperties()
            .Where(one => !credentials.Contains(one.Name)))
        {
            var changed = new TangoTokenClientOptions();
            Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (type == typeof(IList<string>))
                ((IList<string>)property.GetValue(changed)!).Add("https://a.example");
            else
                property.SetValue(
                    changed,
                    type == typeof(string) ? "changed"
                        : type == typeof(bool) ? true
                        : type == typeof(TimeSpan) ? TimeSpan.FromSeconds(1)
                        : Enum.ToObject(type, 1));
            Assert.Equal([property.Name], OptionChanges.Find(new TangoTokenClientOptions(), changed));
        }
    }

    private static TangoTokenClientOptions Account(string number) => new()
    {
        ClientId = $"id {number}",
        ClientSecret = $"secret {number}",
        Username = $"user {number}",
        Password = $"password {number}",
    };

    private sealed class ChangeableOptions(TangoTokenClientOptions first) : IOptionsMonitor<TangoTokenClientOptions>
    {
        private Action<TangoTokenClientOptions, string?>? listener;

        public TangoTokenClientOptions CurrentValue { get; private set; } = first;

        public TangoTokenClientOptions Get(string? name) => CurrentValue;

        public IDisposable OnChange(Action<TangoTokenClientOptions, string?> listener)
        {
            this.listener = listener;
            return Substitute.For<IDisposable>();
        }

        internal void Change(TangoTokenClientOptions options)
        {
            CurrentValue = options;
            Report(options);
        }

        internal void Report(TangoTokenClientOptions options) => listener!(options, "");
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The records of the extension itself, which have an event; those of the library have none.</summary>
    private static FakeLogRecord[] Own(FakeLogCollector log) =>
        [.. log.GetSnapshot().Where(record => record.Category == "TangoToken" && record.Id.Id != 0)];

    private static IHost Host(Changeable source, FakeLogCollector log)
    {
        HostApplicationBuilder builder = Builder();
        ((IConfigurationBuilder)builder.Configuration).Add(source);
        builder.Logging.AddProvider(new FakeLoggerProvider(log));
        builder.Services.AddTangoToken(builder.Configuration.GetSection("Tango"));
        return builder.Build();
    }

    private static IHost Host(Dictionary<string, string?> settings, Action<HostApplicationBuilder> add)
    {
        HostApplicationBuilder builder = Builder();
        builder.Configuration.AddInMemoryCollection(settings);
        add(builder);
        return builder.Build();
    }

    private static HostApplicationBuilder Builder()
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddLogging();
        return builder;
    }
}

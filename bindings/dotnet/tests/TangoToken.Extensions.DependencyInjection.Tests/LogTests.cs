using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using TangoToken.Extensions.DependencyInjection.Tests.Support;

namespace TangoToken.Extensions.DependencyInjection.Tests;

/// <summary>The library's log as ILogger.</summary>
public sealed class LogTests
{
    [Fact]
    public async Task lines_have_category_level_message_and_fields()
    {
        using var sandbox = new Sandbox("--client-id", "the shop");
        var log = new FakeLogCollector();
        await using (ServiceProvider services = Services(sandbox, log, LogLevel.Trace))
            await services.GetRequiredService<TangoTokenClient>().GetTokenAsync(Cancel);
        FakeLogRecord[] records = [.. log.GetSnapshot().Where(record => record.Category == "TangoToken")];
        FakeLogRecord news = Assert.Single(
            records, record => record.Message.StartsWith("a new token is held", StringComparison.Ordinal));
        Assert.Equal(LogLevel.Information, news.Level);
        Assert.Equal("the shop", Field(news, "client"));
        FakeLogRecord response = Assert.Single(
            records, record => record.Message.StartsWith("the token endpoint responded", StringComparison.Ordinal));
        Assert.Equal(LogLevel.Debug, response.Level);
        Assert.Equal("200", Field(response, "http_status"));
        Assert.StartsWith("the token endpoint responded client={client}", Field(response, "{OriginalFormat}"));
        Assert.DoesNotContain(records, record => record.Message.Contains(sandbox["TANGO_CLIENT_SECRET"]));
    }

    [Fact]
    public async Task lines_below_the_level_are_not_logged()
    {
        using var sandbox = new Sandbox();
        var log = new FakeLogCollector();
        await using (ServiceProvider services = Services(sandbox, log, LogLevel.Information))
            await services.GetRequiredService<TangoTokenClient>().GetTokenAsync(Cancel);
        Assert.Equal(LogLevel.Information, Assert.Single(log.GetSnapshot()).Level);
    }

    [Fact]
    public async Task level_that_changes_in_the_configuration_is_used()
    {
        using var sandbox = new Sandbox("--quota-window-seconds", "0");
        var source = new Changeable(new Dictionary<string, string?> { ["LogLevel:TangoToken"] = "None" });
        IConfiguration configuration = new ConfigurationBuilder().Add(source).Build();
        var log = new FakeLogCollector();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging
            .SetMinimumLevel(LogLevel.Trace).AddConfiguration(configuration).AddProvider(new FakeLoggerProvider(log)));
        services.AddTangoToken("one", sandbox.Section()).AddTangoToken("two", sandbox.Section());
        await using (ServiceProvider provider = services.BuildServiceProvider())
        {
            await provider.GetRequiredKeyedService<TangoTokenClient>("one").GetTokenAsync(Cancel);
            Assert.Empty(log.GetSnapshot());
            source.Change(("LogLevel:TangoToken", "Information"));
            await provider.GetRequiredKeyedService<TangoTokenClient>("two").GetTokenAsync(Cancel);
        }
        Assert.StartsWith("a new token is held", Assert.Single(log.GetSnapshot()).Message);
    }

    [Fact]
    public async Task newest_container_has_the_log_and_gives_it_back()
    {
        using var sandbox = new Sandbox("--quota-window-seconds", "0");
        var first = new FakeLogCollector();
        var second = new FakeLogCollector();
        await using (ServiceProvider outer = Services(sandbox, first, LogLevel.Information))
        {
            TangoTokenClient client = outer.GetRequiredService<TangoTokenClient>();
            await using (ServiceProvider inner = Services(sandbox, second, LogLevel.Information))
                await inner.GetRequiredService<TangoTokenClient>().GetTokenAsync(Cancel);
            Assert.Single(second.GetSnapshot());
            Assert.Empty(first.GetSnapshot());
            await client.GetTokenAsync(Cancel);
        }
        Assert.Single(first.GetSnapshot());
        Assert.Single(second.GetSnapshot());
    }

    [Fact]
    public void fields_and_template_are_those_of_the_record()
    {
        var line = new LogLine(Record(
            "a {strange} sentence=x", new("client", "a \"b\" ü\n\\"), new("ms", -12L), new("dpop", true)));
        Assert.Equal(
            [
                new("client", "a \"b\" ü\n\\"),
                new("ms", -12L),
                new("dpop", true),
                new("{OriginalFormat}", "a {{strange}} sentence=x client={client} ms={ms} dpop={dpop}"),
            ],
            line.ToArray());
        Assert.Equal(4, line.Count);
        Assert.Equal("ms", line[1].Key);
        Assert.StartsWith("a {strange} sentence=x client=\"a \\\"b\\\" ü", line.ToString());
        Assert.EndsWith(" ms=-12 dpop=true", line.ToString());
    }

    [Fact]
    public void line_without_fields_is_its_own_template()
    {
        LogLine line = new(Record("a sentence"));
        Assert.Equal("a sentence", line.ToString());
        Assert.Equal([new("{OriginalFormat}", "a sentence")], line.ToArray());
    }

    private static TangoTokenLogRecord Record(string message, params KeyValuePair<string, object>[] fields) =>
        new(TangoTokenLogLevel.Info, DateTimeOffset.UnixEpoch, "tango_token::test", message, fields);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string? Field(FakeLogRecord record, string name) => record.GetStructuredStateValue(name);

    private static ServiceProvider Services(Sandbox sandbox, FakeLogCollector log, LogLevel level)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(level).AddProvider(new FakeLoggerProvider(log)));
        services.AddTangoToken(sandbox.Section());
        return services.BuildServiceProvider();
    }
}

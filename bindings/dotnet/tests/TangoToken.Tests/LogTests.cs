using System.Collections.Concurrent;
using System.Text.Json;

namespace TangoToken.Tests;

public class LogTests
{
    [Fact]
    public void Receiver_gets_lines_without_secrets_and_its_exceptions_are_ignored()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        TangoTokenClientOptions options = sandbox.Options();
        TangoAccessToken? token = null;
        IReadOnlyList<string> lines = Lines((level, message, lines) =>
        {
            lines.Enqueue($"{level} {message}");
            throw new InvalidOperationException("an exception of a receiver");
        }, () =>
        {
            using var client = new TangoTokenClient(options);
            token = client.GetToken();
            client.Authorize(HttpMethod.Get, sandbox.Accounts);
        });
        Assert.Contains(lines, line => line.StartsWith("Info", StringComparison.Ordinal));
        string shown = string.Join('\n', lines);
        foreach (string secret in new[] { token!.Value, options.ClientSecret!, options.Password! })
            Assert.DoesNotContain(secret, shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Receiver_stays_when_another_is_refused()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        IReadOnlyList<string> lines = Lines((_, message, lines) => lines.Enqueue(message), () =>
        {
            Assert.Equal("maximumLevel", Assert.ThrowsAny<ArgumentException>(
                () => TangoTokenLog.SetReceiver((TangoTokenLogLevel)9, (_, _) => { })).ParamName);
            using TangoTokenClient client = sandbox.Client();
            client.GetToken();
        });
        Assert.NotEmpty(lines);
    }

    [Fact]
    public void Later_receiver_gets_the_lines_and_the_earlier_one_no_more()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        int later = 0;
        IReadOnlyList<string> earlier = Lines((_, message, lines) => lines.Enqueue(message), () =>
        {
            TangoTokenLog.SetReceiver(TangoTokenLogLevel.Trace, (_, _) => Interlocked.Increment(ref later));
            using TangoTokenClient client = sandbox.Client();
            client.GetToken();
        });
        Assert.Empty(earlier);
        Assert.True(later > 0);
    }

    [Theory]
    [InlineData("Log")]
    [InlineData("Cache")]
    [InlineData("Signer")]
    public async Task Library_is_usable_after_the_load_context_of_a_callback_was_unloaded(string what)
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        string output = await Processes.RunTestProgramAsync("unload", sandbox.Variables, what);
        Assert.EndsWith("Bearer\nBearer\nBearer\nexit code 0", output, StringComparison.Ordinal);
        Assert.Contains("the context is ", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Record_receiver_gets_message_and_typed_fields_apart()
    {
        using var sandbox = new Sandbox("--client-id \"shop\"");
        var records = new ConcurrentQueue<TangoTokenLogRecord>();
        TangoTokenLog.SetRecordReceiver(TangoTokenLogLevel.Trace, records.Enqueue);
        using (TangoTokenClient client = sandbox.Client())
            client.GetToken();
        TangoTokenLog.SetRecordReceiver(TangoTokenLogLevel.Error, null);
        TangoTokenLogRecord response = Assert.Single(records, r => r.Message == "the token endpoint responded");
        Assert.Equal((TangoTokenLogLevel.Debug, "tango_token::endpoint"), (response.Level, response.Target));
        Assert.InRange(response.Time, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddMinutes(1));
        var fields = response.Fields.ToDictionary();
        Assert.Equal<object>(["\"shop\"", 200L], [fields["client"], fields["http_status"]]);
        Assert.IsType<long>(fields["ms"]);
        Assert.StartsWith(
            "the token endpoint responded client=\"\\\"shop\\\"\" http_status=200 ms=", response.ToString());
        Assert.Contains(records, record => record.Fields.Contains(new("dpop", false)));
    }

    [Fact]
    public void Level_or_format_that_is_none_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(
            () => TangoTokenLog.SetRecordReceiver(TangoTokenLogLevel.Off, _ => { }));
        Assert.Throws<ArgumentOutOfRangeException>(() => TangoTokenLog.WriteToStandardError((TangoTokenLogLevel)9));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => TangoTokenLog.WriteToStandardError(TangoTokenLogLevel.Info, (TangoTokenLogFormat)9));
    }

    [Theory]
    [InlineData("variable", "DEBUG INFO", false)]
    [InlineData("receiver", "DEBUG", true)]
    [InlineData("function", "INFO", false)]
    public async Task Line_goes_to_standard_error_unless_a_receiver_gets_it(string how, string levels, bool isReceived)
    {
        using var sandbox = new Sandbox();
        var variables = new Dictionary<string, string?>(sandbox.Variables)
        {
            ["TANGO_LOG"] = "debug",
            ["TANGO_LOG_FORMAT"] = "json",
        };
        string[] lines = (await Processes.RunTestProgramAsync("log", variables, how)).Split('\n');
        Assert.Equal("exit code 0", lines[^1]);
        var written = lines.Where(line => line.StartsWith('{')).Select(line => JsonDocument.Parse(line).RootElement);
        var found = written.Select(line => line.GetProperty("level").GetString()).Distinct().Order();
        Assert.Equal(levels, string.Join(' ', found));
        Assert.Equal(
            isReceived, lines.Any(line => line.StartsWith("Info a new token is held", StringComparison.Ordinal)));
        Assert.DoesNotContain(
            lines, line => line.Contains(variables["TANGO_CLIENT_SECRET"]!, StringComparison.Ordinal));
    }

    /// <summary>Returns the lines that a receiver stored while an action ran, and those that waited for it.</summary>
    private static List<string> Lines(
        Action<TangoTokenLogLevel, string, ConcurrentQueue<string>> receive, Action action)
    {
        var lines = new ConcurrentQueue<string>();
        TangoTokenLog.SetReceiver(TangoTokenLogLevel.Trace, (level, message) => receive(level, message, lines));
        try
        {
            action();
        }
        finally
        {
            // Waits for the lines that the receiver has not got yet.
            TangoTokenLog.SetReceiver(TangoTokenLogLevel.Error, null);
        }
        return [.. lines];
    }
}

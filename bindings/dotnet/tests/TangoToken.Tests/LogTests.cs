using System.Collections.Concurrent;

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

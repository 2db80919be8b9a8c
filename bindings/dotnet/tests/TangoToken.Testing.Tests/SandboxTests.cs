namespace TangoToken.Testing.Tests;

public class SandboxTests
{
    [Fact]
    public async Task Sandbox_serves_a_real_client_and_keeps_a_log()
    {
        await using TangoSandbox sandbox = await TangoSandbox.StartAsync();
        using TangoTokenClient client = sandbox.CreateClient();
        await client.GetTokenAsync();
        Assert.Equal(1, await sandbox.CountAsync("tokens_issued"));
        TangoSandboxRequest request = Assert.Single(await sandbox.GetRequestsAsync());
        Assert.Equal("POST /oauth/token", request.ToString());
        Assert.Contains("grant_type", request.Body, StringComparison.Ordinal);
        await sandbox.ResetAsync();
        Assert.Equal(0, await sandbox.CountAsync("tokens_issued"));
        await Assert.ThrowsAsync<ArgumentException>(() => sandbox.CountAsync("no_such_counter"));
    }

    [Fact]
    public async Task Sandbox_fails_as_a_test_wants()
    {
        await using TangoSandbox sandbox = await TangoSandbox.StartAsync();
        await sandbox.RespondAsync(
            new TangoSandboxResponse { Status = 400, Body = "Client x 1 has exceeded the daily rate limit" });
        using TangoTokenClient client = sandbox.CreateClient();
        TangoTokenException error =
            await Assert.ThrowsAsync<TangoTokenException>(async () => await client.GetTokenAsync());
        Assert.Equal(TangoTokenErrorCode.QuotaRefused, error.ErrorCode);
        TangoSandboxException refused = await Assert.ThrowsAsync<TangoSandboxException>(
            () => sandbox.RespondAsync(new TangoSandboxResponse { Fault = "no such fault" }));
        Assert.Contains("/responses", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Held_responses_are_released()
    {
        await using TangoSandbox sandbox = await TangoSandbox.StartAsync();
        using TangoTokenClient client = sandbox.CreateClient();
        await sandbox.HoldAsync();
        Task<TangoAccessToken> pending = client.GetTokenAsync().AsTask();
        while (await sandbox.CountAsync("token_requests") == 0)
            await Task.Delay(5);
        Assert.False(pending.IsCompleted);
        await sandbox.ReleaseAsync();
        Assert.Equal("Bearer", (await pending).TokenType);
    }

    [Fact]
    public async Task Sandbox_that_does_not_start_says_why()
    {
        TangoSandboxException error = await Assert.ThrowsAsync<TangoSandboxException>(
            () => TangoSandbox.StartAsync("--no-such-option"));
        Assert.Contains("--no-such-option", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_start_ends_the_program()
    {
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TangoSandbox.StartAsync([], cancel.Token));
    }

    // Other tests need the variables of the process, so this one passes the name.
    [Fact]
    public void Missing_sandbox_is_an_error_that_says_how_to_get_it()
    {
        foreach ((string? name, string expected) in new[]
            { ("/not/there", "TANGO_SANDBOX names /not/there"), (null, "pip install tango-token-sandbox") })
        {
            TangoSandboxException error = SandboxProcess.CannotStart(name, new IOException("not found"));
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        }
    }
}

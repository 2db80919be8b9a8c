using System.Text.Json.Nodes;

namespace TangoToken.Tests;

/// <summary>Whole programs that use the library, in processes of their own.</summary>
public class ProgramTests
{
    [Fact]
    public async Task Example_calls_an_API_with_a_bound_token()
    {
        using var sandbox = new Sandbox("--dpop strict --dpop-nonce required");
        using var api = new RawServer(ApiFixture.WantsNonce);
        var environment = new Dictionary<string, string?>(sandbox.Variables)
        {
            ["TANGO_API_URL"] = api.Uri.AbsoluteUri,
            ["TANGO_DPOP"] = "required",
        };
        string output = await Processes.RunManagedAsync("Example", [api.Uri + "accounts"], environment);
        Assert.Contains("DPoP token, expires at ", output, StringComparison.Ordinal);
        Assert.EndsWith("200 hello\n200 hello\nexit code 0", output, StringComparison.Ordinal);
        // A nonce is learned once.
        Assert.Equal(3, api.Requests.Count);

        environment["TANGO_PASSWORD"] = "wrong";
        output = await Processes.RunManagedAsync("Example", [api.Uri.AbsoluteUri], environment);
        Assert.Contains("CredentialsRefused: The server localhost:", output, StringComparison.Ordinal);
        Assert.EndsWith("exit code 1", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("return")]
    [InlineData("exit")]
    public async Task Program_ends_after_threads_of_the_library_called_it(string end)
    {
        using var sandbox = new Sandbox();
        Assert.Equal(
            "Bearer\nthe exit handler ran\nexit code 7",
            await Processes.RunTestProgramAsync("callbacks", sandbox.Variables, end));
    }

    [Fact]
    public async Task Blocked_threads_of_the_pool_get_their_token()
    {
        using var sandbox = new Sandbox("--latency-ms 300");
        Assert.Equal(
            "every thread has a token\nexit code 0",
            await Processes.RunTestProgramAsync("blocked-pool", sandbox.Variables));
    }

    [Fact]
    public async Task Processes_that_start_during_calls_inherit_nothing_and_the_calls_go_on()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0 --latency-ms 5");
        Assert.Equal(
            "every call has a token\nevery child has the files of one before\nexit code 0",
            await Processes.RunTestProgramAsync("children", sandbox.Variables));
    }

    [Fact]
    public async Task Conformance_runner_prints_a_result_for_each_line()
    {
        using var sandbox = new Sandbox();
        using System.Diagnostics.Process process = Processes.StartManaged(
            "Conformance", ["load_env"], sandbox.Variables);
        await process.StandardInput.WriteAsync(
            $"acquire\nacquire_async\nauthorize\tGET\t{sandbox.Accounts}\nobserve\t200\t\t\t\n"
            + "authorize\tGET\thttps://other.example/\nset_credentials\t\t\tme\tpass\ninvalidate\n");
        process.StandardInput.Close();
        string[] lines = (await process.StandardOutput.ReadToEndAsync()).Split(
            '\n', StringSplitOptions.RemoveEmptyEntries);
        await process.WaitForExitAsync();
        JsonNode[] results = [.. lines.Select(line => JsonNode.Parse(line)!)];
        Assert.True((bool)results[0]["client"]!);
        Assert.Equal((string?)results[1]["token"]!["value"], (string?)results[2]["token"]!["value"]);
        Assert.StartsWith("Bearer ", (string?)results[3]["authorization"]!["value"], StringComparison.Ordinal);
        Assert.Equal("done", (string?)results[4]["verdict"]);
        Assert.Equal("TANGO_STATUS_INVALID_ARGUMENT", (string?)results[5]["error"]!["status"]);
        Assert.True((bool)results[6]["done"]!);
        Assert.True((bool)results[7]["done"]!);
        Assert.Equal(8, results.Length);
    }
}

namespace TangoToken.Tests;

public class OptionTests
{
    [Fact]
    public void One_error_names_every_missing_option_as_a_property()
    {
        var options = new TangoTokenClientOptions { Environment = TangoEnvironment.Sandbox, ClientId = "me" };
        TangoTokenException error = Expect.Error(
            TangoTokenErrorCode.InvalidConfiguration, () => new TangoTokenClient(options));
        foreach (string name in new[] { "ClientSecret", "Username", "Password" })
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
        foreach (string name in new[] { "ClientId", "client_secret", "username", "password" })
            Assert.DoesNotContain(name, error.Message, StringComparison.Ordinal);
        Assert.Null(error.RetryAfter);
        Assert.Null(error.StatusCode);
    }

    [Fact]
    public void Option_that_another_one_needs_is_named_as_a_property()
    {
        TangoTokenClientOptions options = Complete();
        options.Environment = null;
        RequireMessage("set Environment (`sandbox` or `production`) or TokenUrl", options);

        options = Complete();
        using DpopKey key = DpopKey.Generate();
        RequireMessage("DpopKey is set and Dpop is not", options, key);
        options.DpopKeyFile = "/key.pem";
        RequireMessage("DpopKeyFile is set and Dpop is not", options);
    }

    [Fact]
    public void Value_outside_its_enum_is_an_argument_exception_that_names_the_property()
    {
        Assert.Equal("Environment", Assert.ThrowsAny<ArgumentException>(
            () => new TangoTokenClient(new TangoTokenClientOptions { Environment = (TangoEnvironment)9 })).ParamName);
        Assert.Equal("Dpop", Assert.ThrowsAny<ArgumentException>(
            () => new TangoTokenClient(new TangoTokenClientOptions { Dpop = (DpopMode)17 })).ParamName);
        Assert.Equal(
            "algorithm", Assert.ThrowsAny<ArgumentException>(() => DpopKey.Generate((DpopAlgorithm)99)).ParamName);
        Assert.Equal("options", Assert.Throws<ArgumentNullException>(() => new TangoTokenClient(null!)).ParamName);
    }

    public static TheoryData<string, Action<TangoTokenClientOptions>> WrongOptions => new()
    {
        { "TokenUrl", options => options.TokenUrl = "http://tango.example/" },
        { "ApiUrl", options => options.ApiUrl = "not a URL" },
        { "AllowedOrigins", options => options.AllowedOrigins.Add("not a URL") },
        { "CaFile", options => options.CaFile = "/nowhere.pem" },
        { "Proxy", options => options.Proxy = "ftp://user:proxy-password@host" },
        { "ConnectTimeout", options => options.ConnectTimeout = TimeSpan.FromHours(1) },
        { "AttemptTimeout", options => options.AttemptTimeout = TimeSpan.Zero },
        { "TotalTimeout", options => options.TotalTimeout = TimeSpan.FromMilliseconds(-1) },
        { "/nowhere.key", options => (options.Dpop, options.DpopKeyFile) = (DpopMode.Required, "/nowhere.key") },
        { "Cache", options => options.Cache = "mongodb://host" },
        { "/nowhere.ca", options => (options.Cache, options.CacheCaFile) = ("rediss://127.0.0.1", "/nowhere.ca") },
    };

    // The library refuses each, so each reaches it, and the message names the property.
    [Theory]
    [MemberData(nameof(WrongOptions), DisableDiscoveryEnumeration = true)]
    public void Wrong_option_is_named(string name, Action<TangoTokenClientOptions> change)
    {
        TangoTokenClientOptions options = Complete();
        change(options);
        Exception error = Assert.ThrowsAny<Exception>(() => new TangoTokenClient(options).Dispose());
        Assert.True(error is TangoTokenException or ArgumentException, error.ToString());
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("proxy-password", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("_url", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AllowPlainHttp_allows_a_token_endpoint_without_TLS()
    {
        TangoTokenClientOptions options = Complete();
        options.TokenUrl = "http://tango.example/oauth/token";
        foreach (bool? refused in new bool?[] { null, false })
        {
            options.AllowPlainHttp = refused;
            Expect.Error(TangoTokenErrorCode.InvalidConfiguration, () => new TangoTokenClient(options));
        }
        options.AllowPlainHttp = true;
        new TangoTokenClient(options).Dispose();
    }

    [Fact]
    public void Audience_scope_and_user_agent_are_sent()
    {
        using var sandbox = new Sandbox();
        TangoTokenClientOptions options = sandbox.Options();
        (options.Audience, options.UserAgent, options.Scope) = ("5min", "a program/1", "raas.all");
        using var client = new TangoTokenClient(options);
        Assert.True(client.GetToken().ExpiresAt - DateTimeOffset.UtcNow <= TimeSpan.FromMinutes(5));
        string received = sandbox.Requests.ToJsonString();
        Assert.Contains("a program/1", received, StringComparison.Ordinal);
        Assert.Contains("scope=raas.all", received, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_are_copied_when_the_client_is_created()
    {
        using var sandbox = new Sandbox();
        TangoTokenClientOptions options = sandbox.Options();
        using var client = new TangoTokenClient(options);
        options.Password = "changed later";
        client.GetToken();
    }

    [Fact]
    public async Task Environment_configures_a_client_and_options_win_over_it()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        var environment = new Dictionary<string, string?>(sandbox.Variables);
        Assert.Contains(
            "Bearer token", await Processes.RunTestProgramAsync("token", environment), StringComparison.Ordinal);

        environment["TANGO_TOKEN_URL"] = "https://127.0.0.1:1/wrong";
        string url = sandbox.Variables["TANGO_TOKEN_URL"]!;
        Assert.Contains("Bearer token", await Processes.RunTestProgramAsync(
            "token-of-options", environment, "TokenUrl", url), StringComparison.Ordinal);

        environment["TANGO_DPOP"] = "perhaps";
        string output = await Processes.RunTestProgramAsync("token", environment);
        Assert.Contains("TangoTokenException", output, StringComparison.Ordinal);
        Assert.Contains("TANGO_DPOP", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Environment_is_not_read_unless_it_is_asked_for()
    {
        using var sandbox = new Sandbox();
        Assert.Contains(
            "exit code 0", await Processes.RunTestProgramAsync("token", sandbox.Variables), StringComparison.Ordinal);
        string output = await Processes.RunTestProgramAsync("no-options", sandbox.Variables);
        Assert.Contains("TangoTokenException", output, StringComparison.Ordinal);
        Assert.Contains("ClientId", output, StringComparison.Ordinal);
    }

    private static void RequireMessage(string expected, TangoTokenClientOptions options, DpopKey? key = null)
    {
        TangoTokenException error = Expect.Error(
            TangoTokenErrorCode.InvalidConfiguration, () => new TangoTokenClient(options, key));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    private static TangoTokenClientOptions Complete() => new()
    {
        Environment = TangoEnvironment.Sandbox,
        ClientId = "an id",
        ClientSecret = "a secret",
        Username = "a user",
        Password = "a password",
    };
}

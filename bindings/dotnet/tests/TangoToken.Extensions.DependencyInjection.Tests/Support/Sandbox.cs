using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace TangoToken.Extensions.DependencyInjection.Tests.Support;

/// <summary>A tango-sandbox that ends with its test.</summary>
internal sealed class Sandbox : IDisposable
{
    private readonly HttpClient control;
    private readonly Process process;
    private readonly Dictionary<string, string> variables;

    internal Sandbox(params string[] arguments)
    {
        string program = Environment.GetEnvironmentVariable("TANGO_SANDBOX")
            ?? throw new InvalidOperationException("TANGO_SANDBOX names the sandbox");
        var start = new ProcessStartInfo(program, ["--until-stdin-closes", "--format", "json", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        process = Process.Start(start)!;
        // It logs a line for each request, and would block on a full pipe.
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        string json = process.StandardOutput.ReadLine()
            ?? throw new InvalidOperationException("the sandbox did not start");
        variables = JsonSerializer.Deserialize<Dictionary<string, string>>(json)!;
        control = new HttpClient { BaseAddress = new Uri(variables["TANGO_SANDBOX_CONTROL_URL"]) };
    }

    internal string this[string variable] => variables[variable];

    internal Uri Api(string path) => new(variables["TANGO_API_URL"] + path);

    /// <summary>The settings of a client of this server, as a section of the configuration has them.</summary>
    internal Dictionary<string, string?> Settings(string section = "Tango", params (string Key, string Value)[] changes)
    {
        var settings = new Dictionary<string, string?>
        {
            [$"{section}:TokenUrl"] = variables["TANGO_TOKEN_URL"],
            [$"{section}:ApiUrl"] = variables["TANGO_API_URL"],
            [$"{section}:CaFile"] = variables["TANGO_CA_FILE"],
            [$"{section}:Proxy"] = variables["TANGO_PROXY"],
            [$"{section}:ClientId"] = variables["TANGO_CLIENT_ID"],
            [$"{section}:ClientSecret"] = variables["TANGO_CLIENT_SECRET"],
            [$"{section}:Username"] = variables["TANGO_USERNAME"],
            [$"{section}:Password"] = variables["TANGO_PASSWORD"],
        };
        foreach ((string key, string value) in changes)
            settings[$"{section}:{key}"] = value;
        return settings;
    }

    internal IConfigurationSection Section(params (string Key, string Value)[] changes) =>
        new ConfigurationBuilder().AddInMemoryCollection(Settings("Tango", changes)).Build().GetSection("Tango");

    /// <summary>Creates a handler that trusts this server, and follows redirects as .NET does by default.</summary>
    internal SocketsHttpHandler Trusting()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(variables["TANGO_CA_FILE"]);
        return new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy } };
    }

    internal async Task<int> Count(string statistic)
    {
        JsonElement statistics = await control.GetFromJsonAsync<JsonElement>("/stats");
        return statistics.GetProperty(statistic).GetInt32();
    }

    /// <summary>Returns the bodies of the token requests, secrets included.</summary>
    internal async Task<string[]> TokenRequests()
    {
        JsonElement requests = await control.GetFromJsonAsync<JsonElement>("/requests");
        return [.. requests.EnumerateArray()
            .Where(request => request.GetProperty("path").GetString() == "/oauth/token")
            .Select(request => request.GetProperty("body").GetString()!)];
    }

    internal Task Script(params object[] responses) => Post("/responses", JsonSerializer.Serialize(responses));

    internal Task Hold() => Post("/hold");

    internal Task Release() => Post("/release");

    internal Task Revoke() => Post("/revoke");

    /// <summary>Waits until the server has received so many token requests.</summary>
    internal async Task Received(int tokenRequests)
    {
        while (await Count("token_requests") < tokenRequests)
            await Task.Delay(5, TestContext.Current.CancellationToken);
    }

    private async Task Post(string path, string json = "")
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await control.PostAsync(path, content);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    public void Dispose()
    {
        control.Dispose();
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
    }
}

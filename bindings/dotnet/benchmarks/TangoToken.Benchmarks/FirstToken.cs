using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Serialization;

namespace TangoToken.Benchmarks;

/// <summary>A new process that gets its first token over TLS, with the library or without.</summary>
internal static partial class FirstToken
{
    /// <summary>Runs this program again, to get a token in one way.</summary>
    internal static async Task RunProcessAsync(string way)
    {
        using Process process = Process.Start(Environment.ProcessPath!, ["first-token", way]);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"The process that gets its token by {way} failed.");
    }

    internal static Task GetAsync(string way) => way switch
    {
        "TangoTokenClient" => GetByLibraryAsync(),
        "HttpClient" => GetByHandAsync(),
        "nothing" => Task.CompletedTask,
        _ => throw new ArgumentException("There is no such way.", nameof(way)),
    };

    private static async Task GetByLibraryAsync()
    {
        using TangoTokenClient client = TangoTokenClient.FromEnvironment();
        await client.GetTokenAsync();
    }

    private static async Task GetByHandAsync()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(Variable("CA_FILE"));
        using var http = new HttpClient(
            new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy }, UseProxy = false });
        using var content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "password",
            ["client_id"] = Variable("CLIENT_ID"),
            ["client_secret"] = Variable("CLIENT_SECRET"),
            ["username"] = Variable("USERNAME"),
            ["password"] = Variable("PASSWORD"),
            ["scope"] = "raas.all",
            ["audience"] = "https://api.tangocard.com/",
        });
        using HttpResponseMessage response = await http.PostAsync(new Uri(Variable("TOKEN_URL")), content);
        response.EnsureSuccessStatusCode();
        await response.Content.ReadFromJsonAsync(Json.Default.TokenResponse);
    }

    private static string Variable(string name) => Environment.GetEnvironmentVariable("TANGO_" + name)!;

    private sealed record TokenResponse([property: JsonPropertyName("access_token")] string AccessToken);

    [JsonSerializable(typeof(TokenResponse))]
    private sealed partial class Json : JsonSerializerContext;
}

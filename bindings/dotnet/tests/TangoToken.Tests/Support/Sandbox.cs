using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TangoToken.Tests.Support;

/// <summary>A tango-sandbox: a Tango authorization server over TLS, which ends with its test.</summary>
internal sealed class Sandbox : IDisposable
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false });
    private readonly Process process;
    private readonly Dictionary<string, string?> variables;

    /// <summary>Starts a server with these options, separated by spaces.</summary>
    internal Sandbox(string options = "")
    {
        process = Processes.Start(
            Processes.Required("TANGO_SANDBOX"),
            ["--until-stdin-closes", "--format", "json", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        // The server logs a line for each request, and would block on a full pipe.
        process.BeginErrorReadLine();
        string line = process.StandardOutput.ReadLine()
            ?? throw new InvalidOperationException("The sandbox did not start.");
        variables = JsonSerializer.Deserialize<Dictionary<string, string?>>(line)!;
    }

    /// <summary>The variables that make a program use the server.</summary>
    internal IReadOnlyDictionary<string, string?> Variables => variables;

    internal string ApiUrl => variables["TANGO_API_URL"]!;

    internal Uri Accounts => new(ApiUrl + "/accounts");

    /// <summary>The options of a client that uses the server.</summary>
    internal TangoTokenClientOptions Options() => new()
    {
        TokenUrl = variables["TANGO_TOKEN_URL"],
        ApiUrl = ApiUrl,
        CaFile = variables["TANGO_CA_FILE"],
        Proxy = variables["TANGO_PROXY"],
        ClientId = variables["TANGO_CLIENT_ID"],
        ClientSecret = variables["TANGO_CLIENT_SECRET"],
        Username = variables["TANGO_USERNAME"],
        Password = variables["TANGO_PASSWORD"],
    };

    internal TangoTokenClient Client() => new(Options());

    internal int TokenRequests => Count("token_requests");

    internal int Count(string statistic) => Get("/stats")[statistic]!.GetValue<int>();

    /// <summary>The requests that the server received, secrets included.</summary>
    internal JsonArray Requests => Get("/requests").AsArray();

    /// <summary>Resets the server, then queues these responses.</summary>
    internal void Script(params object[] responses)
    {
        Post("/reset", null);
        Post("/responses", responses);
    }

    /// <summary>A response of the token endpoint with a token.</summary>
    internal static object TokenResponse(string value, string? scope = null) => new
    {
        headers = new Dictionary<string, string> { ["content-type"] = "application/json" },
        body = JsonSerializer.Serialize(scope is null
            ? (object)new { access_token = value, token_type = "Bearer", expires_in = 3600 }
            : new { access_token = value, token_type = "Bearer", expires_in = 3600, scope }),
    };

    /// <summary>Holds every response until <see cref="Release"/>.</summary>
    internal void Hold() => Post("/hold", null);

    internal void Release() => Post("/release", null);

    internal void WaitForTokenRequests(int count) =>
        Eventually.Require(() => TokenRequests >= count, $"the server received {count} token requests");

    /// <summary>Calls the API over TLS with these headers. Returns the status and the body of the response.</summary>
    internal string Call(Uri uri, RequestAuthorization authorization)
    {
        using Process call = Processes.Start(
            Processes.Required("TANGO_SANDBOX"), ["get", uri.AbsoluteUri, "--ca-file", variables["TANGO_CA_FILE"]!]);
        call.StandardInput.Write($"Authorization: {authorization.Scheme} {authorization.Parameter}\n");
        if (authorization.Dpop is not null)
            call.StandardInput.Write($"DPoP: {authorization.Dpop}\n");
        call.StandardInput.Close();
        return call.StandardOutput.ReadToEnd();
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
    }

    private JsonNode Get(string path) => Send(new HttpRequestMessage(HttpMethod.Get, Control(path)));

    private void Post(string path, object? body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Control(path));
        if (body is not null)
            request.Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        Send(request);
    }

    private string Control(string path) => variables["TANGO_SANDBOX_CONTROL_URL"] + path;

    private static JsonNode Send(HttpRequestMessage request)
    {
        using (request)
        using (HttpResponseMessage response = Http.Send(request))
        using (var reader = new StreamReader(response.Content.ReadAsStream()))
        {
            string body = reader.ReadToEnd();
            Assert.True(response.IsSuccessStatusCode, body);
            return body.Length == 0 ? new JsonObject() : JsonNode.Parse(body)!;
        }
    }
}

using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TangoToken.Testing;

/// <summary>
/// The program tango-sandbox, a local Tango server with an API, over TLS, for tests of a whole program. It ends with
/// <see cref="DisposeAsync"/>, or with the process.
/// </summary>
/// <remarks>
/// The program is the one that the variable <c>TANGO_SANDBOX</c> names, or else <c>tango-sandbox</c> on the
/// <c>PATH</c>.
/// </remarks>
/// <example>
/// <code>
/// await using TangoSandbox sandbox = await TangoSandbox.StartAsync();
/// services.AddTangoToken(sandbox.ApplyTo);
/// services.AddHttpClient("tango", http => http.BaseAddress = sandbox.ApiUrl)
///     .ConfigurePrimaryHttpMessageHandler(sandbox.CreateHandler)
///     .AddTangoTokenHandler();
/// </code>
/// </example>
public sealed class TangoSandbox : IAsyncDisposable
{
    private readonly HttpClient control;
    private readonly SandboxProcess process;

    private TangoSandbox(SandboxProcess process)
    {
        this.process = process;
        // A proxy could not reach this server.
        var handler = new SocketsHttpHandler { UseProxy = false };
        control = new HttpClient(handler) { BaseAddress = new Uri(Variables["TANGO_SANDBOX_CONTROL_URL"]) };
    }

    /// <summary>Gets the <c>TANGO_*</c> variables for a program that uses the server.</summary>
    public IReadOnlyDictionary<string, string> Variables => process.Variables;

    /// <summary>
    /// Gets the URL of the API, with a slash at its end, for <see cref="HttpClient.BaseAddress"/>.
    /// </summary>
    public Uri ApiUrl => new(Variables["TANGO_API_URL"] + "/");

    /// <summary>Gets the file of the certificate authority that the server's certificate comes from.</summary>
    public string CaFile => Variables["TANGO_CA_FILE"];

    /// <summary>Gets the log of the server: a line for each request, without secrets.</summary>
    public string Log => process.Log;

    /// <summary>Starts the sandbox, and waits until it is ready.</summary>
    /// <param name="arguments">
    /// Options of the program, such as <c>--dpop</c>, <c>strict</c>; <c>tango-sandbox --help</c> lists them.
    /// </param>
    /// <returns>The sandbox, which the caller disposes.</returns>
    /// <exception cref="TangoSandboxException">
    /// The program was not found, and the message says how to get it; or it did not start.
    /// </exception>
    public static Task<TangoSandbox> StartAsync(params string[] arguments) =>
        StartAsync(arguments, CancellationToken.None);

    /// <summary>Starts the sandbox, and waits until it is ready.</summary>
    /// <param name="arguments">Options of the program.</param>
    /// <param name="cancellationToken">Ends the wait, and the program.</param>
    /// <returns>The sandbox, which the caller disposes.</returns>
    /// <exception cref="TangoSandboxException">The program was not found, or did not start.</exception>
    public static async Task<TangoSandbox> StartAsync(
        IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        return new(await SandboxProcess.StartAsync(arguments, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Sets the options of a client of this server; an argument of <c>AddTangoToken</c>.</summary>
    /// <param name="options">The options.</param>
    public void ApplyTo(TangoTokenClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.TokenUrl = Variables["TANGO_TOKEN_URL"];
        options.ApiUrl = Variables["TANGO_API_URL"];
        options.CaFile = Variables["TANGO_CA_FILE"];
        options.ClientId = Variables["TANGO_CLIENT_ID"];
        options.ClientSecret = Variables["TANGO_CLIENT_SECRET"];
        options.Username = Variables["TANGO_USERNAME"];
        options.Password = Variables["TANGO_PASSWORD"];
        options.Proxy = Variables["TANGO_PROXY"];
    }

    /// <summary>Creates a real client of this server.</summary>
    /// <returns>The client, which the caller disposes.</returns>
    public TangoTokenClient CreateClient()
    {
        var options = new TangoTokenClientOptions();
        ApplyTo(options);
        return new TangoTokenClient(options);
    }

    /// <summary>Creates a handler that trusts this server, for <see cref="HttpClient"/>.</summary>
    /// <returns>The handler, which the caller disposes. It does not follow redirects.</returns>
    public SocketsHttpHandler CreateHandler()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(CaFile);
        return new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            SslOptions = { CertificateChainPolicy = policy },
        };
    }

    /// <summary>Gets a counter of the server, such as <c>token_requests</c> or <c>api_requests</c>.</summary>
    /// <param name="counter">The name of the counter.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Its value.</returns>
    public async Task<int> CountAsync(string counter, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(counter);
        using JsonDocument counters = await GetAsync("/stats", cancellationToken).ConfigureAwait(false);
        return counters.RootElement.TryGetProperty(counter, out JsonElement value)
            ? value.GetInt32()
            : throw new ArgumentException($"There is no such counter, only {counters.RootElement}.", nameof(counter));
    }

    /// <summary>Gets the requests that arrived, oldest first. They contain the secrets that were sent.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The requests.</returns>
    public async Task<IReadOnlyList<TangoSandboxRequest>> GetRequestsAsync(
        CancellationToken cancellationToken = default)
    {
        using JsonDocument requests = await GetAsync("/requests", cancellationToken).ConfigureAwait(false);
        return [.. requests.RootElement.EnumerateArray().Select(request => new TangoSandboxRequest(request))];
    }

    /// <summary>Queues responses and faults, each for the next request of its path.</summary>
    /// <param name="responses">The responses.</param>
    /// <returns>A task that is complete when they are queued.</returns>
    public Task RespondAsync(params TangoSandboxResponse[] responses)
    {
        ArgumentNullException.ThrowIfNull(responses);
        var queued = new JsonArray([.. responses.Select(response => response.ToJson())]);
        return PostAsync("/responses", queued.ToJsonString(), CancellationToken.None);
    }

    /// <summary>Holds every response until <see cref="ReleaseAsync"/>.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>A task that is complete when the server holds responses.</returns>
    public Task HoldAsync(CancellationToken cancellationToken = default) => PostAsync("/hold", "", cancellationToken);

    /// <summary>Lets the held responses go.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>A task that is complete when they are released.</returns>
    public Task ReleaseAsync(CancellationToken cancellationToken = default) =>
        PostAsync("/release", "", cancellationToken);

    /// <summary>Makes the API reject every token that was issued so far.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>A task that is complete when the tokens are revoked.</returns>
    public Task RevokeAsync(CancellationToken cancellationToken = default) =>
        PostAsync("/revoke", "", cancellationToken);

    /// <summary>Makes every nonce stale.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>A task that is complete when the server has new nonces.</returns>
    public Task RotateNoncesAsync(CancellationToken cancellationToken = default) =>
        PostAsync("/rotate-nonces", "", cancellationToken);

    /// <summary>Clears counters, requests, queued responses, and the daily limit.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>A task that is complete when they are cleared.</returns>
    public Task ResetAsync(CancellationToken cancellationToken = default) => PostAsync("/reset", "", cancellationToken);

    /// <summary>Stops the server, which removes its files.</summary>
    /// <returns>A task that is complete when it has ended.</returns>
    public ValueTask DisposeAsync()
    {
        control.Dispose();
        return process.DisposeAsync();
    }

    private async Task<JsonDocument> GetAsync(string path, CancellationToken cancellationToken) =>
        JsonDocument.Parse(await control.GetStringAsync(path, cancellationToken).ConfigureAwait(false));

    private async Task PostAsync(string path, string json, CancellationToken cancellationToken)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using HttpResponseMessage response =
            await control.PostAsync(path, content, cancellationToken).ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
            return;
        string reason = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        throw new TangoSandboxException($"{path}: {reason}");
    }
}

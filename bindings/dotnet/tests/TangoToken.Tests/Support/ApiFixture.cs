namespace TangoToken.Tests.Support;

/// <summary>
/// HttpClient with the handler against an API on loopback whose responses the test writes. The token comes from a
/// sandbox over TLS.
/// </summary>
internal sealed class ApiFixture : IDisposable
{
    internal const string NonceChallenge =
        "WWW-Authenticate: DPoP error=\"use_dpop_nonce\", error_description=\"a, b\", algs=\"ES256\"";
    internal const string RejectedToken = "WWW-Authenticate: Bearer error=\"invalid_token\"";

    internal ApiFixture(
        DpopMode mode, Func<RawRequest, string> respond, string sandbox = "", DpopKey? dpopKey = null)
        : this(mode, request => Task.FromResult(respond(request)), sandbox, dpopKey) { }

    internal ApiFixture(
        DpopMode mode, Func<RawRequest, Task<string>> respond, string sandbox = "", DpopKey? dpopKey = null)
    {
        Sandbox = new Sandbox(
            $"--quota-window-seconds 0 {(mode == DpopMode.Required ? "--dpop strict" : "")} {sandbox}");
        Api = new RawServer(respond);
        Client = new TangoTokenClient(Options(mode), dpopKey);
        Http = HttpClient();
    }

    internal Sandbox Sandbox { get; }

    internal RawServer Api { get; }

    internal TangoTokenClient Client { get; }

    internal HttpClient Http { get; }

    internal Uri Url(string path = "accounts") => new(Api.Uri, path);

    internal TangoTokenClientOptions Options(DpopMode mode)
    {
        TangoTokenClientOptions options = Sandbox.Options();
        options.ApiUrl = Api.Uri.AbsoluteUri;
        options.Dpop = mode;
        return options;
    }

    /// <summary>A further HttpClient, with this handler behind that of the library.</summary>
    internal HttpClient HttpClient(HttpMessageHandler? inner = null) => new(
        new TangoTokenHandler(Client, inner ?? new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }));

    /// <summary>Responds 200 to a proof with the nonce <c>n1</c>, and challenges any other.</summary>
    internal static string WantsNonce(RawRequest request) => request.Nonce == "n1"
        ? RawServer.Response("200 OK", "hello")
        : RawServer.Response("401 Unauthorized", "nonce, please", NonceChallenge, "DPoP-Nonce: n1");

    public void Dispose()
    {
        Http.Dispose();
        Client.Dispose();
        Api.Dispose();
        Sandbox.Dispose();
    }
}

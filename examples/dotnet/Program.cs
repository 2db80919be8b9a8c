// Calls the Tango API twice with HttpClient: `Example URL`. The TANGO_* environment variables configure it; with
// TANGO_DPOP=required the token is bound to a key.

using System.Security.Cryptography.X509Certificates;
using TangoToken;

if (args is not [var url])
{
    Console.Error.WriteLine("usage: Example URL");
    return 2;
}

using var cancel = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    cancel.Cancel();
};
try
{
    using TangoTokenClient client = TangoTokenClient.FromEnvironment();
    using var http = new HttpClient(new TangoTokenHandler(client, InnerHandler()));
    Console.WriteLine(await client.GetTokenAsync(cancel.Token));
    for (int call = 1; call <= 2; call++)
    {
        using HttpResponseMessage response = await http.GetAsync(new Uri(url), cancel.Token);
        Console.WriteLine($"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancel.Token)}");
    }
    return 0;
}
catch (TangoTokenException error)
{
    Console.Error.WriteLine($"{error.ErrorCode}: {error.Message}");
    if (error.RequestId is not null)
        Console.Error.WriteLine($"  request ID for Tango's support: {error.RequestId}");
    if (error.RetryAfter is not null)
        Console.Error.WriteLine($"  try again in {error.RetryAfter}");
    return 1;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("cancelled");
    return 1;
}

// TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
static SocketsHttpHandler InnerHandler()
{
    var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
    if (Environment.GetEnvironmentVariable("TANGO_CA_FILE") is { Length: > 0 } caFile)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(caFile);
        handler.SslOptions.CertificateChainPolicy = policy;
    }
    return handler;
}

using System.Security.Cryptography.X509Certificates;
using TangoToken;

// TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
var policy = new X509ChainPolicy
{
    TrustMode = X509ChainTrustMode.CustomRootTrust,
    RevocationMode = X509RevocationMode.NoCheck,
};
policy.CustomTrustStore.ImportFromPemFile(Environment.GetEnvironmentVariable("TANGO_CA_FILE")!);
var inner = new SocketsHttpHandler { AllowAutoRedirect = false, SslOptions = { CertificateChainPolicy = policy } };

TangoTokenLog.SetReceiver(TangoTokenLogLevel.Info, (level, line) => Console.WriteLine($"{level}: {line}"));
using TangoTokenClient client = TangoTokenClient.FromEnvironment();
using var http = new HttpClient(new TangoTokenHandler(client, inner));
using HttpResponseMessage response =
    await http.GetAsync(Environment.GetEnvironmentVariable("TANGO_API_URL") + "/accounts");
TangoAccessToken token = await client.GetTokenAsync();
Console.WriteLine($"{(int)response.StatusCode} with a token of type {token.TokenType}");

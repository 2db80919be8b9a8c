using System;
using System.Net.Http;
#if NET8_0_OR_GREATER
using System.Security.Cryptography.X509Certificates;
#endif
using System.Threading;
using System.Threading.Tasks;
using TangoToken;

/// <summary>
/// Calls the Tango API twice with HttpClient: `Example URL`. The TANGO_* environment variables configure it; with
/// TANGO_DPOP=required the token is bound to a key.
/// </summary>
public static class Example
{
    public static int Main(string[] arguments)
    {
        if (arguments.Length != 1)
        {
            Console.Error.WriteLine("usage: Example URL");
            return 2;
        }
        try
        {
            Run(arguments[0]).GetAwaiter().GetResult();
            return 0;
        }
        catch (TangoTokenException error)
        {
            return Report(error);
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("cancelled");
            return 1;
        }
    }

    private static async Task Run(string url)
    {
        using (var cancel = new CancellationTokenSource())
        using (TangoClient client = TangoClient.FromEnvironment())
        using (var http = new HttpClient(new TangoTokenHandler(client, InnerHandler())))
        {
            Console.CancelKeyPress += (sender, pressed) =>
            {
                pressed.Cancel = true;
                cancel.Cancel();
            };
            using (AccessToken token = await client.AcquireAsync(cancel.Token))
                Console.WriteLine("{0}, expires in {1}", token, token.ExpiresIn);
            for (int call = 1; call <= 2; call++)
                using (HttpResponseMessage response = await http.GetAsync(url, cancel.Token))
                    Console.WriteLine("{0} {1}", (int)response.StatusCode, await response.Content.ReadAsStringAsync());
        }
    }

#if NET8_0_OR_GREATER
    // TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
    private static HttpMessageHandler InnerHandler()
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        string caFile = Environment.GetEnvironmentVariable("TANGO_CA_FILE");
        if (!string.IsNullOrEmpty(caFile))
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(caFile);
        }
        return handler;
    }
#else
    private static HttpMessageHandler InnerHandler()
    {
        return new HttpClientHandler { AllowAutoRedirect = false };
    }
#endif

    private static int Report(TangoTokenException error)
    {
        Console.Error.WriteLine("{0}: {1}", error.Status, error.Message);
        if (error.RequestId != null)
            Console.Error.WriteLine("  request ID for Tango's support: {0}", error.RequestId);
        if (error.RetryAfter != null)
            Console.Error.WriteLine("  try again in {0}", error.RetryAfter);
        return 1;
    }
}

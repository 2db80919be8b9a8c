using System;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using TangoToken;

/// <summary>
/// Calls the Tango API with HttpClient: `Example URL`. The token is fetched once, over TLS, and bound to a key if TANGO_DPOP says so;
/// who asks and where is read from the TANGO_* environment variables.
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
        using (var http = new HttpClient(new TangoTokenHandler(client, new HttpClientHandler { AllowAutoRedirect = false })))
        {
            Console.CancelKeyPress += (sender, pressed) =>
            {
                pressed.Cancel = true;
                cancel.Cancel();
            };
            using (AccessToken token = await client.AcquireAsync(cancel.Token))
                Console.WriteLine("{0}, good for {1}", token, token.ExpiresIn);
            for (int call = 1; call <= 2; call++)
                using (HttpResponseMessage response = await http.GetAsync(url, cancel.Token))
                    Console.WriteLine("{0} {1}", (int)response.StatusCode, await response.Content.ReadAsStringAsync());
        }
    }

    private static int Report(TangoTokenException error)
    {
        Console.Error.WriteLine("{0}: {1}", error.Status, error.Message);
        if (error.RequestId != null)
            Console.Error.WriteLine("  request id for Tango's support: {0}", error.RequestId);
        if (error.RetryAfter != null)
            Console.Error.WriteLine("  try again in {0}", error.RetryAfter);
        return 1;
    }
}

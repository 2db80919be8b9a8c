namespace TangoToken.Tests;

/// <summary>
/// The leak check counts that each handle is freed once. These tests check with malloc's statistics that freeing a
/// handle frees its memory.
/// </summary>
public class LeakTests
{
    [Fact]
    public void Tokens_and_requests_are_freed()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        using TangoTokenClient client = sandbox.Client();
        // All handles of one token share an object, so each round needs another token.
        NativeHeap.DoesNotGrow(100, () => client.Invalidate(client.GetToken()));
        NativeHeap.DoesNotGrow(100, () => client.Invalidate(client.GetTokenAsync().AsTask().GetAwaiter().GetResult()));
        client.GetToken();
        NativeHeap.DoesNotGrow(2000, () => client.TryGetToken(out _));
        using var cancel = new CancellationTokenSource();
        NativeHeap.DoesNotGrow(2000, () => client.GetToken(cancel.Token));
    }

    [Fact]
    public void Authorizations_and_refusals_are_freed()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        NativeHeap.DoesNotGrow(2000, () => client.Authorize(HttpMethod.Get, sandbox.Accounts));
        NativeHeap.DoesNotGrow(
            2000, () => client.AuthorizeAsync(HttpMethod.Get, sandbox.Accounts).AsTask().GetAwaiter().GetResult());
        RequestAuthorization authorization = client.Authorize(HttpMethod.Get, sandbox.Accounts);
        NativeHeap.DoesNotGrow(2000, () => client.ShouldRetry(authorization, 200, "n", "DPoP", null));
        var foreign = new Uri("https://other.example/");
        NativeHeap.DoesNotGrow(500, () => Expect.Error(
            TangoTokenErrorCode.InvalidArgument, () => client.Authorize(HttpMethod.Get, foreign)));
    }

    [Fact]
    public void Configurations_clients_and_errors_are_freed()
    {
        var options = new TangoTokenClientOptions { Environment = TangoEnvironment.Sandbox };
        NativeHeap.DoesNotGrow(200, () => Expect.Error(
            TangoTokenErrorCode.InvalidConfiguration, () => new TangoTokenClient(options)));
        options.ClientId = options.ClientSecret = options.Username = options.Password = "x";
        NativeHeap.DoesNotGrow(200, () => new TangoTokenClient(options, cache: new MemoryCache()).Dispose());
    }

    [Fact]
    public void Keys_and_proofs_are_freed()
    {
        NativeHeap.DoesNotGrow(2000, () => DpopKey.Generate().Dispose());
        using DpopKey key = DpopKey.Generate();
        var uri = new Uri("https://api.example/");
        NativeHeap.DoesNotGrow(2000, () => key.CreateProof(HttpMethod.Get, uri));
    }
}

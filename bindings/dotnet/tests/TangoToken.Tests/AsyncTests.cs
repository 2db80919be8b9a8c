using TangoToken.Native;

namespace TangoToken.Tests;

public class AsyncTests
{
    private const int Requests = 10_000;

    [Fact]
    public async Task Ten_thousand_requests_complete_once_when_a_quarter_is_cancelled()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        using var cancel = new CancellationTokenSource();
        sandbox.Hold();
        int[] completions = new int[Requests];
        int onOtherThreads = 0;
        Task<TangoAccessToken>[] tasks = Start(client, i => i % 4 == 0 ? cancel.Token : CancellationToken.None);
        Task[] watchers = [.. tasks.Select((task, i) => task.ContinueWith(
            _ =>
            {
                Interlocked.Increment(ref completions[i]);
                if (!Thread.CurrentThread.IsThreadPoolThread)
                    Interlocked.Increment(ref onOtherThreads);
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default))];
        Assert.DoesNotContain(tasks, task => task.IsCompleted);
        await cancel.CancelAsync();
        foreach (Task<TangoAccessToken> task in tasks.Where((_, i) => i % 4 == 0))
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        Assert.Equal(Requests / 4, tasks.Count(task => task.IsCompleted));
        sandbox.Release();
        await Task.WhenAll(watchers);

        Assert.All(completions, times => Assert.Equal(1, times));
        // Continuations run on the thread pool, never on the library's thread.
        Assert.Equal(0, onOtherThreads);
        Assert.Equal(Requests / 4, tasks.Count(task => task.IsCanceled));
        Assert.Single(tasks.Where(task => !task.IsCanceled).Select(task => task.Result).Distinct());
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Fact]
    public async Task Request_completes_once_when_cancellation_races_with_the_token()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        var cancels = new CancellationTokenSource[Requests];
        Task<TangoAccessToken>[] tasks = Start(client, i =>
        {
            if (i % 4 != 0)
                return CancellationToken.None;
            cancels[i] = new CancellationTokenSource();
            return cancels[i].Token;
        });
        Parallel.ForEach(cancels.Where(cancel => cancel is not null), cancel => cancel.Cancel());
        for (int i = 0; i < Requests; i++)
            if (i % 4 == 0)
                await tasks[i].ContinueWith(_ => { }, TaskScheduler.Default);
            else
                await tasks[i];
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Fact]
    public async Task Token_arrives_while_a_log_receiver_hangs()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        using TangoTokenClient client = sandbox.Client();
        using var isReached = new ManualResetEventSlim();
        using var isOpen = new ManualResetEventSlim();
        TangoTokenLog.SetReceiver(TangoTokenLogLevel.Trace, (_, _) =>
        {
            isReached.Set();
            isOpen.Wait();
        });
        try
        {
            client.GetToken();
            Assert.True(isReached.Wait(TimeSpan.FromSeconds(20)));
            Assert.True(client.GetTokenAsync().IsCompletedSuccessfully);
            using TangoTokenClient other = sandbox.Client();
            Assert.Equal("Bearer", (await other.GetTokenAsync()).TokenType);
        }
        finally
        {
            isOpen.Set();
            TangoTokenLog.SetReceiver(TangoTokenLogLevel.Error, null);
        }
    }

    [Fact]
    public async Task Nothing_is_sent_by_a_call_that_was_cancelled_before()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        var cancelled = new CancellationToken(canceled: true);
        ValueTask<TangoAccessToken> token = client.GetTokenAsync(cancelled);
        Assert.True(token.IsCanceled);
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => token.AsTask());
        Assert.Equal(cancelled, error.CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => client.AuthorizeAsync(HttpMethod.Get, sandbox.Accounts, cancelled).AsTask());
        Assert.ThrowsAny<OperationCanceledException>(() => client.GetToken(cancelled));
        Assert.ThrowsAny<OperationCanceledException>(
            () => client.Authorize(HttpMethod.Get, sandbox.Accounts, cancelled));
        Assert.Equal(0, sandbox.TokenRequests);
    }

    [Fact]
    public async Task Cancellation_ends_one_wait_with_its_token_and_no_other_wait()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        using var early = new CancellationTokenSource();
        using var late = new CancellationTokenSource();
        sandbox.Hold();
        Task<TangoAccessToken> cancelled = client.GetTokenAsync(early.Token).AsTask();
        Task<TangoAccessToken> other = client.GetTokenAsync(late.Token).AsTask();
        await early.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Equal(early.Token, error.CancellationToken);
        Assert.False(other.IsCompleted);
        sandbox.Release();
        TangoAccessToken token = await other;
        await late.CancelAsync();
        Assert.Same(token, await other);
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Fact]
    public async Task Blocking_call_is_cancelled_while_it_waits()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        using var cancel = new CancellationTokenSource();
        sandbox.Hold();
        Task<TangoAccessToken> token = Task.Run(() => client.GetToken(cancel.Token));
        Task<RequestAuthorization> authorization =
            Task.Run(() => client.Authorize(HttpMethod.Get, sandbox.Accounts, cancel.Token));
        sandbox.WaitForTokenRequests(1);
        await cancel.CancelAsync();
        Assert.Equal(
            cancel.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => token)).CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => authorization);
        sandbox.Release();
        client.GetToken();
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Fact]
    public async Task Cancellation_releases_the_native_request_before_the_server_responds()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        int before = LiveObjects.Count;
        using var cancel = new CancellationTokenSource();
        sandbox.Hold();
        Task<TangoAccessToken> token = client.GetTokenAsync(cancel.Token).AsTask();
        Assert.True(LiveObjects.Count > before);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => token);
        Eventually.Require(() => LiveObjects.Count == before, "the request is released");
        sandbox.Release();
    }

    [Fact]
    public void Blocking_on_a_task_does_not_deadlock()
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        // As in a UI: posted callbacks do not run while this thread blocks.
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new BlockedContext());
        try
        {
            TimeSpan limit = TimeSpan.FromSeconds(60);
            Assert.True(fixture.Http.GetAsync(fixture.Url()).Wait(limit));
            fixture.Client.Invalidate(fixture.Client.GetToken());
            Assert.True(fixture.Client.GetTokenAsync().AsTask().Wait(limit));
            fixture.Client.Invalidate(fixture.Client.GetToken());
            Assert.True(fixture.Client.AuthorizeAsync(HttpMethod.Get, fixture.Url()).AsTask().Wait(limit));
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private sealed class BlockedContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) { }
    }

    [Fact]
    public async Task Pending_requests_complete_when_the_client_is_disposed()
    {
        using var sandbox = new Sandbox();
        TangoTokenClient client = sandbox.Client();
        sandbox.Hold();
        Task<TangoAccessToken>[] tasks = [.. Enumerable.Range(0, 100).Select(_ => client.GetTokenAsync().AsTask())];
        Task<RequestAuthorization> authorization = client.AuthorizeAsync(HttpMethod.Get, sandbox.Accounts).AsTask();
        client.Dispose();
        sandbox.Release();
        foreach (TangoAccessToken token in await Task.WhenAll(tasks))
            Assert.Equal("Bearer", token.TokenType);
        Assert.Equal(tasks[0].Result.Value, (await authorization).Parameter);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetTokenAsync().AsTask());
    }

    [Fact]
    public async Task Client_can_be_disposed_while_other_threads_use_it()
    {
        for (int round = 0; round < 50; round++)
        {
            var client = new TangoTokenClient(new TangoTokenClientOptions
            {
                TokenUrl = "https://127.0.0.1:1/",
                ClientId = "id",
                ClientSecret = "secret",
                Username = "user",
                Password = "password",
            });
            Task[] users = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() => UseUntilDisposed(client)))];
            await Task.Yield();
            client.Dispose();
            await Task.WhenAll(users);
        }
    }

    private static void UseUntilDisposed(TangoTokenClient client)
    {
        try
        {
            while (true)
            {
                client.SetClientCredentials("id", "secret");
                client.TryGetToken(out _);
                _ = client.ToString();
                _ = client.GetTokenAsync(new CancellationToken(canceled: true));
            }
        }
        catch (ObjectDisposedException)
        {
        }
    }

    [Fact]
    public async Task Undisposed_objects_are_finalized()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        // The leak check follows, which waits for the finalizers.
        await Task.Run(() => AbandonAsync(sandbox));
    }

    private static async Task AbandonAsync(Sandbox sandbox)
    {
        TangoTokenClientOptions options = sandbox.Options();
        options.Dpop = DpopMode.Required;
        var client = new TangoTokenClient(options, DpopKey.Generate(), new MemoryCache());
        TangoAccessToken token = await client.GetTokenAsync();
        await client.AuthorizeAsync(HttpMethod.Get, sandbox.Accounts);
        Assert.NotNull(token.GetDpopKey());
        Assert.True(LiveObjects.Count >= 6, "client, cache, token, authorization, and two handles of the key");
    }

    private static Task<TangoAccessToken>[] Start(TangoTokenClient client, Func<int, CancellationToken> cancellation) =>
        [.. Enumerable.Range(0, Requests).Select(i => client.GetTokenAsync(cancellation(i)).AsTask())];
}

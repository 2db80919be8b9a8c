using System;
using System.Linq;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace TangoToken.Tests
{
    public static class AsyncTests
    {
        private const int Requests = 10000;

        [Test]
        public static async Task Ten_thousand_requests_complete_once_when_a_quarter_is_cancelled()
        {
            using (Sandbox sandbox = Sandbox.Start("--latency-ms 3000"))
            using (TangoClient client = sandbox.Client())
            using (var cancel = new CancellationTokenSource())
            {
                int[] endings = new int[Requests];
                int onOtherThreads = 0;
                Task<AccessToken>[] tasks = Start(client, i => i % 4 == 0 ? cancel.Token : CancellationToken.None);
                Task[] watchers = tasks.Select((task, i) => task.ContinueWith(
                    ended =>
                    {
                        Interlocked.Increment(ref endings[i]);
                        if (!Thread.CurrentThread.IsThreadPoolThread)
                            Interlocked.Increment(ref onOtherThreads);
                    },
                    TaskContinuationOptions.ExecuteSynchronously)).ToArray();
                Check.Equal(0, tasks.Count(task => task.IsCompleted), "the server has not responded yet");
                cancel.Cancel();
                await Task.WhenAll(watchers);

                Check.That(endings.All(times => times == 1), "each request completes once");
                Check.Equal(0, onOtherThreads, "continuations run on the thread pool, never on the library's thread");
                Check.Equal(Requests / 4, tasks.Count(task => task.IsCanceled));
                Check.That(tasks.Where((task, i) => i % 4 == 0).All(task => task.IsCanceled), "the requests with the cancelled token");
                Check.Equal(Requests * 3 / 4, tasks.Count(task => task.Status == TaskStatus.RanToCompletion));
                foreach (Task<AccessToken> task in tasks.Where(task => !task.IsCanceled))
                    task.Result.Dispose();
                Check.Equal(1, sandbox.TokenRequests);
                Check.Equal(0, Rooted.Live, "roots");
                Check.Equal(1, NativeHandle.Live, "only the client is left, without a garbage collection");
            }
        }

        [Test]
        public static async Task Request_completes_once_when_cancellation_races_with_a_held_token()
        {
            using (Sandbox sandbox = Sandbox.Start())
            using (TangoClient client = sandbox.Client())
            {
                client.Acquire().Dispose();
                var cancels = new CancellationTokenSource[Requests];
                Task<AccessToken>[] tasks = Start(client, i =>
                {
                    if (i % 4 != 0)
                        return CancellationToken.None;
                    cancels[i] = new CancellationTokenSource();
                    return cancels[i].Token;
                });
                Parallel.ForEach(cancels.Where(cancel => cancel != null), cancel => cancel.Cancel());
                foreach (Task<AccessToken> task in tasks)
                {
                    try
                    {
                        (await task).Dispose();
                    }
                    catch (OperationCanceledException)
                    {
                    }
                }
                Check.That(tasks.Where((task, i) => i % 4 != 0).All(task => !task.IsCanceled), "the other requests get the token");
                Check.Equal(1, sandbox.TokenRequests);
            }
        }

        [Test]
        public static async Task AcquireAsync_completes_while_a_log_function_hangs()
        {
            using (Sandbox sandbox = Sandbox.Start("--quota-window-seconds 0"))
            using (TangoClient client = sandbox.Client())
            using (var reached = new ManualResetEventSlim())
            using (var opened = new ManualResetEventSlim())
            {
                TangoLog.SendTo(TangoLogLevel.Trace, (level, line) =>
                {
                    reached.Set();
                    opened.Wait();
                });
                try
                {
                    client.Acquire().Dispose();
                    Check.That(reached.Wait(TimeSpan.FromSeconds(10)), "the function got a line");
                    TangoClientOptions options = sandbox.Options();
                    options.TotalTimeout = TimeSpan.FromSeconds(1.5);
                    using (var other = new TangoClient(options))
                    using (AccessToken token = await other.AcquireAsync())
                        Check.Equal("Bearer", token.TokenType);
                }
                finally
                {
                    opened.Set();
                    TangoLog.SendTo(TangoLogLevel.Error, null);
                }
            }
        }

        [Test]
        public static async Task AcquireAsync_sends_nothing_when_it_was_cancelled_before()
        {
            using (Sandbox sandbox = Sandbox.Start())
            using (TangoClient client = sandbox.Client())
            {
                var cancelled = new CancellationToken(true);
                Task<AccessToken> task = client.AcquireAsync(cancelled);
                Check.That(task.IsCanceled, "at once");
                var error = await Check.ThrowsAsync<OperationCanceledException>(() => task);
                Check.Equal(cancelled, error.CancellationToken);
                await Check.ThrowsAsync<OperationCanceledException>(() => client.AuthorizeAsync("GET", sandbox.ApiUrl, cancelled));
                Check.Equal(0, sandbox.TokenRequests);
            }
        }

        [Test]
        public static async Task Cancellation_ends_one_wait_and_no_completed_one()
        {
            using (Sandbox sandbox = Sandbox.Start("--latency-ms 500"))
            using (TangoClient client = sandbox.Client())
            using (var early = new CancellationTokenSource())
            using (var late = new CancellationTokenSource())
            {
                Task<AccessToken> cancelled = client.AcquireAsync(early.Token);
                Task<AccessToken> other = client.AcquireAsync(late.Token);
                early.Cancel();
                var error = await Check.ThrowsAsync<OperationCanceledException>(() => cancelled);
                Check.Equal(early.Token, error.CancellationToken);
                Check.That(!other.IsCompleted, "the other request still waits for the server");
                using (AccessToken token = await other)
                {
                    late.Cancel();
                    Check.Equal("Bearer", token.TokenType);
                }
                Check.That(!other.IsCanceled, "cancelling a completed request has no effect");
                Check.Equal(1, sandbox.TokenRequests);
            }
        }

        [Test]
        public static async Task Cancellation_ends_the_native_request()
        {
            using (Sandbox sandbox = Sandbox.Start("--latency-ms 2000"))
            using (TangoClient client = sandbox.Client())
            using (var cancel = new CancellationTokenSource())
            {
                Task<AccessToken> task = client.AcquireAsync(cancel.Token);
                Check.Equal(1, Rooted.Live);
                cancel.Cancel();
                await Check.ThrowsAsync<OperationCanceledException>(() => task);
                Check.Equal(0, Rooted.Live, "native code has released its user_data before the server responds");
                Check.Equal(1, NativeHandle.Live, "the client");
            }
        }

        [Test]
        public static void Blocking_on_a_task_does_not_deadlock()
        {
            using (Sandbox sandbox = Sandbox.Start("--latency-ms 100"))
            using (TangoClient client = sandbox.Client())
            using (var http = new HttpClient(new TangoTokenHandler(client, new DelayedHandler())))
            {
                // As in a UI or in classic ASP.NET: posted callbacks do not run while this thread blocks.
                SynchronizationContext before = SynchronizationContext.Current;
                SynchronizationContext.SetSynchronizationContext(new BlockedContext());
                try
                {
                    Check.That(client.AcquireAsync().ContinueWith(task => task.Result.Dispose()).Wait(10000), "AcquireAsync");
                    Task<Authorization> authorization = client.AuthorizeAsync("GET", sandbox.ApiUrl);
                    Check.That(authorization.Wait(10000), "AuthorizeAsync");
                    authorization.Result.Dispose();
                    Check.That(http.GetAsync(sandbox.ApiUrl).Wait(10000), "the handler");
                }
                finally
                {
                    SynchronizationContext.SetSynchronizationContext(before);
                }
            }
        }

        private sealed class BlockedContext : SynchronizationContext
        {
            public override void Post(SendOrPostCallback callback, object state) { }
        }

        private sealed class DelayedHandler : HttpMessageHandler
        {
            protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
            {
                await Task.Delay(20, cancellation).ConfigureAwait(false);
                return new HttpResponseMessage { RequestMessage = request };
            }
        }

        [Test]
        public static async Task Pending_requests_complete_when_the_client_is_disposed()
        {
            using (Sandbox sandbox = Sandbox.Start("--latency-ms 300"))
            {
                TangoClient client = sandbox.Client();
                Task<AccessToken>[] tasks = Enumerable.Range(0, 100).Select(_ => client.AcquireAsync()).ToArray();
                client.Dispose();
                client.Dispose();
                foreach (AccessToken token in await Task.WhenAll(tasks))
                {
                    Check.Equal("Bearer", token.TokenType);
                    token.Dispose();
                }
                Check.Throws<ObjectDisposedException>(() => client.Acquire());
                await Check.ThrowsAsync<ObjectDisposedException>(() => client.AcquireAsync());
                await Check.ThrowsAsync<ObjectDisposedException>(() => client.AuthorizeAsync("GET", sandbox.ApiUrl));
                Check.Equal(0, Rooted.Live);
            }
        }

        [Test]
        public static void Client_can_be_disposed_while_other_threads_use_it()
        {
            using (Sandbox sandbox = Sandbox.Start())
            {
                for (int round = 0; round < 50; round++)
                {
                    TangoClientOptions options = sandbox.Options();
                    options.Cache = "memory";
                    var client = new TangoClient(options);
                    if (round == 0)
                        client.Acquire().Dispose();
                    Task[] users = Enumerable.Range(0, 4).Select(_ => Task.Run(() => UseUntilDisposed(client))).ToArray();
                    Thread.Yield();
                    client.Dispose();
                    Task.WaitAll(users);
                }
            }
        }

        [Test]
        public static void Undisposed_objects_are_finalized()
        {
            using (Sandbox sandbox = Sandbox.Start("--quota-window-seconds 0"))
            {
                // On a separate thread, so that no stack keeps the objects alive.
                Exception failure = null;
                var thread = new Thread(() => failure = Check.Failure(() => Abandon(sandbox)));
                thread.Start();
                thread.Join();
                Check.Equal(null, failure);
                // Mono scans stacks conservatively, so the last token that passed through the library's thread stays alive
                // until other tokens have passed through it.
                using (TangoClient other = sandbox.Client())
                    for (int i = 0; i < 20; i++)
                        other.AcquireAsync().Result.Dispose();
                Check.That(Handles.Settle(), "left after garbage collection: " + Handles.Describe());
            }
        }

        private static void Abandon(Sandbox sandbox)
        {
            TangoClientOptions options = sandbox.Options();
            options.Dpop = DpopMode.Required;
            options.DpopKey = DpopKey.Generate();
            options.CustomCache = new MemoryCache();
            var client = new TangoClient(options);
            AccessToken token = client.Acquire();
            Authorization authorization = client.Authorize("GET", sandbox.ApiUrl);
            DpopKey key = token.GetDpopKey();
            AccessToken second = client.AcquireAsync().Result;
            Check.Equal(6, NativeHandle.Live, "client, two tokens, authorization, and two handles of the key");
            GC.KeepAlive(authorization);
            GC.KeepAlive(second);
            GC.KeepAlive(key);
            GC.KeepAlive(token);
            GC.KeepAlive(client);
            GC.KeepAlive(options.DpopKey);
        }

        private static void UseUntilDisposed(TangoClient client)
        {
            try
            {
                while (true)
                {
                    client.SetCredentials(clientId: "id", clientSecret: "secret");
                    client.AcquireAsync(new CancellationToken(true)).ContinueWith(_ => { }).Wait();
                }
            }
            catch (ObjectDisposedException)
            {
            }
        }

        private static Task<AccessToken>[] Start(TangoClient client, Func<int, CancellationToken> cancellation)
        {
            return Enumerable.Range(0, Requests).Select(i => client.AcquireAsync(cancellation(i))).ToArray();
        }
    }
}

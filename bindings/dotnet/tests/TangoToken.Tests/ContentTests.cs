using System.Net;
using System.Net.Http.Json;
using System.Text;

namespace TangoToken.Tests;

/// <summary>Content that is sent again after a challenge is complete, or the challenge is returned.</summary>
public class ContentTests
{
    private static readonly int[] Numbers = [1, 2];

    public static TheoryData<string, Func<HttpContent>> SentAgain => new()
    {
        { "string", () => new StringContent("[1,2]", Encoding.UTF8, "application/json") },
        { "bytes", () => new ByteArrayContent("[1,2]"u8.ToArray()) },
        { "memory", () => new ReadOnlyMemoryContent("[1,2]"u8.ToArray()) },
        { "form", () => new FormUrlEncodedContent([new("[1,2]", "")]) },
        { "JSON of a list", () => JsonContent.Create(Numbers) },
        { "JSON of a sequence that is read once", () => JsonContent.Create(ReadOnce()) },
        { "JSON of an asynchronous sequence that is read once", () => JsonContent.Create(ReadOnceAsync()) },
        { "loaded stream", () => Loaded(new StreamContent(new MemoryStream("[1,2]"u8.ToArray()))) },
        { "multipart", () => new MultipartFormDataContent("line") { { new StringContent("[1,2]"), "first" } } },
        { "multipart of JSON that is read once", () =>
            new MultipartContent("mixed", "line") { JsonContent.Create(ReadOnce()) } },
        {
            "multipart in multipart",
            () => new MultipartContent("mixed", "outer")
            {
                new MultipartContent("mixed", "inner") { JsonContent.Create(ReadOnceAsync()) },
            }
        },
    };

    [Theory]
    [MemberData(nameof(SentAgain), DisableDiscoveryEnumeration = true)]
    public async Task Content_in_memory_and_JSON_are_sent_again_complete(string name, Func<HttpContent> make)
    {
        using var fixture = new ApiFixture(DpopMode.Required, ApiFixture.WantsNonce);
        using HttpResponseMessage response = await fixture.Http.PostAsync(fixture.Url("orders"), make());
        Assert.True(response.StatusCode == HttpStatusCode.OK, name);
        RequireSameBodies(fixture, 2);
    }

    public static TheoryData<string, Func<HttpContent>> NotSentAgain => new()
    {
        { "stream", () => new StreamContent(new MemoryStream("[1,2]"u8.ToArray())) },
        { "bytes that are read once", () => new ReadOnceBytes("[1,2]"u8.ToArray()) },
        { "multipart with a stream", () =>
            new MultipartContent("mixed", "line") { new StreamContent(new MemoryStream("[1,2]"u8.ToArray())) } },
        { "multipart with bytes that are read once", () =>
            new MultipartContent("mixed", "line") { new ReadOnceBytes("[1,2]"u8.ToArray()) } },
    };

    [Theory]
    [MemberData(nameof(NotSentAgain), DisableDiscoveryEnumeration = true)]
    public async Task Content_that_is_read_once_is_not_sent_again(string name, Func<HttpContent> make)
    {
        using var fixture = new ApiFixture(DpopMode.Required, ApiFixture.WantsNonce);
        using HttpResponseMessage response = await fixture.Http.PostAsync(fixture.Url("orders"), make());
        Assert.True(response.StatusCode == HttpStatusCode.Unauthorized, name);
        Assert.Equal("nonce, please", await response.Content.ReadAsStringAsync());
        // The next request has the nonce.
        using HttpResponseMessage next = await fixture.Http.PostAsync(fixture.Url("orders"), make());
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
        RequireSameBodies(fixture, 2);
    }

    [Fact]
    public async Task Timeout_ends_a_call_whose_JSON_never_ends()
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        fixture.Client.GetToken();
        fixture.Http.Timeout = TimeSpan.FromMilliseconds(200);
        using var content = JsonContent.Create(Endless());
        Task<HttpResponseMessage> call = fixture.Http.PostAsync(fixture.Url(), content);
        Assert.Same(call, await Task.WhenAny(call, Task.Delay(TimeSpan.FromSeconds(10))));
        await Assert.ThrowsAsync<TaskCanceledException>(() => call);
        Assert.Empty(fixture.Api.Requests);

        static async IAsyncEnumerable<int> Endless()
        {
            yield return 1;
            await Task.Delay(Timeout.Infinite);
        }
    }

    [Fact]
    public void Blocking_call_sends_JSON_again()
    {
        using var fixture = new ApiFixture(DpopMode.Required, ApiFixture.WantsNonce);
        using var message = new HttpRequestMessage(HttpMethod.Post, fixture.Url("orders"))
        {
            Content = JsonContent.Create(ReadOnce()),
        };
        using HttpResponseMessage response = fixture.Http.Send(message);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        RequireSameBodies(fixture, 2);
        Assert.ThrowsAny<OperationCanceledException>(() => fixture.Http.Send(
            new HttpRequestMessage(HttpMethod.Get, fixture.Url()), new CancellationToken(canceled: true)));
        Assert.Equal(2, fixture.Api.Requests.Count);
    }

    [Fact]
    public async Task First_response_is_disposed_before_the_request_is_sent_again()
    {
        using var fixture = new ApiFixture(DpopMode.Required, ApiFixture.WantsNonce);
        using var recorder = new Recorder();
        using HttpClient http = fixture.HttpClient(recorder);
        using HttpResponseMessage response = await http.GetAsync(fixture.Url());
        Assert.Equal([true, false], recorder.Contents.Select(content => content.IsDisposed));
    }

    private static void RequireSameBodies(ApiFixture fixture, int count)
    {
        Assert.Equal(count, fixture.Api.Requests.Count);
        Assert.All(fixture.Api.Requests, request =>
        {
            Assert.Equal(fixture.Api.Requests[0].Body, request.Body);
            Assert.Contains("1", request.Body, StringComparison.Ordinal);
            Assert.Contains("2", request.Body, StringComparison.Ordinal);
        });
    }

    private static StreamContent Loaded(StreamContent content)
    {
        content.LoadIntoBufferAsync().GetAwaiter().GetResult();
        return content;
    }

    private static IEnumerable<int> ReadOnce()
    {
        var left = new Queue<int>(Numbers);
        return Enumerable.Repeat(0, int.MaxValue).TakeWhile(_ => left.Count > 0).Select(_ => left.Dequeue());
    }

    private static IAsyncEnumerable<int> ReadOnceAsync()
    {
        var left = new Queue<int>(Numbers);
        async IAsyncEnumerable<int> Take()
        {
            while (left.TryDequeue(out int number))
            {
                await Task.Yield();
                yield return number;
            }
        }

        return Take();
    }

    /// <summary>Content that looks as if it were in memory, and is empty the second time.</summary>
    private sealed class ReadOnceBytes(byte[] bytes) : ByteArrayContent(bytes)
    {
        private readonly byte[] bytes = bytes;
        private bool isRead;

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            if (isRead)
                return Task.CompletedTask;
            isRead = true;
            return stream.WriteAsync(bytes).AsTask();
        }

        protected override Task SerializeToStreamAsync(
            Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            SerializeToStreamAsync(stream, context);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>Records whether the content of each response is disposed.</summary>
    private sealed class Recorder() : DelegatingHandler(new SocketsHttpHandler
    {
        AllowAutoRedirect =
        false,
        UseProxy = false
    })
    {
        internal List<Watched> Contents { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            var watched = new Watched(await response.Content.ReadAsByteArrayAsync(cancellationToken));
            Contents.Add(watched);
            response.Content = watched;
            return response;
        }
    }

    private sealed class Watched(byte[] bytes) : ByteArrayContent(bytes)
    {
        internal bool IsDisposed { get; private set; }

        protected override void Dispose(bool disposing)
        {
            IsDisposed = true;
            base.Dispose(disposing);
        }
    }
}

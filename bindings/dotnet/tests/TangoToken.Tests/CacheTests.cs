namespace TangoToken.Tests;

public class CacheTests
{
    [Fact]
    public async Task Clients_share_a_token_through_a_custom_cache()
    {
        var cache = new MemoryCache();
        using var sandbox = new Sandbox();
        using var first = new TangoTokenClient(sandbox.Options(), cache: cache);
        using var second = new TangoTokenClient(sandbox.Options(), cache: cache);
        Assert.Equal((await first.GetTokenAsync()).Value, (await second.GetTokenAsync()).Value);
        Assert.Equal(1, sandbox.TokenRequests);
        Assert.NotEmpty(cache.Values);
        Assert.DoesNotContain(cache.Values, value => value.Length == 0);
        Eventually.Require(() => cache.Locks == 0, "the lock is released");
    }

    [Fact]
    public async Task Cache_is_told_how_long_to_keep_a_value_and_a_lock()
    {
        var cache = new MemoryCache();
        using var sandbox = new Sandbox();
        using var client = new TangoTokenClient(sandbox.Options(), cache: cache);
        await client.GetTokenAsync();
        Assert.NotEmpty(cache.Times);
        Assert.All(cache.Times, time => Assert.InRange(time, TimeSpan.FromSeconds(1), TimeSpan.FromDays(24.9)));
        // That of the token, which is good for a day.
        Assert.Contains(cache.Times, time => time >= TimeSpan.FromHours(20));
    }

    [Fact]
    public async Task Nothing_is_requested_while_another_process_holds_the_lock()
    {
        var cache = new MemoryCache { IsLockedByAnother = true };
        using var sandbox = new Sandbox();
        TangoTokenClientOptions options = sandbox.Options();
        options.TotalTimeout = TimeSpan.FromSeconds(2);
        using var client = new TangoTokenClient(options, cache: cache);
        await Assert.ThrowsAsync<TangoTokenException>(() => client.GetTokenAsync().AsTask());
        Assert.Equal(0, sandbox.TokenRequests);
        cache.IsLockedByAnother = false;
        await client.GetTokenAsync();
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Fact]
    public void Value_that_is_dropped_is_removed_and_not_replaced_by_an_empty_one()
    {
        var cache = new MemoryCache();
        cache.Set("a", [1], TimeSpan.FromDays(1));
        int result = RawCalls.Save(cache, "a", null);
        Assert.Equal(0, result);
        Assert.Equal(1, cache.Removals);
        Assert.Null(cache.Get("a"));
        Assert.Empty(cache.Values);
        Assert.Equal(0, RawCalls.Save(cache, "b", [2, 3]));
        Assert.Equal([2, 3], cache.Get("b"));
    }

    [Theory]
    [InlineData(nameof(ITangoTokenCache.Get))]
    [InlineData(nameof(ITangoTokenCache.Set))]
    [InlineData(nameof(ITangoTokenCache.TryLock))]
    [InlineData(nameof(ITangoTokenCache.Unlock))]
    public async Task Exception_of_a_cache_is_the_inner_exception(string method)
    {
        var thrown = new IOException("the database is gone");
        var cache = new MemoryCache { Broken = method, Failure = thrown };
        using var sandbox = new Sandbox();
        using var client = new TangoTokenClient(sandbox.Options(), cache: cache);
        // Nothing is sent that cannot be announced. A lock that is not released ends with its lease.
        if (method == nameof(ITangoTokenCache.Unlock))
        {
            await client.GetTokenAsync();
        }
        else
        {
            TangoTokenException error = await Expect.ErrorAsync(
                TangoTokenErrorCode.CacheUnavailable, () => client.GetTokenAsync().AsTask());
            Assert.Same(thrown, error.InnerException);
            Assert.Contains("the database is gone", error.Message, StringComparison.Ordinal);
        }
        Eventually.Require(() => cache.Failures > 0, method + " was called");
    }

    [Fact]
    public async Task AllowFetchWithoutCache_fetches_a_token_while_the_cache_fails()
    {
        var cache = new MemoryCache { Broken = nameof(ITangoTokenCache.Get) };
        using var sandbox = new Sandbox();
        TangoTokenClientOptions options = sandbox.Options();
        options.AllowFetchWithoutCache = true;
        using var client = new TangoTokenClient(options, cache: cache);
        Assert.Equal("Bearer", (await client.GetTokenAsync()).TokenType);
    }

    [Fact]
    public async Task Value_that_is_too_long_makes_the_cache_unavailable()
    {
        var cache = NSubstitute.Substitute.For<ITangoTokenCache>();
        NSubstitute.SubstituteExtensions.Returns(cache.Get(NSubstitute.Arg.Any<string>()), new byte[1_000_000]);
        using var sandbox = new Sandbox();
        using var client = new TangoTokenClient(sandbox.Options(), cache: cache);
        TangoTokenException error = await Expect.ErrorAsync(
            TangoTokenErrorCode.CacheUnavailable, () => client.GetTokenAsync().AsTask());
        Assert.Contains("1000000", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, sandbox.TokenRequests);
    }

    [Fact]
    public async Task Callback_that_waits_for_the_token_it_is_needed_for_is_refused()
    {
        TangoTokenClient? client = null;
        var cache = NSubstitute.Substitute.For<ITangoTokenCache>();
        NSubstitute.SubstituteExtensions.Returns(
            cache.Get(NSubstitute.Arg.Any<string>()), _ => throw Record.Exception(() => client!.GetToken())!);
        using var sandbox = new Sandbox();
        client = new TangoTokenClient(sandbox.Options(), cache: cache);
        using (client)
        {
            TangoTokenException error = await Expect.ErrorAsync(
                TangoTokenErrorCode.CacheUnavailable, () => client.GetTokenAsync().AsTask());
            Assert.Equal(
                TangoTokenErrorCode.WouldBlock, Assert.IsType<TangoTokenException>(error.InnerException).ErrorCode);
        }
    }
}

namespace TangoToken.Tests.Support;

/// <summary>Assertions about the library's own errors.</summary>
internal static class Expect
{
    internal static TangoTokenException Error(TangoTokenErrorCode code, Action action)
    {
        var error = Assert.ThrowsAny<TangoTokenException>(action);
        Assert.True(code == error.ErrorCode, $"{code} was expected: {error}");
        return error;
    }

    internal static async Task<TangoTokenException> ErrorAsync(TangoTokenErrorCode code, Func<Task> action)
    {
        var error = await Assert.ThrowsAnyAsync<TangoTokenException>(action);
        Assert.True(code == error.ErrorCode, $"{code} was expected: {error}");
        return error;
    }
}

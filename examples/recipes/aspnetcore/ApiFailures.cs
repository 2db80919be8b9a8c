using Microsoft.AspNetCore.Diagnostics;
using TangoToken;

namespace Rewards;

/// <summary>Tells the log what happened, and the caller only when to come again.</summary>
internal sealed partial class ApiFailures(ILogger<ApiFailures> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(
        HttpContext context, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not (TangoTokenException or HttpRequestException))
            return false;
        // The message of the library says what to do, and contains no secret.
        LogFailure(logger, exception.GetType().Name, exception.Message);
        context.Response.StatusCode = StatusCodes.Status502BadGateway;
        if (exception is TangoTokenException failure)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            if (failure.RetryAfter is { } wait)
                context.Response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString();
        }
        await context.Response.WriteAsJsonAsync(new { detail = "rewards are not available" }, cancellationToken);
        return true;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The API cannot be used: {Kind}: {Reason}")]
    private static partial void LogFailure(ILogger logger, string kind, string reason);
}
